#include "monitor/ctl/backtest/trace.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "monitor/policy/engine/playback.h"
#include "monitor/run/intervened.h"

namespace phaseguard::ctl {

namespace {

bool is_above_info(const wire::Word<wire::Severity>& severity) {
  return !severity.empty() && severity != wire::Severity::kInfo;
}

bool contains(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// What a knob weighs at one update: its value, or the mean of its per-sample values.
double weight_of(const wire::KnobSetting& knob) {
  if (knob.items.empty()) return knob.value;
  double sum = 0.0;
  for (const double item : knob.items) sum += item;
  return sum / static_cast<double>(knob.items.size());
}

// One policy on its way through a record.
class Tracer {
 public:
  Tracer(const policy::Document& document, const TraceOptions& options)
      : document_(document), options_(options), acting_(acting_rules(document, options)) {
    const wire::PolicyLoaded described = policy::describe(document);
    only_alerts_ =
        options.rule.empty() &&
        std::all_of(described.rules.begin(), described.rules.end(), [](const wire::RuleInfo& rule) {
          return rule.sets.empty() && rule.requests.empty();
        });
    out_.spent.assign(document.knobs.size(), 0.0);
    out_.peaks.resize(document.detectors.size());
  }

  Result<void> start(const wire::Message& message) {
    auto begun = policy::Playback::create(document_, message);
    if (!begun) return tl::unexpected(begun.error());
    playback_ = std::move(*begun);
    const auto& decided = playback_.opening();
    weigh(decided ? decided->knobs : playback_.machine()->settings());
    for (const wire::RuleEvidence& rule : playback_.machine()->rule_evidence()) {
      if (!contains(acting_, rule.rule) || rule.earliest_step < Step{0}) continue;
      if (out_.floor < Step{0} || rule.earliest_step < out_.floor) out_.floor = rule.earliest_step;
    }
    if (decided) look(*decided, message.header.step, 0);
    return {};
  }

  void spend(std::int64_t updates) {
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      out_.spent[i] += weights_[i] * static_cast<double>(updates);
    }
  }

  // `raised`: the recording's own first raise lies behind.
  void on(const wire::Message& message, std::int64_t updates, bool raised) {
    if (auto decided = playback_.on(message)) {
      weigh(decided->knobs);
      const bool acted_before = out_.acted >= Step{0};
      look(*decided, message.header.step, updates);
      if (!acted_before && out_.acted >= Step{0}) out_.after_raise = raised;
    }
    if (raised && options_.until_raise) return;
    if (options_.until_step >= Step{0} && message.header.step > options_.until_step) return;
    if (!std::holds_alternative<wire::Report>(message.body)) return;
    for (std::size_t i = 0; i < out_.peaks.size(); ++i) note_peak(i, message.header.step);
  }

  [[nodiscard]] RunTrace finish(std::int64_t updates) && {
    if (out_.acted >= Step{0}) out_.lead = updates - acted_after_;
    return std::move(out_);
  }

 private:
  void weigh(const std::vector<wire::KnobSetting>& knobs) {
    weights_.clear();
    for (const wire::KnobSetting& knob : knobs) weights_.push_back(weight_of(knob));
    weights_.resize(out_.spent.size());
  }

  void note_peak(std::size_t detector, Step step) {
    const policy::DetectorReading reading = playback_.machine()->reading(detector);
    DetectorPeak& peak = out_.peaks[detector];
    peak.measurements = std::max(peak.measurements, reading.n);
    if (!reading.past_warmup || std::isnan(reading.statistic)) return;
    if (std::isnan(peak.peak) || reading.statistic > peak.peak) {
      peak.peak = reading.statistic;
      peak.step = step;
    }
  }

  void look(const wire::Decision& decision, Step step, std::int64_t updates) {
    if (out_.acted >= Step{0} || !acts(decision)) return;
    out_.acted = step;
    out_.summary = decision.summary;
    acted_after_ = updates;
    for (const wire::RuleEvidence& rule : decision.rules) {
      if (!contains(acting_, rule.rule) || rule.fired_step != step) continue;
      out_.rule = rule.rule;
      out_.at_floor = rule.at_floor;
      break;
    }
  }

  [[nodiscard]] bool acts(const wire::Decision& decision) const {
    if (!options_.rule.empty()) {
      return std::any_of(decision.rules.begin(), decision.rules.end(), [&](const auto& rule) {
        return rule.rule == options_.rule && rule.state != wire::RuleState::kQuiet;
      });
    }
    if (only_alerts_) {
      return std::any_of(decision.alerts.begin(), decision.alerts.end(), [](const auto& alert) {
        return alert.source.is(wire::AlertKind::kRule) && is_above_info(alert.severity);
      });
    }
    if (!decision.requests.empty()) return true;
    for (std::size_t i = 0; i < decision.knobs.size() && i < document_.knobs.size(); ++i) {
      const wire::KnobSetting& knob = decision.knobs[i];
      if (weight_of(knob) > document_.knobs[i].base && knob.cause.is(wire::CauseKind::kRule)) {
        return true;
      }
    }
    return false;
  }

  const policy::Document& document_;
  const TraceOptions& options_;
  std::vector<std::string> acting_;
  bool only_alerts_ = false;
  policy::Playback playback_;
  std::vector<double> weights_;
  std::int64_t acted_after_ = 0;
  RunTrace out_;
};

// All policies together, and the count of updates that they share.
class Pass {
 public:
  Pass(const std::vector<policy::Document>& documents, const TraceOptions& options)
      : refused_(documents.size()) {
    for (const policy::Document& document : documents) tracers_.emplace_back(document, options);
  }

