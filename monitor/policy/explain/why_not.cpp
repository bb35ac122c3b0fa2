#include "monitor/policy/explain/why_not.h"

#include <algorithm>
#include <cmath>

#include "monitor/base/text.h"
#include "monitor/policy/explain/explain_parts.h"
#include "monitor/policy/laws/law_row.h"
#include "monitor/policy/phrases.h"
#include "monitor/run/rule_text.h"

namespace phaseguard::policy {

namespace {

bool is_in_force(const wire::RuleEvidence& rule) {
  return rule.state == wire::RuleState::kLatched || rule.state == wire::RuleState::kActive;
}

template <class Evidence>
const Evidence* find(const std::vector<Evidence>& all, std::string Evidence::*name,
                     const std::string& wanted) {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Evidence& each) { return each.*name == wanted; });
  return found == all.end() ? nullptr : &*found;
}

std::string of_count(std::int64_t n, std::int64_t needed) {
  return std::to_string(n) + " of " + std::to_string(needed);
}

// Where its statistic stands against its line.
std::string line_text(const DetectorSpec& spec, const wire::DetectorEvidence& found) {
  const LawRow& row = row_of(spec);
  const bool is_clock = row.clock != nullptr;
  const std::string unit = is_clock ? " " + row.unit(spec, "") : "";
  const std::string now = rounded(found.statistic) + unit;
  const std::string line = std::string(row.relation) + " " + rounded(found.threshold) + unit;
  if (is_clock) return now + " without a good measurement, has to be " + line;
  const double lacks = found.threshold - found.statistic;
  return now + ", has to be " + line + (lacks > 0 ? " (" + rounded(lacks) + " more)" : "");
}

Missing of_detector(const DetectorSpec& spec, const wire::DetectorEvidence* found, Step step) {
  Missing missing{spec.name, "", wire::kNaN};
  const bool is_clock = row_of(spec).clock != nullptr;
  if (found == nullptr || (found->step < Step{0} && !is_clock)) {
    missing.text = "no measurement yet";
    return missing;
  }
  if (found->threshold > 0.0 && std::isfinite(found->statistic)) {
    missing.of_line = found->statistic / found->threshold;
  }
  if (spec.until_step && step > *spec.until_step) {
    missing.text = "counts nothing after step " + std::to_string(spec.until_step->value);
  } else if (!is_clock && found->quality != Quality::kGood) {
    missing.text = "its newest measurement is " + std::string(name_of(found->quality));
  } else if (found->n <= found->warmup) {
    missing.text = "never votes on its " + first_of(found->warmup, "measurement") + ", and has " +
                   std::to_string(found->n);
  } else if (std::isnan(found->statistic) || std::isnan(found->threshold)) {
    missing.text = "has too few measurements to compare: " + std::to_string(found->n);
  } else if (found->streak > 0 && found->streak < found->needed) {
    missing.text =
        "beyond its line at " + of_count(found->streak, found->needed) + " measurements in a row";
  } else {
    missing.text = line_text(spec, *found);
    if (found->needed > 1) missing.text += " at " + std::to_string(found->needed) + " in a row";
  }
  return missing;
}

class Reasons {
 public:
  Reasons(const Document& document, const std::vector<wire::RuleEvidence>& rules,
          const std::vector<wire::DetectorEvidence>& detectors, Step step)
      : document_(document), rules_(rules), detectors_(detectors), step_(step) {}

  [[nodiscard]] std::vector<Missing> of(const RuleSpec& rule,
                                        const wire::RuleEvidence& evidence) const {
    std::vector<Missing> all;
    const auto add = [&](const std::string& text) { all.push_back({"", text, wire::kNaN}); };
    const auto phase = evidence.phase.known();
    if (phase == wire::RulePhase::kInhibited || phase == wire::RulePhase::kDisarmed ||
        phase == wire::RulePhase::kOrphaned) {
      add(run::rule_text(evidence));
    }
    if (step_ < rule.from_step) {
      add("not before step " + std::to_string(rule.from_step.value));
    }
    if (phase == wire::RulePhase::kStreak && rule.for_points > 1 &&
        evidence.votes >= evidence.needed) {
      add("its condition holds at " + of_count(evidence.streak, rule.for_points) +
          " measurements in a row");
    }
    const bool holds = evidence.votes >= evidence.needed;
    if (holds && all.empty()) add_waiting(rule, all);
    if (rule.gate == Gate::kAlways || holds) return all;
    if (rule.gate == Gate::kCount) add(votes_text(evidence));
    for (const Term& term : rule.of) add_term(term, rule.gate == Gate::kNot, all);
    return all;
  }

 private:
  static std::string votes_text(const wire::RuleEvidence& evidence) {
    return std::to_string(evidence.votes) + " of " + std::to_string(evidence.needed) +
           " votes: " + std::to_string(evidence.needed - evidence.votes) + " more of these";
  }

  // Its condition holds, and only time is missing.
  static void add_waiting(const RuleSpec& rule, std::vector<Missing>& all) {
    if (rule.for_time) {
      all.push_back({"", "its condition has to hold for " + amount(*rule.for_time), wire::kNaN});
    }
    if (rule.cooldown) {
      all.push_back({"", "does not fire again within " + amount(*rule.cooldown), wire::kNaN});
    }
  }

  void add_term(const Term& term, bool has_to_be_quiet, std::vector<Missing>& all) const {
    if (term.is_rule) {
      const std::string& name = document_.rules[term.index].name;
      const wire::RuleEvidence* found = find(rules_, &wire::RuleEvidence::rule, name);
      const bool in_force = found != nullptr && is_in_force(*found);
      if (in_force != has_to_be_quiet) return;
      all.push_back(
          {term_name(document_, term), in_force ? "is in force" : "is not in force", wire::kNaN});
      return;
    }
    const DetectorSpec& spec = document_.detectors[term.index];
    const wire::DetectorEvidence* found =
        find(detectors_, &wire::DetectorEvidence::detector, spec.name);
    const bool votes = found != nullptr && found->voting;
    if (has_to_be_quiet) {
      if (votes) all.push_back({spec.name, "votes, and has to be quiet", wire::kNaN});
      return;
    }
    if (!votes) all.push_back(of_detector(spec, found, step_));
  }

  const Document& document_;
  const std::vector<wire::RuleEvidence>& rules_;
  const std::vector<wire::DetectorEvidence>& detectors_;
  Step step_;
};

}  // namespace

std::vector<Missing> why_not_yet(const Document& document, const std::string& rule,
                                 const std::vector<wire::RuleEvidence>& rules,
                                 const std::vector<wire::DetectorEvidence>& detectors, Step step) {
  const RuleSpec* spec = nullptr;
  for (const RuleSpec& each : document.rules) {
    if (each.name == rule) spec = &each;
  }
  const wire::RuleEvidence* evidence = find(rules, &wire::RuleEvidence::rule, rule);
  if (spec == nullptr || evidence == nullptr || is_in_force(*evidence)) return {};
  return Reasons(document, rules, detectors, step).of(*spec, *evidence);
}

std::string to_text(const Missing& missing) {
  return missing.what.empty() ? missing.text : missing.what + ": " + missing.text;
}

}  // namespace phaseguard::policy
