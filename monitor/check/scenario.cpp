#include "monitor/check/scenario.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "monitor/base/table_text.h"
#include "monitor/base/text.h"

namespace phaseguard::check {

namespace {

constexpr double kOverdue = 3.0;  // seconds, and as many steps
constexpr std::int64_t kOverdueSteps = 3;
constexpr std::int64_t kMostRise = 100;
constexpr double kForgeryHeld = 1.2;  // seconds: `applied` comes every second ...
constexpr double kForgeryMost = 2.5;  // ... at a step; no acknowledgement goes out meanwhile
constexpr double kInFlight = 0.05;    // seconds: reports that were on their way
constexpr std::int64_t kReportsAfter = 2;
constexpr const char* kUndeclared = "phaseguard.conformance";

Rule rule_of(Forgery forgery) {
  switch (forgery) {
    case Forgery::kOtherEpoch:
    case Forgery::kOldNumber:
      return Rule::kOrder;
    case Forgery::kPast:
      return Rule::kExpiry;
    case Forgery::kUndeclaredKnob:
    case Forgery::kOutside:
      break;
  }
  return Rule::kRange;
}

const char* text_of(Forgery forgery) {
  switch (forgery) {
    case Forgery::kOtherEpoch:
      return "of another epoch";
    case Forgery::kOldNumber:
      return "with a number that was used before";
    case Forgery::kPast:
      return "whose valid_until_step is past";
    case Forgery::kUndeclaredKnob:
      return "that names an undeclared knob too";
    case Forgery::kOutside:
      break;
  }
  return "with a value outside the declared range";
}

}  // namespace

void Scenario::enter(Move move, Now now) {
  move_ = move;
  since_ = now.mono;
  since_step_ = step_;
  since_watched_ = watched_;
}

bool Scenario::has_waited(Now now, double wanted) const {
  return seconds_between(since_, now.mono) >= wanted;
}

bool Scenario::is_overdue(Now now) const {
  return has_waited(now, kOverdue) && watched_ - since_watched_ >= kOverdueSteps;
}

bool Scenario::on_frame(const wire::Message& frame, bool is_new, Now now) {
  if (std::holds_alternative<wire::Hello>(frame.body)) return true;
  const bool is_beat = std::holds_alternative<wire::Heartbeat>(frame.body);
  if (is_new || is_beat) follow_step(frame.header.step);
  if (first_step_ < Step{0}) {
    first_step_ = step_;
    first_at_ = now.mono;
  }
  if (!is_new && !is_beat) on_again(frame.header.seq);
  if (!is_new) return true;
  if (std::holds_alternative<wire::Applied>(frame.body)) on_applied(frame, now);
  if (!drops_ || !may_drop(frame, now)) return true;
  drops_ = false;
  dropped_ = frame.header.seq;
  return false;
}

// Counted as rises: a rollback goes back, and one absurd step is no run of that length.
void Scenario::follow_step(Step step) {
  if (step_ >= Step{0} && step > step_)
    watched_ += std::min<std::int64_t>(step.value - step_.value, kMostRise);
  step_ = step;
}

void Scenario::on_applied(const wire::Message& frame, Now now) {
  const auto& report = std::get<wire::Applied>(frame.body);
  segment_ = report.segment;
  for (const wire::AppliedKnob& knob : report.knobs) {
    applied_[knob.name] = knob.value;
    look_at_value(frame.header, knob);
    if (frame.header.seq > deaf_from_ && deaf_from_ >= Seq{0} && !is_back_)
      look_at_loss(frame.header, knob);
  }
  for (const wire::RequestOutcome& outcome : report.requests) on_outcome(frame.header, outcome);
  if (forged_at_ && seconds_between(*forged_at_, now.mono) >= kInFlight) ++applied_since_;
}

// Whatever was sent: declared, within its range, and of no control that was to be ignored.
void Scenario::look_at_value(const wire::Header& header, const wire::AppliedKnob& knob) {
  const auto& declared = folded_.hello ? folded_.hello->knobs : std::vector<wire::KnobDecl>{};
  const auto known = std::find_if(declared.begin(), declared.end(),
                                  [&](const wire::KnobDecl& one) { return one.name == knob.name; });
  if (folded_.hello && known == declared.end())
    return findings_.add(Rule::kApplied, {"undeclared knob",
                                          "expected declared knobs, found " + quoted(knob.name, 60),
                                          header.seq, header.step});
  for (const KnobPlan& plan : desk_.plan()) {
    if (plan.declared.name != knob.name) continue;
    const auto forgery = forgery_of(plan, knob.value);
    if (forgery && !numbers_.is_contested())
      return findings_.add(
          rule_of(*forgery),
          {std::string("control ") + text_of(*forgery),
           "expected a control " + std::string(text_of(*forgery)) + " to be ignored, found its " +
               knob.name + " " + number_text(knob.value) + " in force",
           header.seq, header.step});
  }
  if (known != declared.end() && !(knob.value >= known->min && knob.value <= known->max))
    findings_.add(Rule::kApplied, {"outside range",
                                   "expected " + knob.name + " within its declared range, found " +
                                       number_text(knob.value),
                                   header.seq, header.step});
}

double Scenario::applied(const std::string& knob) const {
  const auto found = applied_.find(knob);
  return found == applied_.end() ? wire::kNaN : found->second;
}

void Scenario::advance(Now now) {
  if (numbers_.said_goodbye() && move_ != Move::kDeaf && move_ != Move::kReturn) return;
  if (numbers_.is_contested() && move_ < Move::kWatch) enter(Move::kWatch, now);
  switch (move_) {
    case Move::kLink:
      if (numbers_.is_welcomed()) begin_base(now);
      return;
    case Move::kBase:
      return await_base(now);
    case Move::kRaise:
      return await_value(desk_.plan()[knob_].raised, Move::kRelease, now);
    case Move::kRelease:
      return await_value(desk_.plan()[knob_].base, Move::kForge, now);
    case Move::kForge:
      return await_forgery(now);
    case Move::kDrop:
      return await_again(now);
    case Move::kRequest:
      return await_outcome(now);
    case Move::kLower:
      return await_lowering(now);
    case Move::kDeaf:
      if (has_waited(now, static_cast<double>(times_.lease_ms) * 1e-3 + 1.0) ||
          numbers_.said_goodbye())
        enter(Move::kReturn, now);
      return;
    case Move::kReturn:
      return await_return(now);
    case Move::kWatch:
      return begin_stop(now);
    case Move::kStop:
      return await_end(now);
    case Move::kOver:
      return;
  }
}

void Scenario::begin_base(Now now) {
  if (!desk_.plan().empty()) return enter(Move::kBase, now);
  const std::string why = desk_.policy_fault().empty()
                              ? "no knob that can be raised is declared"
                              : "no policy can name its knobs: " + desk_.policy_fault();
  for (const Rule rule : {Rule::kKnobs, Rule::kRange, Rule::kOrder, Rule::kExpiry, Rule::kLoss})
    findings_.missed(rule, why);
  drops_ = numbers_.speaks_1_1();
  enter(Move::kDrop, now);
}

void Scenario::tell_not_obeyed(const KnobPlan& knob, double wanted) {
  const double found = applied(knob.declared.name);
  findings_.add(
      Rule::kKnobs,
      {"not obeyed",
       "expected " + knob.declared.name + " " + number_text(wanted) + ", sent at step " +
           std::to_string(since_step_.value) + ", found " +
           (std::isnan(found) ? std::string("no word of it") : number_text(found) + " in force"),
       Seq{}, step_});
}

void Scenario::await_base(Now now) {
  bool all = true;
  for (const KnobPlan& knob : desk_.plan())
    all = all && is_same(applied(knob.declared.name), knob.base);
  if (!all && !is_overdue(now)) return;
  for (const KnobPlan& knob : desk_.plan()) {
    if (!is_same(applied(knob.declared.name), knob.base)) {
      tell_not_obeyed(knob, knob.base);
    } else {
      ++obeyed_;
    }
  }
  knob_ = 0;
  enter(Move::kRaise, now);
  command("raise", wire::Action::kForce, desk_.plan()[knob_], desk_.plan()[knob_].raised, 0, now);
}

void Scenario::command(const char* id, wire::Action action, const KnobPlan& knob, double value,
                       std::int64_t steps, Now now) {
  wire::Command command;
  command.id = std::string(id) + " " + knob.declared.name;
  command.action = action;
  command.operator_name = "conformance";
  command.reason = "a check of the trainer";
  command.knob = knob.declared.name;
  command.value = value;
  command.expires_after_steps = steps;
  command.expected_version = desk_.state_version(now);
  (void)desk_.command(std::move(command), now);
}

void Scenario::await_value(double wanted, Move next, Now now) {
  const KnobPlan& knob = desk_.plan()[knob_];
  const bool is_there = is_same(applied(knob.declared.name), wanted);
  if (!is_there && !is_overdue(now)) return;
  if (is_there) ++obeyed_;
  if (!is_there) tell_not_obeyed(knob, wanted);
  if (next == Move::kRelease) {
    enter(next, now);
    return command("release", wire::Action::kRelease, knob, wire::kNaN, 0, now);
  }
  if (++knob_ < desk_.plan().size()) {
    enter(Move::kRaise, now);
    const KnobPlan& another = desk_.plan()[knob_];
    return command("raise", wire::Action::kForce, another, another.raised, 0, now);
  }
  knob_ = 0;
  enter(Move::kForge, now);
}

// One after the other, each while the trainer says that the right values are in force. Nothing of
// the engine's goes out until it has said so twice again, or for a second.
void Scenario::await_forgery(Now now) {
  const KnobPlan& plan = desk_.plan()[0];
  if (!forged_at_) {
    const bool is_right = is_same(applied(plan.declared.name), plan.base);
    const bool can_be_past = static_cast<Forgery>(forgery_) != Forgery::kPast || step_ >= Step{4};
    if (honest_ && is_fresh_ && can_be_past && (is_right || is_overdue(now))) forge(now);
    return;
  }
  const double held = seconds_between(*forged_at_, now.mono);
  const bool has_said =
      applied_since_ >= kReportsAfter || (applied_since_ > 0 && held >= kForgeryHeld);
  if (!has_said && held < kForgeryMost) return;
  if (applied_since_ > 0 && !forgery_of(plan, applied(plan.declared.name))) ignored_[forgery_] = 1;
  forged_at_.reset();
  applied_since_ = 0;
  enter(Move::kForge, now);
  if (++forgery_ < kForgeries) return;
  drops_ = numbers_.speaks_1_1();
  enter(Move::kDrop, now);
}

// The newest control that was sent, but for what is wrong with it.
void Scenario::forge(Now now) {
  Out out = *honest_;
  auto& control = std::get<wire::Control>(out.message.body);
  control.answers_batch = 0;
  const KnobPlan& plan = desk_.plan()[0];
  for (wire::KnobSetting& setting : control.knobs) {
    if (setting.knob == plan.declared.name) setting.value = plan.forged[forgery_];
  }
  switch (static_cast<Forgery>(forgery_)) {
    case Forgery::kOtherEpoch:
      --control.epoch;
      break;
    case Forgery::kPast:
      control.valid_until_step = Step{std::max<std::int64_t>(0, step_.value - 2)};
      break;
    case Forgery::kUndeclaredKnob:
      control.knobs.push_back({kUndeclared, 0.0, {}, wire::CauseKind::kBase, 0, {}});
      break;
    case Forgery::kOldNumber:
    case Forgery::kOutside:
      break;
  }
  own_.push_back(std::move(out));
  forged_at_ = now.mono;
  is_fresh_ = false;
}

std::vector<daemon::Outgoing> Scenario::let_out(std::vector<Out> from_engine) {
  std::vector<daemon::Outgoing> leaves;
  if (is_deaf()) return leaves;
  for (Out& out : from_engine) {
    const auto* control = std::get_if<wire::Control>(&out.message.body);
    if (control != nullptr && forged_at_) continue;
    note(out);
    leaves.push_back({out.peer, desk_.encode(out)});
    if (control == nullptr) continue;
    honest_ = std::move(out);
    is_fresh_ = true;
  }
  for (Out& out : std::exchange(own_, {})) {
    const bool is_old = std::holds_alternative<wire::Control>(out.message.body) &&
                        static_cast<Forgery>(forgery_) == Forgery::kOldNumber;
    leaves.push_back({out.peer, desk_.encode(out, is_old ? out.message.header.seq : Seq{})});
  }
  return leaves;
}

// What the engine says that is asked for later.
void Scenario::note(const Out& out) {
  if (const auto* welcome = std::get_if<wire::Welcome>(&out.message.body)) {
    peer_ = out.peer;
    epoch_ = welcome->epoch;
  }
  if (const auto* resend = std::get_if<wire::Resend>(&out.message.body))
    asked_again_ = resend->from;
  const auto* control = std::get_if<wire::Control>(&out.message.body);
  if (control == nullptr) return;
  for (const wire::KnobSetting& setting : control->knobs) {
    if (setting.expires_step >= Step{0}) expires_ = setting.expires_step;
  }
}

void Scenario::finish() {
  if (move_ == Move::kLink) {
    for (std::size_t i = 0; i < kRules; ++i)
      findings_.missed(static_cast<Rule>(i), "no trainer was welcomed");
    return;
  }
  finish_knobs();
  finish_requests();
  finish_link();
}

std::string Scenario::not_asked() const {
  if (numbers_.is_contested()) return "another process sends under its session";
  return "the check ended at step " + std::to_string(step_.value) + " before that was asked";
}

void Scenario::finish_knobs() {
  if (obeyed_ > 0)
    findings_.saw(Rule::kKnobs, counted(obeyed_, "value") + " sent and reported as in force");
  const auto of = [this](Forgery forgery) { return ignored_[static_cast<std::size_t>(forgery)]; };
  const std::int64_t order = of(Forgery::kOtherEpoch) + of(Forgery::kOldNumber);
  const std::int64_t range = of(Forgery::kUndeclaredKnob) + of(Forgery::kOutside);
  if (order > 0)
    findings_.saw(Rule::kOrder, counted(order, "control") + " of another epoch or number ignored");
  if (range > 0)
    findings_.saw(Rule::kRange, counted(range, "control") + " beyond what is declared ignored");
  for (const Rule rule : {Rule::kKnobs, Rule::kOrder, Rule::kRange})
    findings_.missed(rule,
                     forgery_ == kForgeries ? "it said nothing of what is in force" : not_asked());
}

}  // namespace phaseguard::check
