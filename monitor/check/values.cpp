#include "monitor/check/values.h"

#include <algorithm>
#include <cmath>

#include "monitor/base/table_text.h"
#include "monitor/base/text.h"

namespace phaseguard::check {

namespace {

using wire::ReportFate;

constexpr std::int64_t kInARow = 3;  // so many are no slip of one frame
constexpr std::size_t kShown = 60;

std::string step_text(Step step) { return std::to_string(step.value); }

}  // namespace

void Values::see(const std::string& mistake, const wire::Message& recorded,
                 const std::string& signal, std::string detail) {
  Sightings& sightings = sightings_[mistake];
  if (++sightings.times > 1) return;
  sightings.signal = signal;
  sightings.number = recorded.header.source_seq;
  sightings.step = recorded.header.step;
  sightings.detail = std::move(detail);
}

std::map<std::string, Values::Fates> Values::counts() const {
  std::map<std::string, Fates> out;
  for (const auto& [signal, fates] : state_.fates.signals) out[signal] = fates.counts;
  return out;
}

void Values::on_recorded(const wire::Message& recorded) {
  const std::size_t segments = state_.segments.size();
  const std::map<std::string, Fates> before = counts();
  run::fold(state_, recorded);
  if (state_.segments.size() != segments) tracks_.clear();
  if (std::holds_alternative<wire::Report>(recorded.body)) on_report(recorded, before);
}

void Values::on_report(const wire::Message& recorded, const std::map<std::string, Fates>& before) {
  const auto& report = std::get<wire::Report>(recorded.body);
  ++reports_;
  if (first_ < Step{0}) first_ = recorded.header.step;
  last_ = recorded.header.step;
  parts_ += report.part.empty() ? 0 : 1;
  if (state_.fates.beyond == recorded.header.step && state_.fates.beyond >= Step{0})
    see("beyond", recorded, "", std::to_string(state_.total_steps));
  std::set<std::string> looked_at;
  for (const wire::Sample& sample : report.samples) {
    const auto known = before.find(sample.signal);
    const Fates none{};
    const Fates& then = known == before.end() ? none : known->second;
    const Fates& now = state_.fates.signals[sample.signal].counts;
    if (!looked_at.insert(sample.signal).second) continue;  // counted with the first of the name
    for (std::size_t i = 0; i < now.size(); ++i) {
      for (std::int64_t n = then[i]; n < now[i]; ++n)
        on_value(recorded, sample, static_cast<ReportFate>(i));
    }
  }
  look_for_silent(recorded);
}

void Values::on_value(const wire::Message& recorded, const wire::Sample& sample, ReportFate fate) {
  const Step step = recorded.header.step;
  ++values_;
  Track& track = tracks_[sample.signal];
  const bool is_part = !std::get<wire::Report>(recorded.body).part.empty();
  switch (fate) {
    case ReportFate::kUndeclared:
      return on_undeclared(recorded, sample.signal);
    case ReportFate::kLate:
      // Between the two newest ones: it was the newest that stepped out of line.
      return see(step > track.before && !is_part ? "late between" : "late below", recorded,
                 sample.signal, step_text(track.newest));
    case ReportFate::kRepeated:
      if (!is_part) on_repeated(recorded, sample, track);
      return;
    case ReportFate::kOutOfRange:
      see("out of range", recorded, sample.signal, number_text(sample.value));
      break;
    case ReportFate::kNotANumber:
      ++bad_;
      if (track.bad_in_a_row + 1 == run::kFatesToAlert) see("no number", recorded, sample.signal);
      break;
    case ReportFate::kDecided:
    case ReportFate::kDuplicate:
    case ReportFate::kJoined:
      break;
  }
  track.is_bad = fate == ReportFate::kNotANumber;
  track.bad_in_a_row = track.is_bad ? track.bad_in_a_row + 1 : 0;
  if (step > track.newest) track.before = std::exchange(track.newest, step);
}

void Values::on_repeated(const wire::Message& recorded, const wire::Sample& sample, Track& track) {
  if (std::exchange(track.is_bad, false) && std::isfinite(sample.value))
    return see("retry", recorded, sample.signal, number_text(sample.value));
  repeated_steps_.insert(recorded.header.step);
  see("repeated", recorded, sample.signal);
}

void Values::on_undeclared(const wire::Message& recorded, const std::string& signal) {
  std::vector<std::string> names;
  for (const wire::SignalDecl& declared : state_.hello->signals) names.push_back(declared.name);
  const std::string near = nearest(signal, names);
  see(near.empty() ? "undeclared" : "misspelt", recorded, signal, near);
}

// As the daemon's alert, which needs a policy that reads the signal.
void Values::look_for_silent(const wire::Message& recorded) {
  if (!state_.hello || state_.segments.empty()) return;
  for (const wire::SignalDecl& declared : state_.hello->signals) {
    const run::SignalFates& fates = state_.fates.signals[declared.name];
    const std::int64_t due =
        declared.every_steps > 0
            ? run::kDueAfterGaps * declared.every_steps
            : std::max(run::kDueAfterGaps * fates.longest_gap, run::kDueAfterSteps);
    const std::int64_t since = std::max(fates.decided.value, state_.segments.back().start.value);
    std::int64_t& overdue = overdue_[declared.name];
    overdue = state_.step.value - since > due ? overdue + 1 : 0;
    // One absurd step makes no signal silent.
    if (overdue < kInARow || !silent_.insert(declared.name).second) continue;
    see("silent", recorded, declared.name,
        fates.decided >= Step{0} ? "its last value is of step " + step_text(fates.decided)
                                 : "it has not come at all");
  }
}

std::int64_t Values::seen(const std::string& mistake) const {
  const auto found = sightings_.find(mistake);
  return found == sightings_.end() ? 0 : found->second.times;
}

void Values::add(Findings& findings, Rule rule, const std::string& sighting,
                 const std::string& mistake, const std::string& text) const {
  const auto found = sightings_.find(sighting);
  if (found == sightings_.end()) return;
  const Sightings& all = found->second;
  findings.add(rule, {mistake, text, all.number, all.step, all.times});
}

void Values::finish(Findings& findings) const {
  if (reports_ == 0) {
    for (const Rule rule : {Rule::kSteps, Rule::kParts, Rule::kValues, Rule::kSignals})
      findings.missed(rule, "no report was recorded");
    return;
  }
  finish_steps(findings);
  finish_parts(findings);
  finish_values(findings);
  finish_signals(findings);
}

void Values::finish_steps(Findings& findings) const {
  const auto signal_of = [&](const char* sighting) {
    const auto found = sightings_.find(sighting);
    return found == sightings_.end() ? std::string() : quoted(found->second.signal, kShown);
  };
  const auto detail_of = [&](const char* sighting) {
    const auto found = sightings_.find(sighting);
    return found == sightings_.end() ? std::string() : found->second.detail;
  };
  add(findings, Rule::kSteps, "beyond", "step jumps",
      "expected steps up to the declared total of " + detail_of("beyond") +
          ", found one beyond it");
  const bool jumps = seen("late between") >= kInARow;
  add(findings, Rule::kSteps, "late between", jumps ? "step jumps" : "late value",
      jumps ? "a value of " + signal_of("late between") + " was of step " +
                  detail_of("late between") + ", and those after it are of lower steps"
            : "expected rising steps, found a value of " + signal_of("late between") +
                  " after that of step " + detail_of("late between"));
  const bool falls = seen("late below") >= kInARow;
  add(findings, Rule::kSteps, "late below", falls ? "step falls" : "late value",
      (falls ? "expected steps that fall at a rollback alone, found values of "
             : "expected rising steps, found a value of ") +
          signal_of("late below") + " after that of step " + detail_of("late below"));
  if (repeated_steps_.size() == 1)
    add(findings, Rule::kSteps, "repeated", "step repeats",
        "expected one value of " + signal_of("repeated") + " a step, found several of one step");
  const auto rollbacks = static_cast<std::int64_t>(state_.segments.size()) - 1;
  findings.saw(Rule::kSteps,
               counted(reports_, "report") + ", steps " + step_text(first_) + " to " +
                   step_text(last_) + ", " +
                   (rollbacks > 0 ? counted(rollbacks, "new segment") : "none falls"));
}

void Values::finish_parts(Findings& findings) const {
  if (repeated_steps_.size() > 1)
    add(findings, Rule::kParts, "repeated", "micro-batches",
        "expected one value a step, or `part` [k, n] with each; found several of " +
            quoted(sightings_.at("repeated").signal, kShown) + " at " +
            counted(static_cast<std::int64_t>(repeated_steps_.size()), "step"));
  std::int64_t incomplete = 0;
  std::string signal;
  for (const auto& [name, fates] : state_.fates.signals) {
    if (fates.incomplete > 0) signal = name;
    incomplete += fates.incomplete;
  }
  // Parts that a gap swallowed are told of as a gap.
  if (incomplete > 0 && state_.gaps.missing == 0 && state_.gaps.skipped == 0)
    findings.add(Rule::kParts,
                 {"incomplete",
                  "expected all n parts of each step, found " + counted(incomplete, "step") +
                      " of " + quoted(signal, kShown) + " without",
                  Seq{}, Step{-1}, incomplete});
  if (parts_ > 0) {
    findings.saw(Rule::kParts, counted(parts_, "part") + ", all steps complete");
  } else {
    findings.missed(Rule::kParts, "no report was a part of a step");
  }
}

void Values::finish_values(Findings& findings) const {
  const auto shown = [&](const char* sighting) {
    const auto found = sightings_.find(sighting);
    return found == sightings_.end() ? std::string() : quoted(found->second.signal, kShown);
  };
  add(findings, Rule::kValues, "retry", "retry",
      "expected one value a step, found " + shown("retry") +
          " as no number and then again as a number, which does not count");
  const auto outside = sightings_.find("out of range");
  add(findings, Rule::kValues, "out of range", "out of range",
      "expected values of " + shown("out of range") + " within its declared range, found " +
          (outside == sightings_.end() ? "" : outside->second.detail));
  add(findings, Rule::kValues, "no number", "no number",
      "expected numbers of " + shown("no number") + ", found three in a row that are none");
  findings.saw(Rule::kValues, counted(values_, "value") +
                                  (bad_ > 0 ? ", " + std::to_string(bad_) + " no number" : ""));
}

void Values::finish_signals(Findings& findings) const {
  const auto misspelt = sightings_.find("misspelt");
  if (misspelt != sightings_.end())
    add(findings, Rule::kSignals, "misspelt", "misspelt signal",
        "expected declared signals, found " + quoted(misspelt->second.signal, kShown) +
            "; did you mean " + quoted(misspelt->second.detail, kShown) + "?");
  const auto undeclared = sightings_.find("undeclared");
  if (undeclared != sightings_.end())
    add(findings, Rule::kSignals, "undeclared", "undeclared signal",
        "expected declared signals, found " + quoted(undeclared->second.signal, kShown));
  const auto silent = sightings_.find("silent");
  if (silent != sightings_.end())
    add(findings, Rule::kSignals, "silent", "silent signal",
        "expected values of " + quoted(silent->second.signal, kShown) +
            ", which is declared: " + silent->second.detail);
  std::int64_t came = 0;
  for (const wire::SignalDecl& declared : state_.hello->signals) {
    const auto found = state_.fates.signals.find(declared.name);
    came += found != state_.fates.signals.end() && found->second.counts != Fates{} ? 1 : 0;
  }
  findings.saw(Rule::kSignals, std::to_string(came) + " of " +
                                   std::to_string(state_.hello->signals.size()) +
                                   " declared signals came");
}

}  // namespace phaseguard::check
