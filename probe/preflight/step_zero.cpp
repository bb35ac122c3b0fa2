#include "probe/preflight/step_zero.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "monitor/base/text.h"
#include "monitor/policy/asks.h"
#include "monitor/policy/engine/playback.h"
#include "monitor/wire/declaration.h"
#include "monitor/wire/signals.h"

namespace phaseguard::preflight {

namespace {

constexpr std::int64_t kMaxSteps = 1'000'000;

tl::unexpected<Error> passed_on(const Error& error) { return tl::unexpected<Error>(error); }

// What a batch of the data says, signal by signal; empty when no sample of the data says it.
struct Fed {
  bool judge = false, llr = false, nll = false, nll_max = false;
};

Fed fed_by(const std::vector<probe::SampleScore>& samples) {
  Fed fed;
  for (const probe::SampleScore& s : samples) {
    fed.judge = fed.judge || !std::isnan(s.judge);
    fed.llr = fed.llr || !std::isnan(s.llr);
    fed.nll = fed.nll || !std::isnan(s.nll);
    fed.nll_max = fed.nll_max || !std::isnan(s.nll_max);
  }
  return fed;
}

std::vector<wire::SignalDecl> fed_signals(const Fed& fed, std::int64_t cadence) {
  std::vector<wire::SignalDecl> out;
  const auto declare = [&](const char* name) {
    out.push_back(wire::declare_signal(name, cadence));
  };
  if (fed.judge) declare("judge/score");
  if (fed.llr) declare("data/llr");
  if (fed.llr) declare("data/llr_share");
  if (fed.nll) declare("data/ref_nll");
  if (fed.nll_max) declare("data/ref_nll_decisive");
  return out;
}

// A signal of the policy that this pass cannot feed. Its range is the trainer's to declare.
wire::SignalDecl silent_signal(const std::string& name, bool is_group) {
  const wire::StandardSignal* known = wire::find_signal(name);
  wire::SignalDecl out;
  out.name = name;
  out.unit = known != nullptr ? std::string(known->unit) : "1";
  if (is_group) out.items = wire::Items::kSample;
  return out;
}

std::string variant_of(const policy::Document& document, const std::string& signal) {
  for (const auto& detector : document.detectors) {
    if (detector.source.signal == signal && !detector.variant.empty()) return detector.variant;
  }
  return {};
}

// A pass has no variants, so that the policy's own are taken; the units of what it measures it has.
void assume_meaning(wire::SignalDecl& signal, const policy::Document& document, bool is_measured) {
  const std::string unit = signal.unit;
  signal.variant = variant_of(document, signal.name);
  if (const auto* spec = policy::find_signal_spec(document, signal.name)) {
    policy::assume(signal, spec->asks);
  }
  if (is_measured) signal.unit = unit;
}

// Declared as this signal or as the vector or group it is part of.
bool is_covered(const std::vector<wire::SignalDecl>& declared, const std::string& name) {
  const bool group = name.size() > 2 && name.compare(name.size() - 2, 2, "/*") == 0;
  const std::string prefix = group ? name.substr(0, name.size() - 1) : std::string();
  return std::any_of(declared.begin(), declared.end(), [&](const wire::SignalDecl& one) {
    return one.name == name || (group && (one.name.rfind(prefix, 0) == 0 ||
                                          (one.name + "/*" == name && !one.items.empty())));
  });
}

wire::KnobDecl declared_knob(const policy::KnobSpec& spec) {
  wire::KnobDecl knob;
  knob.name = spec.name;
  knob.unit = "1";
  knob.min = spec.min;
  knob.max = spec.max;
  knob.initial = spec.base;
  knob.per_sample = true;
  policy::assume(knob, spec.asks);
  return knob;
}

// A declaration under which the policy can run: what the pass knows is declared with its cadence,
// all else without one, so that it is not taken for overdue.
wire::Hello declaration(const policy::Document& document, const Fed& fed, StepZero& out,
                        const StepZeroOptions& options) {
  wire::Hello hello;
  hello.cadence_steps = 0;
  hello.model_id = "preflight";
  hello.laws = wire::laws_for(wire::kProtocolVersion);
  hello.requests = {wire::RequestType::kRollback, wire::RequestType::kCheckpoint,
                    wire::RequestType::kPause, wire::RequestType::kStop};
  for (const auto& knob : document.knobs) hello.knobs.push_back(declared_knob(knob));
  hello.signals = fed_signals(fed, options.cadence);
  const std::size_t known = hello.signals.size();
  for (const std::string& name : policy::signals_read(document)) {
    if (is_covered(hello.signals, name)) {
      out.fed.push_back(name);
      continue;
    }
    out.silent.push_back(name);
    std::string plain = name;
    if (plain.size() > 2 && plain.compare(plain.size() - 2, 2, "/*") == 0) {
      plain.resize(plain.size() - 2);
    }
    hello.signals.push_back(silent_signal(plain, plain != name));
  }
  for (const policy::SignalSpec& spec : document.signals) {  // a member of a group
    if (!is_covered(hello.signals, spec.name)) {
      hello.signals.push_back(silent_signal(spec.name, false));
    }
  }
  for (std::size_t i = 0; i < hello.signals.size(); ++i) {
    assume_meaning(hello.signals[i], document, i < known);
    if (i >= known) hello.signals[i].every_steps = 0;
  }
  return hello;
}

// Mean over the samples that say something; NaN, which is BAD, when fewer than half do.
template <class Value>
wire::Sample sample_of(const char* name, const std::vector<const probe::SampleScore*>& batch,
                       bool items, Value value) {
  wire::Sample out;
  out.signal = name;
  double sum = 0.0;
  std::size_t n = 0;
  for (const probe::SampleScore* s : batch) {
    const double v = value(*s);
    if (items) out.items.push_back(v);
    if (!std::isfinite(v)) continue;
    sum += v;
    ++n;
  }
  out.value = 2 * n >= batch.size() && n > 0 ? sum / static_cast<double>(n) : wire::kNaN;
  return out;
}

wire::Report report_of(const std::vector<const probe::SampleScore*>& batch, const Fed& fed,
                       double flag) {
  wire::Report report;
  report.origin = wire::Report::Origin::kBatch;
  auto& out = report.samples;
  if (fed.judge)
    out.push_back(sample_of("judge/score", batch, true, [](const auto& s) { return s.judge; }));
  if (fed.llr) {
    out.push_back(sample_of("data/llr", batch, true, [](const auto& s) { return s.llr; }));
    out.push_back(sample_of("data/llr_share", batch, true, [flag](const auto& s) {
      const double ratio = flag_ratio(s);
      return std::isfinite(ratio) ? (ratio > flag ? 1.0 : 0.0) : wire::kNaN;
    }));
  }
  if (fed.nll)
    out.push_back(sample_of("data/ref_nll", batch, false, [](const auto& s) { return s.nll; }));
  if (fed.nll_max) {
    out.push_back(
        sample_of("data/ref_nll_decisive", batch, false, [](const auto& s) { return s.nll_max; }));
  }
  return report;
}

class Rehearsal {
 public:
  explicit Rehearsal(StepZero& out) : out_(out) {}

