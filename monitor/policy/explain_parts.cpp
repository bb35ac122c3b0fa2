#include "monitor/policy/explain_parts.h"

#include "monitor/base/text.h"

namespace phaseguard::policy {

namespace {

std::string count_of(std::int64_t n, const std::string& thing) {
  return std::to_string(n) + " " + thing + (n == 1 ? "" : "s");
}

std::string amount(const Span& span) {
  if (span.unit == SpanUnit::kSeconds) {
    return number_text(span.count) + (span.count == 1.0 ? " second" : " seconds");
  }
  if (span.unit == SpanUnit::kPoints) return count_of(whole(span), "measurement");
  if (span.unit == SpanUnit::kIntervals) return count_of(whole(span), "measuring interval");
  return count_of(whole(span), "step");
}

// "a", "a and b", "a, b and c".
std::string list(const std::vector<std::string>& items) {
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    out += (i == 0 ? "" : i + 1 == items.size() ? " and " : ", ") + items[i];
  }
  return out;
}

std::string sentence(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] -= 'a' - 'A';
  return text + ".";
}

// ---- detectors

struct Watched {
  const DetectorSpec& spec;
  const std::string signal;

  [[nodiscard]] std::string above() const { return " is above " + number_text(spec.above); }

  std::string operator()(const LevelLaw&) const { return signal + above(); }
  std::string operator()(const EwmaLaw& law) const {
    return "the exponential average of " + signal + " (half-life " + number_text(law.halflife) +
           " measurements)" + above();
  }
  std::string operator()(const RateLaw& law) const {
    return "the slope of " + signal + " over its last " + std::to_string(law.window) +
           " measurements" + above() + " per step";
  }
  std::string operator()(const ZscoreLaw& law) const {
    return signal + " lies more than " + number_text(spec.above) +
           " standard deviations above the mean of the " + std::to_string(law.window) +
           " measurements before it";
  }
  std::string operator()(const MadShiftLaw& law) const {
    return "the exponential average of " + signal + " (keeping " + number_text(law.keep) +
           ") grows by more than the median of its first " + std::to_string(law.calibrate) +
           " increments plus " + number_text(law.mads) + " median absolute deviations";
  }
  std::string operator()(const CusumLaw& law) const {
    return "the cumulated excess of " + signal + " over " + number_text(law.mean) + " + " +
           number_text(law.slack) + " is above " + number_text(law.limit);
  }
  std::string operator()(const PageHinkleyLaw& law) const {
    return "the cumulated deviation of " + signal + " from its own mean (less " +
           number_text(law.delta) + ") has risen more than " + number_text(law.limit) +
           " above its lowest point";
  }
  std::string operator()(const WindowJsLaw& law) const {
    return "the divergence of " + signal + " between the " + std::to_string(law.window) +
           " measurements left and right of a moment is above " + number_text(spec.above) +
           " nats, seen " + count_of(law.window, "measurement") + " later";
  }
  std::string operator()(const EprocessLaw& law) const {
    return "the wealth of a bet of " + number_text(law.bet) + " that the mean of " + signal +
           " exceeds " + number_text(law.null_mean) + " (form " + name_of(law.form) +
           ") has reached " + number_text(1.0 / law.alpha);
  }
  std::string operator()(const StaleLaw& law) const {
    return "nothing good has come of " + signal + " for longer than " + amount(law.after);
  }
};

// ---- rules

std::string condition(const Document& document, const RuleSpec& rule) {
  std::vector<std::string> names;
  for (const Term& term : rule.of) names.push_back(term_name(document, term));
  const std::string terms = list(names);
  if (rule.gate == Gate::kAlways) {
    return "is in force from " + (rule.from_step.value > 0
                                      ? "step " + std::to_string(rule.from_step.value) + " on"
                                      : std::string("the start"));
  }
  if (names.size() == 1) {
    if (rule.gate == Gate::kNot) return "fires when " + terms + " is known to be quiet";
    return "fires when " + terms + (rule.of[0].is_rule ? " is in force" : " votes");
  }
  if (rule.gate == Gate::kAll) return "fires when " + terms + " all vote";
  if (rule.gate == Gate::kAny) return "fires when any of " + terms + " votes";
  if (rule.gate == Gate::kNot) return "fires when " + terms + " are all known to be quiet";
  return "fires when at least " + std::to_string(rule.needed) + " of " + terms + " vote";
}

