#include "monitor/policy/explain/explain_parts.h"

#include "monitor/base/text.h"
#include "monitor/policy/laws/law_row.h"
#include "monitor/policy/phrases.h"

namespace phaseguard::policy {

namespace {

// "1 step", "3 steps in a row".
std::string in_a_row(std::int64_t n, const std::string& thing) {
  return count_of(n, thing) + (n == 1 ? "" : " in a row");
}

// "a", "a and b", "a, b and c".
std::string list(const std::vector<std::string>& items, const std::string& last = " and ") {
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    out += (i == 0 ? "" : i + 1 == items.size() ? last : ", ") + items[i];
  }
  return out;
}

std::string bad_text(const DetectorSpec& detector) {
  if (detector.bad == BadSignal::kAlarm) return " Bad or missing values are not counted.";
  return has_streak(detector.law) ? " Bad or missing values count as above the threshold."
                                  : " Three bad or missing values in a row vote as well.";
}

// ---- rules

std::string condition(const Document& document, const RuleSpec& rule) {
  std::vector<std::string> names;
  for (const Term& term : rule.of) names.push_back(term_name(document, term));
  const std::string terms = list(names);
  if (rule.gate == Gate::kAlways) {
    return "Is in force from " + (rule.from_step.value > 0
                                      ? "step " + std::to_string(rule.from_step.value) + " on"
                                      : std::string("the start"));
  }
  if (names.size() == 1) {
    if (rule.gate == Gate::kNot) return "Fires when " + terms + " is known to be quiet";
    return "Fires when " + terms + (rule.of[0].is_rule ? " is in force" : " votes");
  }
  const std::string all = names.size() == 2 ? "both" : "all";
  if (rule.gate == Gate::kAll) return "Fires when " + terms + " " + all + " vote";
  if (rule.gate == Gate::kAny) return "Fires when " + list(names, " or ") + " votes";
  if (rule.gate == Gate::kNot) return "Fires when " + terms + " are " + all + " known to be quiet";
  const bool shares = votes_of(rule) < static_cast<std::int64_t>(rule.of.size());
  return "Fires when at least " + std::to_string(rule.needed) + " of " + terms +
         (rule.needed == 1 ? " votes" : " vote") +
         (shares ? " (those of one group have one vote)" : "");
}

std::string timing(const RuleSpec& rule) {
  std::string out;
  if (rule.from_step.value > 0 && rule.gate != Gate::kAlways) {
    out += ", not before step " + std::to_string(rule.from_step.value);
  }
  std::vector<std::string> held;
  if (rule.for_points > 1) {
    held.push_back("at " + std::to_string(rule.for_points) + " new measurements in a row");
  }
  if (rule.for_time) held.push_back("for " + amount(*rule.for_time));
  return held.empty() ? out : out + ", once that has held " + list(held);
}

std::string star_text(double value, const Stars& stars) {
  return stars ? number_text(*stars) + " lambda*" : number_text(value);
}

std::string unscored_text(Unscored unscored) {
  if (unscored == Unscored::kHold) return "";
  return std::string(", and a batch without scores ") +
         (unscored == Unscored::kBase ? "the base" : "what the highest risk would get");
}

struct Set {
  const KnobSpec& knob;

  std::string operator()(const ConstantController& law) const {
    return "sets " + knob.name + " to " + star_text(law.value, law.stars);
  }
  std::string operator()(const RampController& law) const {
    return "takes " + knob.name + " to " + star_text(law.to, law.stars) +
           " in a straight line over " + count_of(law.steps, "step");
  }
  std::string operator()(const LadderController& law) const {
    std::string out = "sets " + knob.name + " by " + to_text(law.source) + " (";
    for (const Rung& rung : law.rungs) {
      out += number_text(rung.value) + " above " + number_text(rung.above) + ", ";
    }
    out += "the base below";
    if (law.hysteresis > 0.0) {
      out += "; a rung is left " + number_text(law.hysteresis) + " below its threshold";
    }
    return out + ")" + unscored_text(law.unscored);
  }
  std::string operator()(const RiskLinearController& law) const {
    const bool convex = law.output == RiskOutput::kBeta;
    std::string out = "sets " + knob.name +
                      (convex ? " to beta / (1 - beta) with a beta from " : " from ") +
                      number_text(law.min) + " to " + star_text(law.max, law.stars) +
                      " by the risk in " + to_text(law.source) + " (";
    out += law.noise_floor ? dead_zone(*law.noise_floor) : "in a straight line";
    if (law.smoothing < 1.0) {
      out += ", smoothed: each new value counts " + number_text(law.smoothing);
    }
    return out + ")" + unscored_text(law.unscored);
  }
  std::string operator()(const RiskClampController& law) const {
    return "sets " + knob.name + " from 0.11 to 9 by the published law of the " +
           (law.scale == RiskScale::kScore ? "score (1 to 5)" : "risk (0 to 1)") + " in " +
           to_text(law.source) + unscored_text(law.unscored);
  }
  std::string operator()(const PerSampleController& law) const {
    const std::string each = "gives each sample of a batch its own " + knob.name + ": ";
    const std::string max = star_text(law.max, law.stars);
    const std::string other = unscored_text(law.unscored);
    const std::string source = to_text(law.source);
    if (law.above)
      return each + max + " where " + source + " is above " + number_text(*law.above) + ", else 0" +
             other;
    return each + "from 0 to " + max + " by its risk in " + source +
           (law.noise_floor ? " (" + dead_zone(*law.noise_floor) + ")" : "") + other;
  }
  std::string operator()(const AdaptiveKlController& law) const {
    return "moves " + knob.name + " by factors until " + to_text(law.source) + " is near " +
           number_text(law.target) + " (starting at " + number_text(law.init) + ", between " +
           number_text(law.floor) + " and " + number_text(law.ceiling) + ", horizon " +
           number_text(law.horizon) + ")";
  }

