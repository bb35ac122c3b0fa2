#include "monitor/policy/engine/turn.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "monitor/policy/engine/arbiter.h"
#include "monitor/policy/engine/controller.h"
#include "monitor/policy/engine/evidence.h"
#include "monitor/policy/engine/held/held.h"
#include "monitor/policy/engine/knobs.h"
#include "monitor/policy/engine/operator.h"
#include "monitor/policy/engine/rule.h"
#include "monitor/policy/engine/tracks/tracker.h"

namespace phaseguard::policy {

namespace {

constexpr std::int64_t kMaxStep = 1000000000000000;  // beyond it a step is a fault of the sender

void append(std::string& text, const std::string& more) {
  text += (text.empty() ? "" : "; ") + more;
}

// One event on its way through the machine: what it changed, and the decision made of that.
class Turn {
 public:
  Turn(MachineState& state, const wire::Header& header) : state_(state), header_(header) {}

  void operator()(const wire::Hello& hello);
  void operator()(const wire::Report& report);
  void operator()(const wire::Applied& applied);
  void operator()(const wire::Goodbye& goodbye);
  void operator()(const wire::Command& command);
  void operator()(const wire::Adopted& adopted);
  void operator()(const wire::LinkChange& link);
  template <class Other>
  void operator()(const Other&) {}  // changes nothing here

  std::optional<wire::Decision> decision();

 private:
  [[nodiscard]] bool is_current() const {
    return header_.attempt >= state_.attempt && header_.step.value >= 0 &&
           header_.step.value <= kMaxStep;
  }
  void restart(Step start, bool new_attempt);
  void take_values(const wire::Report& report, Step step);
  void take_pending();
  void settle(bool everything);
  void fire(std::size_t rule);
  [[nodiscard]] Because because() const;
  void ask_for(std::size_t rule, wire::RequestType type, const std::string& why);
  bool may_roll_back(std::size_t rule);
  void take_outcome(const wire::RequestOutcome& outcome);
  void report_faults(const std::vector<std::string>& faulty);

