// A message that is lost on its way, and a daemon that is not heard for longer than the lease.
#include <algorithm>
#include <cmath>

#include "monitor/base/table_text.h"
#include "monitor/base/text.h"
#include "monitor/check/scenario.h"
#include "monitor/run/protection.h"

namespace phaseguard::check {

namespace {

constexpr double kPatience = 3.0;    // seconds: the engine gives a gap up after 2
constexpr double kLowering = 2.0;    // seconds that a lowering lasts
constexpr double kComesBack = 12.0;  // seconds: hellos come every 5 at most
constexpr std::int64_t kLeastSteps = 4;

}  // namespace

// One that nobody waits for, if such ones come.
bool Scenario::may_drop(const wire::Message& frame, Now now) const {
  if (const auto* report = std::get_if<wire::Report>(&frame.body))
    return !report->wants_control || has_waited(now, kPatience);
  const auto* applied = std::get_if<wire::Applied>(&frame.body);
  return applied != nullptr && applied->requests.empty();
}

void Scenario::on_again(Seq number) {
  came_again_ = came_again_ || (number == dropped_ && asked_again_ > Seq{});
}

void Scenario::await_again(Now now) {
  const bool is_asked = asked_again_ > Seq{};
  if (!numbers_.speaks_1_1() || came_again_ || is_overdue(now)) {
    drops_ = false;
    if (numbers_.speaks_1_1() && is_asked && !came_again_)
      findings_.add(Rule::kJournal, {"not sent again",
                                     "expected number " + std::to_string(dropped_.value) +
                                         " again after `resend`, found nothing in " +
                                         short_number(seconds_between(since_, now.mono), 2) + " s",
                                     dropped_, step_});
    begin_request(now);
  }
}

double Scenario::steps_per_s(Now now) const {
  const double span = seconds_between(first_at_, now.mono);
  return span > 0.0 ? static_cast<double>(step_.value - first_step_.value) / span : 0.0;
}

// Of a run that says how long it is: it would be over before the link is back.
bool Scenario::is_too_short(Now now) const {
  if (folded_.total_steps <= 0) return false;
  const double left = static_cast<double>(folded_.total_steps - step_.value);
  return left < (static_cast<double>(times_.lease_ms) * 1e-3 + kComesBack) * steps_per_s(now);
}

void Scenario::begin_lowering(Now now) {
  if (is_too_short(now)) {
    const std::string why = "the " + std::to_string(folded_.total_steps - step_.value) +
                            " steps that are left are over before a lost link would be back";
    for (const Rule rule : {Rule::kLoss, Rule::kExpiry}) findings_.missed(rule, why);
    return enter(Move::kWatch, now);
  }
  if (desk_.plan().empty() || !numbers_.speaks_1_1()) return begin_deaf(now);
  enter(Move::kLower, now);
  const auto steps = static_cast<std::int64_t>(std::ceil(kLowering * steps_per_s(now)));
  command("lower", wire::Action::kForce, desk_.plan()[0], desk_.plan()[0].lowered,
          std::max(kLeastSteps, steps), now);
}

void Scenario::await_lowering(Now now) {
  const KnobPlan& knob = desk_.plan()[0];
  is_lowered_ = is_same(applied(knob.declared.name), knob.lowered);
  // A trainer that was slow to read it may have seen it end already.
  const bool has_ended = expires_ >= Step{0} && step_ >= expires_;
  if (!is_lowered_ && !has_ended && !is_overdue(now)) return;
  if (!is_lowered_ && !has_ended) tell_not_obeyed(knob, knob.lowered);
  begin_deaf(now);
}

void Scenario::begin_deaf(Now now) {
  deaf_from_ = numbers_.highest();
  enter(Move::kDeaf, now);
}

// What is in force while nothing is heard.
void Scenario::look_at_loss(const wire::Header& header, const wire::AppliedKnob& knob) {
  for (const KnobPlan& plan : desk_.plan()) {
    if (plan.declared.name != knob.name) continue;
    ++unheard_;
    const wire::Protects protects = run::protects_of(plan.declared.protects);
    const bool may_be_low = is_lowered_ && &plan == &desk_.plan()[0];
    const double least = may_be_low ? plan.lowered : plan.base;
    const auto is_below = [&](double wanted) {
      return run::protects_more(protects, wanted, knob.value) && !is_same(wanted, knob.value);
    };
    if (is_below(least))
      findings_.add(Rule::kLoss, {"lowered",
                                  "expected " + knob.name + " to stay at " + number_text(least) +
                                      " while no daemon is heard, found " + number_text(knob.value),
                                  header.seq, header.step});
    if (!may_be_low || header.step <= expires_ || expires_ < Step{0}) continue;
    ++unheard_past_end_;
    if (is_below(plan.base))
      findings_.add(Rule::kExpiry,
                    {"does not end",
                     "expected the lowering of " + knob.name + " to end by itself at step " +
                         std::to_string(expires_.value) + " with " + number_text(plan.base) +
                         ", found " + number_text(knob.value),
                     header.seq, header.step});
  }
}

void Scenario::await_return(Now now) {
  const bool has_all = folded_.last_seq > Seq{} && recorded_ >= numbers_.highest();
  if (has_all) {
    is_back_ = true;
    return enter(Move::kWatch, now);
  }
  if (!has_waited(now, kComesBack)) return;
  is_back_ = true;
  findings_.add(Rule::kLoss, {"not back",
                              "expected a hello within 5 s and all that was not "
                              "acknowledged, found number " +
                                  std::to_string(recorded_.value) + " as the newest in " +
                                  short_number(kComesBack, 3) + " s",
                              recorded_, step_});
  enter(Move::kWatch, now);
}

void Scenario::finish_link() {
  const run::Gaps& gaps = folded_.gaps;
  if (gaps.missing > 0 && deaf_from_ >= Seq{0} && gaps.to > deaf_from_)
    findings_.add(Rule::kJournal,
                  {"lost",
                   "expected all after number " + std::to_string(deaf_from_.value) +
                       " again, found " + counted(gaps.missing, "message") + " missing",
                   gaps.from, gaps.step, gaps.missing});
  if (came_again_ && is_back_) {
    findings_.saw(Rule::kJournal, "sent again: a lost message, and all of a lost link");
  } else if (came_again_) {
    findings_.saw(Rule::kJournal, "a lost message was sent again");
  } else if (is_back_) {
    findings_.saw(Rule::kJournal, "all of a lost link was sent again");
  }
  if (unheard_ > 0)
    findings_.saw(Rule::kLoss, counted(unheard_, "report") + " of what was in force meanwhile");
  const bool was_past_ignored = ignored_[static_cast<std::size_t>(Forgery::kPast)] > 0;
  if (unheard_past_end_ > 0) {
    findings_.saw(Rule::kExpiry,
                  std::string("a lowering ended by itself at step ") +
                      std::to_string(expires_.value) +
                      (was_past_ignored ? ", a control that was past was ignored" : ""));
  } else if (was_past_ignored) {
    findings_.saw(Rule::kExpiry, "a control that was past was ignored");
  }
  findings_.missed(Rule::kJournal, numbers_.speaks_1_1() ? not_asked() : "it speaks protocol 1.0");
  findings_.missed(Rule::kLoss,
                   deaf_from_ >= Seq{0} ? "it said nothing of what is in force" : not_asked());
  findings_.missed(Rule::kExpiry, not_asked());
}

}  // namespace phaseguard::check