  static std::string dead_zone(double noise_floor) {
    return "with a dead zone for a noise floor of " + number_text(noise_floor);
  }
};

std::string without_snapshot_text(WithoutSnapshot choice) {
  if (choice == WithoutSnapshot::kReference) return "to the oldest snapshot there is";
  if (choice == WithoutSnapshot::kPause) return "it asks it to pause";
  if (choice == WithoutSnapshot::kStop) return "it asks it to stop";
  return "it only raises an alert";
}

std::string rollback_text(const RuleSpec& rule) {
  std::string out =
      "asks the trainer to go back to the newest snapshot taken while every detector that "
      "votes now was quiet (";
  if (rule.rollback.at_most > 0) {
    out += "at most " +
           (rule.rollback.at_most == 1 ? "once" : count_of(rule.rollback.at_most, "time")) +
           " in a run, ";
  }
  if (rule.rollback.every) {
    out += "not again within " + amount(*rule.rollback.every) + ", ";
  }
  return out + "if it cannot: " + without_snapshot_text(rule.rollback.without_snapshot) + ")";
}

std::string request_text(const RuleSpec& rule, wire::RequestType request) {
  switch (request) {
    case wire::RequestType::kRollback:
      return rollback_text(rule);
    case wire::RequestType::kCheckpoint:
      return "asks the trainer for a checkpoint";
    case wire::RequestType::kPause:
      return "asks the trainer to pause";
    case wire::RequestType::kStop:
      return "asks the trainer to stop";
  }
  return "";
}

std::string effects(const Document& document, const RuleSpec& rule) {
  std::vector<std::string> out;
  for (const KnobAction& action : rule.sets) {
    out.push_back(std::visit(Set{document.knobs[action.knob]}, action.controller));
  }
  for (const SiteAction& action : rule.sites) {
    out.push_back("computes the penalty behind " + document.knobs[action.knob].name +
                  " at the site " + action.site.text());
  }
  for (const wire::RequestType request : rule.requests) out.push_back(request_text(rule, request));
  if (rule.alert) {
    out.push_back("raises an alert of severity " + std::string(wire::text_of(*rule.alert)));
  }
  if (out.empty()) return "It does nothing but count as a term of other rules.";
  return "It " + list(out) + ".";
}

std::string ending(const RuleSpec& rule) {
  if (rule.latch) return " It is latched: nothing but an operator's reset ends it.";
  if (rule.gate == Gate::kAlways) return " It stays so to the end.";
  std::string out = " It ends when its condition ends";
  if (rule.release_points > 0) {
    out = " It ends after " + in_a_row(rule.release_points, "new measurement") +
          " without its condition";
  }
  if (rule.hold) out += ", but stays for at least " + amount(*rule.hold);
  if (rule.cooldown) out += ", and does not fire again within " + amount(*rule.cooldown);
  return out + ".";
}

}  // namespace

std::string term_name(const Document& document, const Term& term) {
  return term.is_rule ? "rule " + document.rules[term.index].name
                      : document.detectors[term.index].name;
}

std::string detector_text(const Document& document, const DetectorSpec& detector) {
  std::string out = "Votes when " + row_of(detector).watched(detector, to_text(detector.source));
  if (detector.consecutive > 1) {
    out += " at " + std::to_string(detector.consecutive) + " measurements in a row";
  }
  out += ".";
  if (detector.warmup > 0) {
    out += " It never votes on its " + first_of(detector.warmup, "measurement") + ".";
  }
  if (detector.clear) {
    out += " Once voting, it goes on until " + in_a_row(detector.clear_consecutive, "measurement") +
           (detector.clear_consecutive == 1 ? " is" : " are") + " at or below " +
           number_text(*detector.clear) + ".";
  }
  if (detector.until_step) {
    out += " It counts nothing after step " + std::to_string(detector.until_step->value) + ".";
  }
  if (!detector.group.empty()) out += " Its group is " + detector.group + ".";
  if (!detector.variant.empty()) out += " Calibrated for the variant " + detector.variant + ".";
  if (detector.bad != document.bad_signal) out += bad_text(detector);
  return out;
}

std::string rule_text(const Document& document, const RuleSpec& rule) {
  std::string out =
      condition(document, rule) + timing(rule) + ". " + effects(document, rule) + ending(rule);
  if (rule.priority != 0) out += " Its priority is " + std::to_string(rule.priority) + ".";
  return out;
}

}  // namespace phaseguard::policy
