// What this trainer holds, and which of it the daemon's record has confirmed.
#include <algorithm>
#include <cmath>
#include <utility>

#include "monitor/run/protection.h"
#include "trainer-hook/reporter/session.h"

namespace phaseguard::reporter {

namespace {

void add(std::vector<wire::Held>& list, const wire::Held& entry) {
  const bool known = std::any_of(list.begin(), list.end(), [&](const wire::Held& other) {
    return wire::same_entry(other, entry);
  });
  if (!known) list.push_back(entry);
}

}  // namespace

// As the hello tells it: what a daemon said last, what none has confirmed, and what the guard
// decided by events that none has acknowledged.
std::vector<wire::Held> Session::held() const {
  std::vector<wire::Held> all = unechoed_;
  for (const wire::Held& entry : told_) add(all, entry);
  if (guard_ && linked_once_ && !shadow_) {
    for (const wire::Held& entry : guard_->held_after(options_.attempt, acked_)) add(all, entry);
  }
  for (wire::Held& entry : all) {
    entry.outcome = {};
    entry.detail.clear();
  }
  return all;
}

void Session::take_echo(const std::vector<wire::Held>& mine, const std::vector<wire::Held>& echo) {
  told_.clear();
  unechoed_.clear();
  for (const wire::Held& entry : mine) {
    const auto answer = std::find_if(echo.begin(), echo.end(), [&](const wire::Held& other) {
      return wire::same_entry(other, entry);
    });
    const bool confirmed = answer != echo.end() && !answer->outcome.empty() &&
                           answer->outcome != wire::Adoption::kAwaited;
    (confirmed ? told_ : unechoed_).push_back(confirmed ? *answer : entry);
  }
}

// The daemon has recorded the events that made the guard hold them, and decides.
void Session::forget_awaited() {
  unechoed_.erase(std::remove_if(unechoed_.begin(), unechoed_.end(),
                                 [&](const wire::Held& entry) {
                                   return entry.command.empty() &&
                                          entry.attempt == options_.attempt &&
                                          entry.number >= from_.value &&
                                          entry.number <= acked_.value;
                                 }),
                  unechoed_.end());
}

void Session::tell_lineage() {
  output_.lineage =
      Lineage{record_, position_, std::max<std::int64_t>(rollbacks_before_, 0), held()};
}

bool Session::is_unechoed(const std::string& knob) const {
  return std::any_of(unechoed_.begin(), unechoed_.end(),
                     [&](const wire::Held& entry) { return entry.knob == knob; });
}

// What the policy cannot express stays in force here until the daemon says that a person let it go.
void Session::keep_held(std::size_t knob) {
  wire::KnobSetting& commanded = commanded_[knob];
  const wire::Protects protects = protects_of(commanded.knob);
  for (const wire::Held& entry : told_) {
    if (entry.knob != commanded.knob || entry.outcome != wire::Adoption::kKept) continue;
    const bool holds = protects == wire::Protects::kNone
                           ? entry.value != commanded.value
                           : run::protects_more(protects, entry.value, commanded.value);
    wire::KnobSetting held{
        commanded.knob, entry.value, {}, wire::Cause(wire::CauseKind::kAdopted, entry.name), 0,
        entry.site};
    if (!holds || !fault_in({held}).empty()) continue;
    commanded = std::move(held);
  }
}

}  // namespace phaseguard::reporter