  void on(const wire::Message& message) {
    if (std::holds_alternative<wire::Command>(message.body)) return;
    const auto* hello = std::get_if<wire::Hello>(&message.body);
    if (hello != nullptr) label_ = hello->label.text();
    if (hello != nullptr && !started_) {
      started_ = true;
      step_ = hello->start_step;
      declared_ = hello->knobs;
      for (std::size_t i = 0; i < tracers_.size(); ++i) refused_[i] = tracers_[i].start(message);
      return;
    }
    if (!started_) return;
    const bool raised = raised_ >= Step{0};  // what this message itself raised comes after it
    note_raise(message);
    count(message, hello);
    for (std::size_t i = 0; i < tracers_.size(); ++i) {
      if (refused_[i]) tracers_[i].on(message, updates_, raised);
    }
  }

  [[nodiscard]] bool started() const { return started_; }

  void finish(TracedRun& out) && {
    out.label = std::move(label_);
    out.raised = raised_;
    out.updates = updates_;
    out.samples = samples_;
    for (std::size_t i = 0; i < tracers_.size(); ++i) {
      if (refused_[i]) {
        out.traces.emplace_back(std::move(tracers_[i]).finish(updates_));
      } else {
        out.traces.emplace_back(tl::unexpected<Error>(refused_[i].error()));
      }
    }
  }

 private:
  // Updates between this message and the one before: what was in force then was in force for them.
  void count(const wire::Message& message, const wire::Hello* hello) {
    const auto* applied = std::get_if<wire::Applied>(&message.body);
    const auto* report = std::get_if<wire::Report>(&message.body);
    if (report != nullptr) samples_ += static_cast<std::int64_t>(report->samples.size());
    const bool restarts = hello != nullptr || (applied != nullptr && applied->segment > segment_);
    if (restarts) {
      segment_ = applied != nullptr ? applied->segment : 0;
      step_ = hello != nullptr ? hello->start_step : message.header.step;
      return;
    }
    if (message.header.attempt == 0 || message.header.step <= step_) return;
    const std::int64_t made = message.header.step.value - step_.value;
    step_ = message.header.step;
    updates_ += made;
    for (std::size_t i = 0; i < tracers_.size(); ++i) {
      if (refused_[i]) tracers_[i].spend(made);
    }
  }

  void note_raise(const wire::Message& message) {
    const auto* applied = std::get_if<wire::Applied>(&message.body);
    if (applied == nullptr || raised_ >= Step{0}) return;
    for (const wire::AppliedKnob& knob : applied->knobs) {
      const auto declared =
          std::find_if(declared_.begin(), declared_.end(),
                       [&](const wire::KnobDecl& decl) { return decl.name == knob.name; });
      const double initial = declared == declared_.end() ? 0.0 : declared->initial;
      if (knob.value > initial) raised_ = message.header.step;
    }
    if (applied->segment > 0) raised_ = std::max(step_, message.header.step);
  }

  std::vector<Tracer> tracers_;
  std::vector<Result<void>> refused_;
  std::string label_;
  std::vector<wire::KnobDecl> declared_;
  bool started_ = false;
  Step raised_{-1};
  std::int64_t segment_ = 0;
  Step step_;
  std::int64_t updates_ = 0;
  std::int64_t samples_ = 0;
};

}  // namespace

std::vector<std::string> acting_rules(const policy::Document& document,
                                      const TraceOptions& options) {
  const wire::PolicyLoaded described = policy::describe(document);
  std::vector<std::string> acting, loud, all;
  for (const wire::RuleInfo& rule : described.rules) {
    if (!rule.sets.empty() || !rule.requests.empty()) acting.push_back(rule.name);
    if (is_above_info(rule.alert)) loud.push_back(rule.name);
    all.push_back(rule.name);
  }
  if (!options.rule.empty()) {
    return contains(all, options.rule) ? std::vector<std::string>{options.rule}
                                       : std::vector<std::string>{};
  }
  return acting.empty() ? loud : acting;
}

Result<TracedRun> trace(const store::Reader& reader, const std::vector<policy::Document>& documents,
                        const TraceOptions& options) {
  TracedRun out;
  out.run = reader.run();
  Pass pass(documents, options);
  run::Intervened intervened;
  auto read = reader.each(
      Seq{1},
      [&](const wire::Message& message) {
        pass.on(message);
        intervened.take(message);
        return true;
      },
      0, store::Reader::Decisions::kSkip);
  if (!read) return tl::unexpected(read.error());
  if (!pass.started()) {
    return fail(Errc::kMalformed, reader.path().string() +
                                      ": holds no declaration of a trainer, so there is nothing to "
                                      "replay");
  }
  std::move(pass).finish(out);
  out.intervened = intervened.step();
  return out;
}

}  // namespace phaseguard::ctl