  MachineState& state_;
  const wire::Header& header_;
  std::vector<wire::KnobSetting> before_;  // once a knob has moved
  std::vector<wire::Alert> alerts_;
  std::vector<wire::Request> requests_;
  std::string summary_;
  Moves moves_;
  bool changed_ = false;  // a rule's state or an override
  bool closing_ = false;
  BatchEvent batch_;
  std::string command_;  // the event is one: its id
};

void Turn::restart(Step start, bool new_attempt) {
  for (KnobState& knob : state_.knobs) {
    Step& expires = knob.override_.expires;
    if (expires.value >= 0) {  // what is left of it is not prolonged by going back
      expires = Step{start.value + std::max<std::int64_t>(expires.value - state_.step.value, 0)};
    }
    knob.slewed_to = start;
  }
  const bool carried = new_attempt && state_.document.carries_detectors;
  restart_controllers(state_, start, carried);
  state_.parts.begin_segment();
  state_.elapsed.begin_segment();
  restart_signals(state_, start, carried);
  index_rules(state_);
  restart_rules(state_, carried);
}

void Turn::operator()(const wire::Hello& hello) {
  if (header_.attempt <= state_.attempt && state_.attempt > 0) return;  // the same trainer again
  if (hello.start_step.value < 0 || hello.start_step.value > kMaxStep) return;
  take_pending();
  state_.attempt = header_.attempt;
  state_.segment = 0;
  state_.document = resolved(state_.document, hello);
  rebase_rules(state_, hello.start_step, true);
  declare_knobs(state_, hello);
  declare_signals(state_, hello);
  resolve_controllers(state_, hello);
  restart(hello.start_step, true);
  settle(true);
}

void Turn::operator()(const wire::Report& report) {
  if (!is_current()) return;
  if (state_.parts.is_idle(report)) return take_values(report, header_.step);
  for (const wire::Joined& joined : state_.parts.take(report, header_.step))
    take_values(joined.report, joined.step);
}

// What is pending cannot become complete any more.
void Turn::take_pending() {
  for (const wire::Joined& joined : state_.parts.take_all())
    take_values(joined.report, joined.step);
}

// Rules are run for each step, as if its values had come in a report of their own.
void Turn::take_values(const wire::Report& report, Step step) {
  std::vector<std::string> faulty;
  take_samples(state_, report, step, faulty);
  state_.step = std::max(state_.step, step);
  infer_missing(state_, state_.step, faulty);
  observe(state_, step, header_.t);
  report_faults(faulty);
  const bool of_batch = report.origin == wire::Report::Origin::kBatch;
  batch_ = {of_batch, of_batch && report.batch > 0 ? report.batch : -1};
  settle(false);
}

void Turn::operator()(const wire::Applied& applied) {
  if (!is_current()) return;
  const bool rolled_back = applied.segment > state_.segment;
  if (rolled_back) {
    take_pending();
    state_.segment = applied.segment;
    rebase_rules(state_, header_.step, false);
    restart(header_.step, false);
  }
  for (const wire::RequestOutcome& outcome : applied.requests) take_outcome(outcome);
  settle(rolled_back);
}

void Turn::take_outcome(const wire::RequestOutcome& outcome) {
  const auto issued =
      std::find_if(state_.requests.begin(), state_.requests.end(),
                   [&](const IssuedRequest& r) { return r.id == outcome.id && !r.settled; });
  if (issued == state_.requests.end()) return;
  issued->settled = true;
  if (outcome.status == wire::Outcome::kDone) return;
  const std::string text =
      issued->type.text() + " " + outcome.status.text() + ": " + outcome.detail;
  alerts_.push_back(
      {wire::Severity::kHigh, {wire::AlertKind::kRequest, issued->type.text()}, text});
  append(summary_, text);
  if (issued->type != wire::RequestType::kRollback || issued->fallback) return;
  const auto rule = static_cast<std::size_t>(issued->rule);
  switch (state_.document.rules[rule].rollback.without_snapshot) {
    case WithoutSnapshot::kReference:
      ask_for(rule, wire::RequestType::kRollback, text);
      requests_.back().before_step = Step{-1};
      break;
    case WithoutSnapshot::kPause:
      ask_for(rule, wire::RequestType::kPause, text);
      break;
    case WithoutSnapshot::kStop:
      ask_for(rule, wire::RequestType::kStop, text);
      break;
    case WithoutSnapshot::kNothing:
      return;
  }
  state_.requests.back().fallback = true;
}

void Turn::operator()(const wire::Goodbye& goodbye) {
  if (!is_current()) return;
  take_pending();
  closing_ = true;
  append(summary_, "run ended at step " + std::to_string(header_.step.value) + " (" +
                       goodbye.reason.text() + "): " + closing_text(state_));
}

void Turn::operator()(const wire::Command& command) {
  const std::string text = take_command(state_, command);
  if (text.empty()) return;
  command_ = command.id;
  changed_ = true;
  append(summary_, text);
  settle(true);
}

void Turn::operator()(const wire::Adopted& adopted) {
  append(summary_, take_adopted(state_, adopted, alerts_));
  changed_ = true;
  settle(true);
}

void Turn::operator()(const wire::LinkChange& link) {
  if (link.state == wire::LinkEvent::kSkipped || link.state == wire::LinkEvent::kMissing)
    take_pending();
}

void Turn::report_faults(const std::vector<std::string>& faulty) {
  for (const std::string& signal : faulty) {
    const std::string text = signal + " was bad or missing " + std::to_string(kFaultsToAlarm) +
                             " times in a row, up to step " + std::to_string(header_.step.value);
    alerts_.push_back({wire::Severity::kHigh, {wire::AlertKind::kSignal, signal}, text});
    append(summary_, text);
  }
}

// Inhibitions that have expired, rules once, controllers, overrides that have expired, the knobs.
// `everything`: rules are run that neither a measurement nor time asks to run.
void Turn::settle(bool everything) {
  for (const std::string& text : expire_inhibitions(state_)) {
    changed_ = everything = true;
    append(summary_, text);
  }
  for (const std::size_t i : state_.document.rule_order) {
    // A rule that changed may be a term of those after it.
    if (!everything && !is_due(state_, i)) continue;
    const RuleChange change = run_rule(state_, i, state_.step);
    if (change == RuleChange::kNone) continue;
    changed_ = everything = true;
    if (change == RuleChange::kFired) {
      fire(i);
    } else {
      append(summary_, state_.document.rules[i].name + " is quiet again at step " +
                           std::to_string(state_.step.value));
    }
  }
  run_controllers(state_, batch_, alerts_);
  for (const std::string& text : expire_overrides(state_)) {
    changed_ = true;
    append(summary_, text);
  }
  std::vector<wire::KnobSetting> before;
  const Moves now = move_knobs(state_, state_.step, state_.decisions + 1, before);
  if (now.any && !moves_.any) before_ = std::move(before);
  moves_.any = moves_.any || now.any;
  moves_.steady = moves_.steady || now.steady;
}

void Turn::ask_for(std::size_t rule, wire::RequestType type, const std::string& why) {
  wire::Request request;
  request.id = state_.document.request_base + state_.requests_skipped +
               static_cast<std::int64_t>(state_.requests.size()) + 1;
  request.type = type;
  request.reason = why;
  request.decision = state_.decisions + 1;
  if (type == wire::RequestType::kRollback) request.before_step = newest_quiet_step(state_, rule);
  state_.requests.push_back({request.id, type, static_cast<std::int64_t>(rule), false, false});
  requests_.push_back(std::move(request));
}

// As often as the rule's options allow; says so where they do not.
bool Turn::may_roll_back(std::size_t index) {
  const RuleSpec& rule = state_.document.rules[index];
  RuleState& run = state_.rules[index];
  std::string why;
  if (rule.rollback.at_most > 0 && run.rollbacks >= rule.rollback.at_most) {
    why = "it has asked for " + std::to_string(run.rollbacks) + " of at most " +
          std::to_string(rule.rollback.at_most);
  } else if (rule.rollback.every && run.rollback_at.step.value >= 0 &&
             !is_over(state_, run, run.rollback_at, *rule.rollback.every)) {
    why = "its last one is not yet " + to_text(*rule.rollback.every) + " ago";
  }
  if (why.empty()) {
    ++run.rollbacks;
    run.rollback_at = mark_now(state_, run);
    return true;
  }
  const std::string text = rule.name + " asks for no rollback: " + why;
  alerts_.push_back({wire::Severity::kMedium, {wire::AlertKind::kRule, rule.name}, text});
  append(summary_, text);
  return false;
}

// A trainer's own event has its number in `src` once it is recorded.
Because Turn::because() const {
  if (!command_.empty()) return {command_, -1, -1};
  const Seq number = header_.source_seq.value > 0 ? header_.source_seq : header_.seq;
  return {"", header_.attempt, number.value};
}

void Turn::fire(std::size_t index) {
  const RuleSpec& rule = state_.document.rules[index];
  const std::string text = firing_text(state_, index);
  append(summary_, text);
  state_.rules[index].because = because();
  start_controllers(state_, index);
  for (const wire::RequestType type : rule.requests) {
    if (type != wire::RequestType::kRollback || may_roll_back(index)) ask_for(index, type, text);
  }
  if (!rule.alert) return;
  wire::Alert alert{*rule.alert, {wire::AlertKind::kRule, rule.name}, text};
  const std::int64_t first = first_out_of(state_);
  if (rule.latch && first != static_cast<std::int64_t>(index)) {
    // A follower of an earlier trip does not alarm as if it were news, unless it is graver.
    const RuleSpec& first_out = state_.document.rules[static_cast<std::size_t>(first)];
    alert.text += " (after " + first_out.name + ", which tripped first)";
    if (rule.alert <= first_out.alert) alert.severity = wire::Severity::kInfo;
  }
  alerts_.push_back(std::move(alert));
}

std::optional<wire::Decision> Turn::decision() {
  const bool any = changed_ || moves_.any || closing_ || !alerts_.empty();
  if (!any) return std::nullopt;
  wire::Decision decision;
  decision.id = ++state_.decisions;
  decision.because = header_.seq;
  if (changed_ || moves_.any) ++state_.version;
  if (changed_ || moves_.steady) state_.steady_version = state_.version;
  decision.state_version = state_.version;
  decision.mode = mode_of(state_.document);
  decision.policy_digest = state_.document.digest;
  decision.knobs = settings_of(state_);
  decision.before = moves_.any ? std::move(before_) : decision.knobs;
  decision.detectors = evidence_of_detectors(state_);
  decision.rules = evidence_of_rules(state_);
  std::string effects = change_text(decision.before, decision.knobs);
  for (const wire::Request& request : requests_) {
    effects += (effects.empty() ? "" : ", ") + request.type.text();
    if (request.type == wire::RequestType::kRollback) {
      effects += request.before_step.value < 0
                     ? " to the oldest snapshot"
                     : " to step " + std::to_string(request.before_step.value);
    }
  }
  if (summary_.empty()) {
    summary_ = "step " + std::to_string(state_.step.value);
  }
  if (!effects.empty()) summary_ += " -> " + effects;
  decision.summary = std::move(summary_);
  decision.requests = std::move(requests_);
  decision.alerts = std::move(alerts_);
  return decision;
}

}  // namespace

std::optional<wire::Decision> take_event(MachineState& state, const wire::Message& event) {
  Turn turn(state, event.header);
  std::visit(turn, event.body);
  return turn.decision();
}

}  // namespace phaseguard::policy