  // Error: the policy does not fit the declaration.
  Result<void> begin(const policy::Document& document, const wire::Hello& hello) {
    auto begun = policy::Playback::create(document, message(hello, 0));
    if (!begun) return passed_on(begun.error());
    playback_ = std::move(*begun);
    for (const auto& knob : document.knobs) base_.push_back(knob.base);
    if (playback_.opening()) note(*playback_.opening(), 0);
    return {};
  }

  void tell(wire::Body body, std::int64_t step) {
    if (const auto decision = playback_.on(message(std::move(body), step))) note(*decision, step);
  }

  [[nodiscard]] const policy::Machine& machine() const { return *playback_.machine(); }

 private:
  wire::Message message(wire::Body body, std::int64_t step) {
    wire::Message message;
    message.header.run = *RunId::parse("preflight");
    message.header.seq = Seq{++seq_};
    message.header.source_seq = message.header.seq;
    message.header.step = Step{step};
    message.header.t = static_cast<double>(step);
    message.header.attempt = 1;
    message.body = std::move(body);
    return message;
  }

  void note(const wire::Decision& decision, std::int64_t step) {
    Decided decided{step, decision.summary, decision.knobs, {}, decision.alerts};
    for (const auto& request : decision.requests) decided.requests.push_back(request.type.text());
    out_.decisions.push_back(std::move(decided));
    for (std::size_t i = 0; i < decision.knobs.size() && i < base_.size(); ++i) {
      const bool moved = decision.knobs[i].value != base_[i] || !decision.knobs[i].items.empty();
      if (moved && !out_.first_rise) out_.first_rise = step;
    }
  }

  policy::Playback playback_;
  StepZero& out_;
  std::vector<double> base_;
  std::int64_t seq_ = 0;
};

}  // namespace

std::optional<LargestLambda> largest_lambda(const policy::Document& document) {
  std::optional<LargestLambda> out;
  for (const auto& rule : document.rules) {
    for (const auto& action : rule.sets) {
      const policy::KnobSpec& knob = document.knobs[action.knob];
      if (knob.name != "kl") continue;
      const double value = std::min(knob.max, policy::reach_of(action.controller, knob.base).max);
      if (!out || value > out->value) out = LargestLambda{value, rule.name};
    }
  }
  return out;
}

Result<StepZero> step_zero(const policy::Document& document,
                           const std::vector<probe::SampleScore>& samples,
                           const StepZeroOptions& options) {
  if (samples.empty() || options.batch == 0 || options.cadence < 1 || options.cadence > kMaxSteps ||
      options.measurements > static_cast<std::size_t>(kMaxSteps / options.cadence)) {
    return fail(Errc::kInvalidArgument,
                "pre-flight of a policy: expected samples, a batch and a cadence of at least 1, "
                "and a bounded number of measurements");
  }
  StepZero out;
  const Fed fed = fed_by(samples);
  const wire::Hello hello = declaration(document, fed, out, options);
  Rehearsal rehearsal(out);
  if (Result<void> begun = rehearsal.begin(document, hello); !begun) {
    return passed_on(begun.error());
  }
  out.policy = policy::describe(document, hello);
  std::size_t at = 0;
  for (std::size_t i = 0; i <= options.measurements; ++i) {
    std::vector<const probe::SampleScore*> batch;
    for (std::size_t k = 0; k < std::min(options.batch, samples.size()); ++k) {
      batch.push_back(&samples[at++ % samples.size()]);
    }
    out.last_step = static_cast<std::int64_t>(i) * options.cadence;
    wire::Report report = report_of(batch, fed, options.flag_llr);
    report.batch = static_cast<std::int64_t>(i) + 1;
    rehearsal.tell(std::move(report), out.last_step);
    if (i > 0) continue;
    out.detectors = rehearsal.machine().detector_evidence();
    out.rules = rehearsal.machine().rule_evidence();
  }
  out.detectors_after = rehearsal.machine().detector_evidence();
  out.rules_after = rehearsal.machine().rule_evidence();
  return out;
}

}  // namespace phaseguard::preflight
