// What is in force: the daemon's command, or on a lost link the higher of it and the guard's.
#include <algorithm>
#include <cmath>
#include <utility>

#include "monitor/base/text.h"
#include "monitor/run/protection.h"
#include "trainer-hook/reporter/session.h"
#include "trainer-hook/reporter/settings.h"

namespace phaseguard::reporter {

namespace {

constexpr std::int64_t kUnansweredNs = 500'000'000;

bool inside(const wire::KnobDecl& declared, double value) {
  return std::isfinite(value) && value >= declared.min && value <= declared.max;
}

std::string outside_text(const wire::KnobDecl& declared, double value) {
  return declared.name + " " + number_text(value) + " is outside its declared range " +
         number_text(declared.min) + " to " + number_text(declared.max);
}

}  // namespace

bool Session::guard_in_charge() const {
  const bool without_daemon =
      state_ == LinkState::kLost || state_ == LinkState::kRefused || state_ == LinkState::kFenced;
  return without_daemon && guard_ && linked_once_ && !shadow_ &&
         welcome_.on_loss == wire::OnLoss::kLocal;
}

// "" when every value may be applied; else what is wrong, in words.
std::string Session::fault_in(const std::vector<wire::KnobSetting>& settings) const {
  const auto& declared = std::get<wire::Hello>(hello_.body).knobs;
  for (const wire::KnobSetting& setting : settings) {
    const auto knob = std::find_if(declared.begin(), declared.end(),
                                   [&](const wire::KnobDecl& d) { return d.name == setting.knob; });
    if (knob == declared.end()) return "knob " + quoted(setting.knob) + " was not declared";
    if (!inside(*knob, setting.value)) return outside_text(*knob, setting.value);
    if (!std::isnan(setting.unscored) && !inside(*knob, setting.unscored))
      return outside_text(*knob, setting.unscored);
    if (!setting.items.empty() && !knob->per_sample)
      return knob->name + " was not declared per sample";
    const bool has_site = setting.site.empty() || std::find(knob->sites.begin(), knob->sites.end(),
                                                            setting.site) != knob->sites.end();
    if (!has_site)
      return knob->name + " was not declared with the site " + quoted(setting.site.text());
    for (const double item : setting.items) {
      if (!inside(*knob, item)) return outside_text(*knob, item);
    }
  }
  return {};
}

std::string Session::fault_in(const wire::Control& control) const {
  const bool answer = control.answers_batch != 0 && control.answers_batch == waiting_batch_;
  for (const wire::KnobSetting& setting : control.knobs) {
    if (!answer || setting.items.empty() || setting.items.size() == waiting_samples_) continue;
    return setting.knob + " has " + std::to_string(setting.items.size()) +
           " values for a batch of " + std::to_string(waiting_samples_) + " samples";
  }
  const std::string below = control.mode == wire::Mode::kShadow ? below_initial(control.knobs) : "";
  return below.empty() ? fault_in(control.knobs) : below;
}

// A policy that only records may raise a knob on an operator's word, and take nothing away. "": so
// it does.
std::string Session::below_initial(const std::vector<wire::KnobSetting>& settings) const {
  for (const wire::KnobDecl& knob : std::get<wire::Hello>(hello_.body).knobs) {
    const wire::KnobSetting* wanted = find_knob(settings, knob.name);
    if (!wanted || !run::is_lowering(run::protects_of(knob.protects), knob.initial, wanted->value))
      continue;
    return knob.name + " " + number_text(wanted->value) +
           " protects less than its initial value, under a policy in shadow mode";
  }
  return {};
}

// In shadow mode only what is raised is listed, all else is as declared. A daemon of 1.0 lists
// nothing and knows nothing of what is held here.
std::vector<wire::KnobSetting> Session::in_full(std::vector<wire::KnobSetting> settings) const {
  if (!shadow_ || record_.empty()) return settings;
  for (const wire::KnobDecl& knob : std::get<wire::Hello>(hello_.body).knobs) {
    if (find_knob(settings, knob.name)) continue;
    settings.push_back({knob.name, knob.initial, {}, wire::CauseKind::kInitial, 0, {}});
  }
  return settings;
}

// Of settings that a daemon gave.
Source Session::source_of(bool kept) const {
  if (kept) return Source::kHold;
  return shadow_ && !is_raised() ? Source::kInitial : Source::kDaemon;
}

bool Session::is_raised() const {
  return std::any_of(in_force_.begin(), in_force_.end(), [](const wire::KnobSetting& setting) {
    return !setting.cause.is(wire::CauseKind::kInitial);
  });
}

// Not applied, not clamped: the trainer goes on with what it has and the refusal is put on record,
// once per state.
void Session::refuse(const wire::Control& control, Seq seq, const std::string& fault, Now now) {
  ++stats_.refused_controls;
  if (control.answers_batch != 0 && control.answers_batch == waiting_batch_)
    answer_without_daemon();
  const std::pair<std::int64_t, std::int64_t> state{control.epoch, control.state_version};
  if (state == refused_control_) return;
  refused_control_ = state;
  refusal_ = "control refused: " + fault;
  report_outcomes({{0, wire::Outcome::kRefused,
                    "control of epoch " + std::to_string(control.epoch) + ", seq " +
                        std::to_string(seq.value) + ": " + fault,
                    Step{-1}}},
                  now);
}

wire::Protects Session::protects_of(const std::string& knob) const {
  for (const wire::KnobDecl& declared : std::get<wire::Hello>(hello_.body).knobs) {
    if (declared.name == knob) return run::protects_of(declared.protects);
  }
  return wire::Protects::kNone;
}

// True: a knob stays up against the settings.
bool Session::command(const std::vector<wire::KnobSetting>& settings, bool raise_only) {
  bool kept = false;
  for (std::size_t i = 0; i < commanded_.size(); ++i) {
    const wire::KnobSetting* wanted = find_knob(settings, commanded_[i].knob);
    if (!wanted) continue;
    const wire::Protects protects = protects_of(commanded_[i].knob);
    const bool may_lower = !raise_only && !is_unechoed(commanded_[i].knob);
    if (!may_lower && run::is_lowering(protects, in_force_[i].value, wanted->value)) {
      commanded_[i] = in_force_[i];
      kept = true;
      continue;
    }
    commanded_[i] = *wanted;
    commanded_[i].items.clear();  // of one batch alone: answer_waiting() hands them out
  }
  for (std::size_t i = 0; i < commanded_.size(); ++i) keep_held(i);
  in_force_ = commanded_;
  return kept;
}

// The guard decided by `event`: the daemon has a moment to say the same.
void Session::await_answer(Seq event, Now now) {
  const bool may = linked_once_ && !shadow_ && welcome_.on_loss == wire::OnLoss::kLocal;
  if (!may || event <= acked_) return;
  unanswered_.push_back({event, Nanos{now.mono.value + kUnansweredNs}});
  if (overdue_) keep_guards_raise();
}

// The newest event is a report that the trainer waits for until then.
void Session::hasten_answer(Nanos due) {
  if (unanswered_.empty() || unanswered_.back().event.value + 1 != next_seq_.value) return;
  unanswered_.back().due = std::min(unanswered_.back().due, due);
}

// Nobody answered in time, or nobody can: what the guard raises is in force. What it would ask the
// trainer to do waits for the end of the lease.
void Session::act_unanswered(Now now) {
  if (is_overdue(now)) act_overdue();
}

void Session::act_overdue() {
  if (shadow_ || overdue_ || guard_in_charge()) return;
  overdue_ = true;
  ++stats_.guard_decisions;
  keep_guards_raise();
}

bool Session::is_overdue(Now now) const {
  if (unanswered_.empty()) return false;
  const bool gone = state_ == LinkState::kStale || state_ == LinkState::kConnecting;
  return gone || std::any_of(unanswered_.begin(), unanswered_.end(),
                             [&](const Unanswered& one) { return now.mono >= one.due; });
}

void Session::keep_guards_raise() {
  if (guard_ && raise_to(guard_->settings())) publish(Source::kGuard);
}

void Session::obey(const wire::Control& control, bool raise_only) {
  const std::vector<wire::KnobSetting> settings = in_full(control.knobs);
  const bool kept = command(rebased(settings, control.segment), raise_only);
  end_lowerings();
  if (!kept) state_version_ = control.state_version;
  if (settings.empty()) return publish(source_);  // nothing is commanded
  publish(source_of(kept));
  if (overdue_ && !shadow_) keep_guards_raise();
}

void Session::follow_guard() {
  publish(raise_to(guard_->settings()) ? Source::kGuard : Source::kHold);
  for (wire::Request& request : guard_->take_requests(acked_)) {
    guard_requests_.push_back(request);
    hand_out(std::move(request));
  }
}

// In force is then, knob by knob, the more protecting of what was commanded and `wanted`. True: one
// of `wanted` was.
bool Session::raise_to(const std::vector<wire::KnobSetting>& wanted) {
  bool raised = false;
  for (std::size_t i = 0; i < commanded_.size(); ++i) {
    in_force_[i] = commanded_[i];
    const wire::KnobSetting* setting = find_knob(wanted, commanded_[i].knob);
    const bool raises = setting && run::protects_more(protects_of(commanded_[i].knob),
                                                      setting->value, commanded_[i].value);
    if (!raises || !fault_in({*setting}).empty()) continue;
    in_force_[i] = *setting;
    in_force_[i].items.clear();
    in_force_[i].decision = 0;
    raised = true;
  }
  return raised;
}

void Session::publish(Source source) {
  source_ = source;
  output_.settings = latched();
}

// What is in force for a batch that has no answer of its own: what another batch's report gave
// holds for that one alone.
Latched Session::latched() const {
  std::vector<wire::KnobSetting> knobs = in_force_;
  for (wire::KnobSetting& knob : knobs) {
    if (knob.batch >= 0 && !std::isnan(knob.unscored)) knob.value = knob.unscored;
  }
  return latched(std::move(knobs));
}

Latched Session::latched(std::vector<wire::KnobSetting> knobs) const {
  Latched latched;
  latched.source = source_;
  latched.shadow = shadow_;
  latched.state_version = state_version_;
  latched.knobs = std::move(knobs);
  const wire::KnobSetting* mine = find_knob(latched.knobs, options_.knob);
  if (!mine) return latched;
  latched.value = mine->value;
  latched.cause = mine->cause;
  latched.decision = mine->decision;
  return latched;
}

}  // namespace phaseguard::reporter
