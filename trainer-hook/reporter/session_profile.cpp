// What the profile `enforce` adds to a lost link and to an error of ours.
#include <algorithm>
#include <utility>

#include "monitor/run/protection.h"
#include "trainer-hook/reporter/session.h"

namespace phaseguard::reporter {

namespace {

constexpr std::int64_t kIntervalsHeld = 2;
constexpr std::int64_t kPauseAfterNs = 600'000'000'000;

}  // namespace

// The stricter of the hook's own and the policy's.
bool Session::is_enforced() const {
  return options_.profile == wire::Profile::kEnforce || welcome_.profile == wire::Profile::kEnforce;
}

// A link that came back without a word of the record is the same loss: it ends when the daemon has
// recorded what was waiting. So a record that cannot be written pauses training too.
void Session::note_loss(Now now) {
  if (!loss_) loss_ = Loss{last_step_, now.mono};
}

void Session::escalate(Now now) {
  if (!loss_ || !is_enforced() || shadow_) return;
  const auto choice = welcome_.on_loss.known();
  if (choice && *choice != wire::OnLoss::kLocal) return;  // the owner's own word
  loss_->step = std::min(loss_->step, last_step_);        // a rollback: counted from there
  const auto& hello = std::get<wire::Hello>(hello_.body);
  const std::int64_t steps = kIntervalsHeld * std::max<std::int64_t>(1, hello.cadence_steps);
  if (!loss_->substituted && last_step_.value - loss_->step.value >= steps) substitute();
  const bool late = now.mono.value - loss_->since.value >= kPauseAfterNs;
  if (loss_->paused || !late || !held().empty()) return;
  loss_->paused = true;
  ask(wire::RequestType::kPause, "no daemon has recorded this run for 10 minutes");
}

// What is held up stays as it is; for the rest the owner's value, where it protects more. It is the
// floor of what the guard decides later.
void Session::substitute() {
  loss_->substituted = true;
  if (!guard_) return;
  const std::vector<wire::Held> up = held();
  bool raised = false;
  for (const wire::KnobSetting& setting : guard_->substitutes()) {
    const bool is_up = std::any_of(
        up.begin(), up.end(), [&](const wire::Held& entry) { return entry.knob == setting.knob; });
    if (!is_up && fault_in({setting}).empty()) raised = raise_floor(setting) || raised;
  }
  if (raised) publish(Source::kHold);
}

bool Session::raise_floor(const wire::KnobSetting& setting) {
  for (std::size_t i = 0; i < commanded_.size(); ++i) {
    const std::string& knob = commanded_[i].knob;
    if (knob != setting.knob) continue;
    if (!run::protects_more(protects_of(knob), setting.value, in_force_[i].value)) return false;
    commanded_[i] = in_force_[i] = setting;
    return true;
  }
  return false;
}

// Only what the trainer declares: another request would be refused and help nobody.
void Session::ask(wire::RequestType type, const std::string& reason) {
  const auto& declared = std::get<wire::Hello>(hello_.body).requests;
  if (std::find(declared.begin(), declared.end(), type) == declared.end()) return;
  wire::Request request;
  request.id = --loss_request_id_;
  request.type = type;
  request.reason = reason;
  hand_out(std::move(request));
}

void Session::stop_on_error() {
  if (!is_enforced() || shadow_ || options_.on_error == OnError::kContinue) return;
  const std::string reason = "the hook failed: " + refusal_;
  ask(wire::RequestType::kCheckpoint, reason);
  ask(wire::RequestType::kStop, reason);
}

}  // namespace phaseguard::reporter
