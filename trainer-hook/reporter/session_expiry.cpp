// Lowerings end at their step here, whether or not the daemon is there to end them.
#include <algorithm>
#include <utility>

#include "monitor/run/protection.h"
#include "trainer-hook/reporter/session.h"

namespace phaseguard::reporter {

namespace {

constexpr std::size_t kRollbacksKept = 16;

// What was left of it at the rollback is left after it.
Step moved_back(Step expires, Step from, Step to) {
  return Step{to.value + std::max<std::int64_t>(expires.value - from.value, 0)};
}

}  // namespace

void Session::note_rollback(const wire::Applied& applied, Step step) {
  // Reports of the new segment may come before what says that it began.
  const Step from = std::exchange(furthest_, step);
  rollbacks_.push_back({applied.segment, from, step});
  if (rollbacks_.size() > kRollbacksKept) rollbacks_.erase(rollbacks_.begin());
  for (wire::KnobSetting& setting : commanded_) {
    if (setting.expires_step.value >= 0)
      setting.expires_step = moved_back(setting.expires_step, from, step);
  }
}

// Who does not know of the newest rollbacks counts steps from before them. `segment`: that theirs
// count in; -1: not said.
std::vector<wire::KnobSetting> Session::rebased(std::vector<wire::KnobSetting> settings,
                                                std::int64_t segment) const {
  if (segment < 0) return settings;
  // By how much it would have to be moved is not known any more: it ends now.
  const bool forgotten = !rollbacks_.empty() && rollbacks_.front().segment > segment + 1;
  for (wire::KnobSetting& setting : settings) {
    if (setting.expires_step.value < 0) continue;
    for (const Rollback& rollback : rollbacks_) {
      if (rollback.segment > segment)
        setting.expires_step = moved_back(setting.expires_step, rollback.from, rollback.to);
    }
    if (forgotten) setting.expires_step = std::min(setting.expires_step, last_step_);
  }
  return settings;
}

// True: one has ended now.
bool Session::end_lowerings() {
  bool ended = false;
  for (std::size_t i = 0; i < commanded_.size(); ++i) {
    wire::KnobSetting& setting = commanded_[i];
    if (setting.expires_step.value < 0 || last_step_ < setting.expires_step) continue;
    wire::KnobSetting next{setting.knob,     setting.then.value, {}, setting.then.cause, 0,
                           setting.then.site};
    setting.expires_step = Step{-1};
    const wire::Protects protects = protects_of(setting.knob);
    const bool raises = protects == wire::Protects::kNone ||
                        run::protects_more(protects, next.value, setting.value);
    if (!raises || !fault_in({next}).empty()) continue;
    setting = next;
    if (protects == wire::Protects::kNone ||
        run::protects_more(protects, next.value, in_force_[i].value))
      in_force_[i] = std::move(next);
    ended = true;
  }
  return ended;
}

}  // namespace phaseguard::reporter