std::string timing(const RuleSpec& rule) {
  std::string out;
  if (rule.from_step.value > 0 && rule.gate != Gate::kAlways) {
    out += ", not before step " + std::to_string(rule.from_step.value);
  }
  if (rule.for_points > 1) {
    out +=
        ", once that has held at " + std::to_string(rule.for_points) + " new measurements in a row";
  }
  if (rule.for_time) out += ", once that has held for " + amount(*rule.for_time);
  return out;
}

struct Set {
  const KnobSpec& knob;

  std::string operator()(const ConstantController& law) const {
    return "sets " + knob.name + " to " + number_text(law.value);
  }
  std::string operator()(const RampController& law) const {
    return "takes " + knob.name + " to " + number_text(law.to) + " in a straight line over " +
           count_of(law.steps, "step");
  }
  std::string operator()(const LadderController& law) const {
    std::vector<std::string> rungs;
    for (const Rung& rung : law.rungs) {
      rungs.push_back(number_text(rung.value) + " above " + number_text(rung.above));
    }
    std::string out = "sets " + knob.name + " by " + to_text(law.source) + ": " + list(rungs);
    if (law.hysteresis > 0.0) {
      out += " (a rung is left " + number_text(law.hysteresis) + " below its threshold)";
    }
    return out;
  }
  std::string operator()(const RiskLinearController& law) const {
    std::string out = "sets " + knob.name + " between " + number_text(law.min) + " and " +
                      number_text(law.max) + " by the risk in " + to_text(law.source);
    out += law.noise_floor
               ? ", with a dead zone for a noise floor of " + number_text(*law.noise_floor)
               : ", in a straight line";
    if (law.smoothing < 1.0) out += ", smoothed by " + number_text(law.smoothing);
    if (law.output == RiskOutput::kBeta) {
      out += "; that is a convex weight, converted to beta / (1 - beta)";
    }
    return out;
  }
  std::string operator()(const RiskClampController& law) const {
    return "sets " + knob.name + " by the published law of the " +
           std::string(law.scale == RiskScale::kScore ? "score" : "risk") + " in " +
           to_text(law.source) + ", converted from its convex weight";
  }
  std::string operator()(const PerSampleController& law) const {
    std::string out = "gives each sample of a batch its own " + knob.name + " up to " +
                      number_text(law.max) + " by its risk in " + to_text(law.source);
    if (law.above) out += ": all of it above " + number_text(*law.above) + ", else none";
    if (law.noise_floor)
      out += ", with a dead zone for a noise floor of " + number_text(*law.noise_floor);
    return out;
  }
  std::string operator()(const AdaptiveKlController& law) const {
    return "multiplies " + knob.name + " until " + to_text(law.source) + " is near " +
           number_text(law.target) + ", from " + number_text(law.init) + ", between " +
           number_text(law.floor) + " and " + number_text(law.ceiling);
  }
};

std::string rollback_text(const RuleSpec& rule) {
  std::string out =
      "asks the trainer to go back to the newest snapshot taken while every voter was quiet";
  std::string limits;
  if (rule.rollback.at_most > 0) {
    limits = "at most " + count_of(rule.rollback.at_most, "time") + " in a run";
  }
  if (rule.rollback.every) {
    limits += (limits.empty() ? "" : ", ") + std::string("at most once in ") +
              amount(*rule.rollback.every);
  }
  const std::string without = name_of(rule.rollback.without_snapshot);
  limits += (limits.empty() ? "" : "; ") + std::string("without a snapshot: ") +
            (without == "reference" ? "the oldest there is" : without);
  return out + " (" + limits + ")";
}

