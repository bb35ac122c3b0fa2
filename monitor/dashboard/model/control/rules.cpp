#include "monitor/dashboard/model/control/rules.h"

#include <algorithm>

#include "monitor/base/text.h"
#include "monitor/dashboard/model/describe.h"
#include "monitor/run/rule_text.h"

namespace phaseguard::dashboard {
namespace {

const wire::RuleEvidence* find_rule(const run::RunState& state, const std::string& name) {
  const auto found = std::find_if(state.rules.begin(), state.rules.end(),
                                  [&](const auto& rule) { return rule.rule == name; });
  return found == state.rules.end() ? nullptr : &*found;
}

std::string words_of(const wire::RuleEvidence& rule) {
  const std::string text = run::rule_text(rule);
  const bool fired =
      rule.state == wire::RuleState::kLatched || rule.state == wire::RuleState::kActive;
  if (!fired || rule.fired_step < Step{0}) return text;
  return text + " since step " + std::to_string(rule.fired_step.value);
}

// What a person decided about; a streak that goes on is no other state.
bool is_another(const wire::RuleEvidence& then, const wire::RuleEvidence& now) {
  return then.state != now.state || then.fired_step != now.fired_step ||
         then.until_step != now.until_step;
}

// "kl 2, lr_scale 0.1"; "": it moves no knob.
std::string sets_of(const run::RunState& state, const std::string& rule) {
  std::string text;
  if (!state.policy) return text;
  for (const wire::RuleInfo& info : state.policy->rules) {
    if (info.name != rule) continue;
    for (const wire::KnobSetting& set : info.sets) {
      text += (text.empty() ? "" : ", ") + one_line(set.knob, 40) + " " + number_text(set.value);
    }
  }
  return text;
}

}  // namespace

RuleSubject rule_subject_of(const Model& model, const std::string& rule) {
  const run::RunState& state = *model.shown();
  RuleSubject subject{state.run, state.step, state.state_version, {}, ""};
  subject.rule.rule = rule;
  if (const wire::RuleEvidence* now = find_rule(state, rule)) subject.rule = *now;
  subject.words = words_of(subject.rule);
  return subject;
}

std::string obstacle_to(const Model& model, const RuleSubject& subject, RuleOrder order) {
  const run::RunState* state = model.shown();
  if (state == nullptr || state->run != subject.run) {
    return "this is about run " + subject.run.text() +
           ", which is not the run that is shown any more: cancel";
  }
  const std::string& name = subject.rule.rule;
  const wire::RuleEvidence* now = find_rule(*state, name);
  if (now != nullptr && is_another(subject.rule, *now)) {
    return "rule " + one_line(name, 40) + " was " + subject.words + " when this opened and is " +
           words_of(*now) + " now: cancel and look again";
  }
  return model.rule_obstacle(subject.run, name, order);
}

std::string effect_of(const Model& model, const RuleSubject& subject, RuleOrder order) {
  const run::RunState* state = model.find(subject.run);
  const std::string sets = state == nullptr ? "" : sets_of(*state, subject.rule.rule);
  const std::string holds = sets.empty() ? "It moves no knob itself. " : "It sets " + sets + ". ";
  switch (order) {
    case RuleOrder::kReset:
      return holds +
             "Without its latch the policy decides again. While its condition still holds, it does "
             "not fire anew: it has to clear once first.";
    case RuleOrder::kInhibit:
      return holds +
             "Until the expiry it does not fire, whatever it sees; if it is active, it ends now.";
    case RuleOrder::kAllow:
      return holds + "From now on it may fire again.";
  }
  return "";
}

}  // namespace phaseguard::dashboard
