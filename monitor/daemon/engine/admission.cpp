// Who may train a run: one process at a time, from a checkpoint of the line that was not rolled
// back.
#include <algorithm>

#include "monitor/base/sha256.h"
#include "monitor/base/text.h"
#include "monitor/daemon/engine/bounds.h"
#include "monitor/daemon/engine/run_slot.h"
#include "monitor/wire/declaration.h"

namespace phaseguard::daemon {

namespace {

wire::Reject refuse(wire::RejectCode code, std::string reason, bool retry) {
  wire::Reject reject;
  reject.code = code;
  reject.reason = std::move(reason);
  reject.retry = retry;
  return reject;
}

const std::string kMark = "sha256:";

// Rounded up, so that who waits so long finds it free.
std::string seconds_text(std::int64_t ms) {
  return std::to_string((std::max<std::int64_t>(ms, 0) + 999) / 1000) + " s";
}

}  // namespace

// What is recorded of a session's token: enough to know it again, and not to claim its run.
std::string RunSlot::session_mark(const std::string& session) const {
  return kMark + hex(sha256(identity_ + "\n" + session));
}

// By its token, and by its own name where both say one: a script may use the same token each time.
bool RunSlot::is_same_process(const wire::Hello& hello) const {
  const bool other = !hello.process.empty() && !process_.empty() && hello.process != process_;
  const bool is_marked = session_.rfind(kMark, 0) == 0;
  const bool same = session_ == (is_marked ? session_mark(hello.session) : hello.session);
  return state_.attempt > 0 && same && !other;
}

std::int64_t RunSlot::attempt_for(const wire::Hello& hello) const {
  return is_same_process(hello) ? state_.attempt : state_.attempt + 1;
}

// The very process that trains it now, or did last.
bool RunSlot::is_present(const wire::Message& hello) const {
  return is_same_process(std::get<wire::Hello>(hello.body)) &&
         hello.header.attempt == state_.attempt;
}

// Why another process has the run; "": none has.
std::string RunSlot::claim_against(const wire::Message& hello, Now now) const {
  const bool same = is_same_process(std::get<wire::Hello>(hello.body));
  const bool held = !same && !ended_ && (last_frame_ || restored_at_) && !lost_recorded_;
  if (!held || (settings_->is_dead && settings_->is_dead(process_))) return "";
  const std::int64_t heard = (last_frame_ ? *last_frame_ : *restored_at_).value;
  const std::int64_t silent_ms = (now.mono.value - heard) / 1'000'000;
  return "run " + run_.text() + " is being trained by another process" +
         (last_frame_ ? ", heard " + seconds_text(silent_ms) + " ago" : "") +
         "; it is free when that says goodbye or is seen to be dead, or in " +
         seconds_text(settings_->patience.lost_ms - silent_ms) + " if it stays silent";
}

// Before its hello is recorded.
run::Resume RunSlot::resume_of(const wire::Message& hello) const {
  return run::judge_resume(state_, identity_, std::get<wire::Hello>(hello.body));
}

std::optional<wire::Reject> RunSlot::admit(const wire::Message& hello,
                                           const policy::Document* document, Now now) const {
  const auto& declared = std::get<wire::Hello>(hello.body);
  const bool present = is_present(hello);
  if (std::string fault = wire::contradiction_in(declared); !present && !fault.empty())
    return refuse(wire::RejectCode::kMalformed, "hello: " + fault, false);
  if (present && state_.goodbye)
    return refuse(wire::RejectCode::kClaimed,
                  "attempt " + std::to_string(state_.attempt) + " of run " + run_.text() +
                      " has said goodbye; go on as attempt " + std::to_string(state_.attempt + 1) +
                      " (0 asks for the next number), or choose another run id",
                  false);
  if (!present && hello.header.attempt <= state_.attempt) {
    const bool busy = !ended_ && last_frame_.has_value();
    return refuse(wire::RejectCode::kClaimed,
                  "run " + run_.text() + " has an attempt " + std::to_string(state_.attempt) +
                      " already" + (busy ? ", by another trainer" : "") +
                      "; choose another run id, or resume as attempt " +
                      std::to_string(state_.attempt + 1) + " (0 asks for the next number)",
                  false);
  }
  if (std::string claim = claim_against(hello, now); !claim.empty())
    return refuse(wire::RejectCode::kClaimed, std::move(claim), true);
  if (series_with(state_, declared) > kMostSeries) {
    return refuse(wire::RejectCode::kLimit,
                  "run " + run_.text() + " would have more than " + std::to_string(kMostSeries) +
                      " series, the canaries of its signals counted; declare fewer signals",
                  false);
  }
  const policy::Document* in_force = machine() ? &machine()->document() : document;
  if (!in_force)
    return refuse(wire::RejectCode::kPolicy,
                  "no policy is declared for run " + run_.text() + "; give phaseguardd a --policy",
                  true);
  if (Result<void> fits = policy::fits(*in_force, declared); !fits)
    return refuse(wire::RejectCode::kPolicy, fits.error().message, false);
  if (present || in_force->shadow || run::is_resume_allowed(state_)) return std::nullopt;
  run::Resume resume = resume_of(hello);
  if (!resume.is_superseded) return std::nullopt;
  return refuse(wire::RejectCode::kSuperseded, "run " + run_.text() + ": " + resume.note, true);
}

}  // namespace phaseguard::daemon