std::string effects(const Document& document, const RuleSpec& rule) {
  std::vector<std::string> out;
  for (const KnobAction& action : rule.sets) {
    out.push_back(std::visit(Set{document.knobs[action.knob]}, action.controller));
  }
  for (const SiteAction& action : rule.sites) {
    out.push_back("moves the penalty of " + document.knobs[action.knob].name + " to the " +
                  action.site + " site");
  }
  for (const std::string& request : rule.requests) {
    if (request == "rollback") out.push_back(rollback_text(rule));
    if (request == "checkpoint") out.push_back("asks for a checkpoint");
    if (request == "pause") out.push_back("pauses the training");
    if (request == "stop") out.push_back("stops the training");
  }
  if (!rule.alert.empty()) out.push_back("raises an alert of severity " + rule.alert);
  if (out.empty()) return "It does nothing but count as a term of other rules.";
  return "It " + list(out) + ".";
}

std::string ending(const RuleSpec& rule) {
  if (rule.latch) return " It is latched: nothing but an operator's reset ends it.";
  if (rule.gate == Gate::kAlways) return " It stays so to the end.";
  std::string out = " It ends when its condition ends";
  if (rule.release_points > 0) {
    out = " It ends after " + count_of(rule.release_points, "measurement") +
          " in a row without its condition";
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
  std::string out =
      "votes when " + std::visit(Watched{detector, to_text(detector.source)}, detector.law);
  if (has_streak(detector.law) && detector.consecutive > 1) {
    out += " at " + std::to_string(detector.consecutive) + " measurements in a row";
  }
  if (detector.warmup > 0) {
    out += ", not before more than " + count_of(detector.warmup, "measurement") +
           (detector.warmup == 1 ? " has" : " have") + " been counted";
  }
  out = sentence(std::move(out));
  if (detector.clear) {
    out += " Once voting it goes on until " + count_of(detector.clear_consecutive, "measurement") +
           " in a row " + (detector.clear_consecutive == 1 ? "is" : "are") + " at or below " +
           number_text(*detector.clear) + ".";
  }
  if (!detector.variant.empty()) out += " Calibrated for the variant " + detector.variant + ".";
  if (detector.bad != document.bad_signal) {
    out += detector.bad == BadSignal::kVote ? " Bad or missing values count as above the threshold."
                                            : " Bad or missing values are not counted.";
  }
  return out;
}

std::string null_text(const DetectorLaw& law) {
  if (const auto* e = std::get_if<EprocessLaw>(&law)) {
    const std::string mean = number_text(e->null_mean);
    if (e->form == EForm::kVille) {
      return "As long as each value's mean, given the past, is at most " + mean +
             ", the chance of a false alarm ever in a run is at most " + number_text(e->alpha) +
             ", dependence or not.";
    }
    return "As long as each value's mean, given the past, is at most " + mean +
           ", false alarms are at least " + number_text(1.0 / e->alpha) +
           " measurements apart on average.";
  }
  if (std::holds_alternative<CusumLaw>(law)) {
    return "Assumes independent values with at most that mean; its false-alarm rate needs their "
           "law.";
  }
  if (std::holds_alternative<PageHinkleyLaw>(law)) {
    return "Assumes a mean that does not grow; a slow drift is invisible to it.";
  }
  if (std::holds_alternative<WindowJsLaw>(law)) {
    return "Assumes that calm training leaves the distribution still, which no fine-tune does: "
           "calibrate on harmless runs.";
  }
  if (std::holds_alternative<StaleLaw>(law)) return "";
  return "No null hypothesis: how often it is wrong is known only from recorded harmless runs.";
}

std::string rule_text(const Document& document, const RuleSpec& rule) {
  std::string out = sentence(condition(document, rule) + timing(rule)) + " " +
                    effects(document, rule) + ending(rule);
  if (rule.priority != 0) out += " Its priority is " + std::to_string(rule.priority) + ".";
  return out;
}

}  // namespace phaseguard::policy
