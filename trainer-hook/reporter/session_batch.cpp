// A batch that waits for the value which its own report gives: the daemon's answer, or, when that
// does not come in time, the guard's.
#include <algorithm>
#include <cmath>
#include <utility>

#include "monitor/run/protection.h"
#include "trainer-hook/reporter/session.h"
#include "trainer-hook/reporter/settings.h"

namespace phaseguard::reporter {

namespace {

constexpr std::size_t kAnswersKept = 8;

}  // namespace

void Session::wait_for_answer(const wire::Report& report) {
  waiting_batch_ = report.batch;
  waiting_samples_ = 0;
  for (const wire::Sample& sample : report.samples)
    waiting_samples_ = std::max(waiting_samples_, sample.items.size());
}

// What the control commands is in force by now.
void Session::answer_waiting(const wire::Control& control) {
  answered_.push_back(control.knobs);
  if (answered_.size() > kAnswersKept) answered_.pop_front();
  Latched answer = latched(in_force_);
  answer.answered = true;
  for (std::size_t i = 0; i < answer.knobs.size(); ++i) {
    const wire::KnobSetting& mine = answer.knobs[i];
    const wire::KnobSetting* wanted = find_knob(control.knobs, mine.knob);
    const bool as_wanted = wanted && wanted->value == mine.value;
    add_items(answer, i, wanted, as_wanted ? wire::kNaN : mine.value);
  }
  output_.answers.push_back({std::exchange(waiting_batch_, 0), std::move(answer)});
}

void Session::answer_without_daemon() {
  if (waiting_batch_ == 0) return;
  Latched answer = own_answer();
  answer.answered = guard_in_charge();
  output_.answers.push_back({std::exchange(waiting_batch_, 0), std::move(answer)});
}

// The values per sample of one knob, each at least `floor`; NaN: as they are.
void Session::add_items(Latched& latched, std::size_t knob, const wire::KnobSetting* answer,
                        double floor) const {
  if (!answer || !fault_in({*answer}).empty()) return;
  wire::KnobSetting& mine = latched.knobs[knob];
  mine.items = answer->items;
  if (!std::isnan(floor)) {
    for (double& item : mine.items)
      item = run::more_protecting(protects_of(mine.knob), item, floor);
  }
  if (mine.knob == options_.knob) latched.items = mine.items;
}

// What the batch that waits gets while no daemon has answered it: the values that its own report
// gives, as the guard has them, up or down; without a guard the most protecting of the last
// answers. What is of no batch stays as it is.
Latched Session::own_answer() const {
  Latched answer = latched();
  if (shadow_) return answer;
  const bool may = guard_ && linked_once_ && welcome_.on_loss == wire::OnLoss::kLocal;
  const std::vector<wire::KnobSetting> guards =
      may ? guard_->settings() : std::vector<wire::KnobSetting>{};
  for (std::size_t i = 0; i < commanded_.size(); ++i) {
    wire::KnobSetting& mine = answer.knobs[i];
    const wire::KnobSetting* own = find_knob(guards, mine.knob);
    if (own && is_guards_to_give(i, *own)) {
      answer.source = Source::kGuard;
      mine = floored(*own);
      add_items(answer, i, own, floor_under(mine.knob));
    } else if (!may && commanded_[i].batch >= 0) {
      mine = highest_answered(mine);
      answer.source = Source::kHold;
    }
    if (mine.knob != options_.knob) continue;
    answer.value = mine.value;
    answer.cause = mine.cause;
    answer.decision = mine.decision;
  }
  return answer;
}

// A value that follows from the batch: its report gave it, or what was commanded last is another
// batch's.
bool Session::is_guards_to_give(std::size_t knob, const wire::KnobSetting& own) const {
  const bool follows = own.batch == waiting_batch_ || commanded_[knob].batch >= 0;
  return follows && protects_of(own.knob) != wire::Protects::kNone && fault_in({own}).empty();
}

wire::KnobSetting Session::floored(wire::KnobSetting own) const {
  const double floor = floor_under(own.knob);
  if (!std::isnan(floor)) own.value = run::more_protecting(protects_of(own.knob), own.value, floor);
  own.items.clear();
  own.decision = 0;
  return own;
}

// What no batch's own value goes below: what is commanded whatever the batch, an operator's raise,
// what was adopted and what no record has confirmed; all that is in force, while the guard did not
// see what the daemon did. The guard itself keeps to latched rules. NaN: nothing.
double Session::floor_under(const std::string& knob) const {
  const wire::Protects protects = protects_of(knob);
  double floor = wire::kNaN;
  const auto raise = [&](double value) {
    if (std::isnan(floor) || run::protects_more(protects, value, floor)) floor = value;
  };
  const wire::KnobSetting* commanded = find_knob(commanded_, knob);
  if (commanded && commanded->batch < 0) raise(commanded->value);
  if (guard_lacks_) raise(find_knob(in_force_, knob)->value);
  for (const wire::Held& entry : told_) {
    const bool stands = entry.kind == wire::HeldKind::kOperator ||
                        entry.outcome == wire::Adoption::kAdopted ||
                        entry.outcome == wire::Adoption::kKept;
    if (entry.knob == knob && stands && !std::isnan(entry.value)) raise(entry.value);
  }
  for (const wire::Held& entry : unechoed_) {
    if (entry.knob == knob && !std::isnan(entry.value)) raise(entry.value);
  }
  return floor;
}

// Of `mine` and what its knob got in the last answers.
wire::KnobSetting Session::highest_answered(wire::KnobSetting mine) const {
  const wire::Protects protects = protects_of(mine.knob);
  for (const std::vector<wire::KnobSetting>& settings : answered_) {
    const wire::KnobSetting* setting = find_knob(settings, mine.knob);
    if (setting && run::protects_more(protects, setting->value, mine.value)) mine = *setting;
  }
  mine.items.clear();
  return mine;
}

}  // namespace phaseguard::reporter
