#include "monitor/dashboard/model/alarm_book.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "monitor/dashboard/model/control/force.h"

namespace phaseguard::dashboard {
namespace {

constexpr double kTogetherS = 10.0;
constexpr std::size_t kMostEnded = 1000;

}  // namespace

const char* name_of(AlarmState state) {
  switch (state) {
    case AlarmState::kUnacknowledged:
      return "new";
    case AlarmState::kAcknowledged:
      return "seen";
    case AlarmState::kReturned:
      return "over, not seen";
    case AlarmState::kShelved:
      return "shelved";
  }
  return "";
}

AlarmId id_of(const Alarm& alarm) { return {alarm.run, alarm.about}; }

AlarmEntry* AlarmBook::entry_of(const AlarmId& id) {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const AlarmEntry& entry) {
    return id_of(entry.alarm) == id;
  });
  return found == entries_.end() ? nullptr : &*found;
}

const AlarmEntry* AlarmBook::find(const AlarmId& id) const {
  return const_cast<AlarmBook*>(this)->entry_of(id);
}

bool AlarmBook::is_shelved(const AlarmId& id) const {
  const AlarmEntry* entry = find(id);
  return entry != nullptr && entry->state == AlarmState::kShelved;
}

std::int64_t AlarmBook::count(AlarmState state) const {
  return std::count_if(entries_.begin(), entries_.end(),
                       [&](const AlarmEntry& entry) { return entry.state == state; });
}

std::int64_t AlarmBook::together(const AlarmEntry& entry) const {
  return std::count_if(entries_.begin(), entries_.end(),
                       [&](const AlarmEntry& other) { return other.burst == entry.burst; });
}

void AlarmBook::end(const AlarmEntry& entry, Now now) {
  history_.push_back({entry.alarm, entry.came_s, now.wall_s, entry.by});
  if (history_.size() > kMostEnded) history_.pop_front();
}

// What comes within 10 s of the one before it came together with it.
void AlarmBook::take(const Alarm& alarm, double came_s) {
  AlarmEntry entry;
  entry.alarm = alarm;
  entry.came_s = came_s;
  entry.first = bursts_ == 0 || came_s - last_came_s_ > kTogetherS;
  if (entry.first) ++bursts_;
  entry.burst = bursts_;
  last_came_s_ = came_s;
  entries_.push_back(std::move(entry));
}

// One that was here already: whether it still is.
bool AlarmBook::stays(AlarmEntry& entry, const std::map<AlarmId, const Alarm*>& in_force, Now now) {
  const auto found = in_force.find(id_of(entry.alarm));
  if (found == in_force.end()) {
    if (entry.state == AlarmState::kUnacknowledged) entry.state = AlarmState::kReturned;
    if (entry.state == AlarmState::kReturned) return true;
    end(entry, now);
    return false;
  }
  const bool graver = found->second->level > entry.alarm.level;
  const bool again = entry.state == AlarmState::kReturned;
  entry.alarm = *found->second;
  if (again) ++entry.times;
  if (graver || again) entry.state = AlarmState::kUnacknowledged;
  return true;
}

void AlarmBook::update(const std::vector<Alarm>& in_force, const std::map<RunId, Step>& steps,
                       Now now) {
  std::map<AlarmId, const Alarm*> by_id;
  for (const Alarm& alarm : in_force) by_id.emplace(id_of(alarm), &alarm);
  std::set<AlarmId> known;
  std::vector<AlarmEntry> kept;
  for (AlarmEntry& entry : entries_) {
    if (!stays(entry, by_id, now)) continue;
    const auto step = steps.find(entry.alarm.run);
    const bool reached = entry.shelf.until_step >= Step{0} && step != steps.end() &&
                         step->second >= entry.shelf.until_step;
    if (entry.state == AlarmState::kShelved && (reached || now.mono >= entry.shelf_ends)) {
      entry.state = AlarmState::kUnacknowledged;
    }
    known.insert(id_of(entry.alarm));
    kept.push_back(std::move(entry));
  }
  entries_ = std::move(kept);
  std::vector<const Alarm*> fresh;
  for (const auto& [id, alarm] : by_id) {
    if (known.count(id) == 0) fresh.push_back(alarm);
  }
  const auto came = [&](const Alarm* alarm) {
    return std::isnan(alarm->t) ? now.wall_s : alarm->t;
  };
  std::stable_sort(fresh.begin(), fresh.end(),
                   [&](const Alarm* a, const Alarm* b) { return came(a) < came(b); });
  for (const Alarm* alarm : fresh) take(*alarm, came(alarm));
}

void AlarmBook::acknowledge(const std::vector<AlarmId>& which, const std::string& by, Now now) {
  for (const AlarmId& id : which) {
    AlarmEntry* entry = entry_of(id);
    if (entry == nullptr) continue;
    entry->by = by;
    if (entry->state == AlarmState::kUnacknowledged) entry->state = AlarmState::kAcknowledged;
    if (entry->state != AlarmState::kReturned) continue;
    end(*entry, now);
    entries_.erase(entries_.begin() + (entry - entries_.data()));
  }
}

bool AlarmBook::shelve(const std::vector<AlarmId>& which, const Shelf& shelf, const std::string& by,
                       Now now) {
  if (is_blank(shelf.reason)) return false;
  if (!(shelf.for_s > 0.0) && shelf.until_step < Step{0}) return false;
  const double seconds = shelf.for_s > 0.0 ? std::min(shelf.for_s, kLongestShelfS) : kLongestShelfS;
  for (const AlarmId& id : which) {
    AlarmEntry* entry = entry_of(id);
    if (entry == nullptr || entry->state == AlarmState::kReturned) continue;
    entry->state = AlarmState::kShelved;
    entry->by = by;
    entry->shelf = shelf;
    entry->shelf_ends = Nanos{now.mono.value + static_cast<std::int64_t>(seconds * 1e9)};
    entry->shelf_ends_s = now.wall_s + seconds;
  }
  return true;
}

void AlarmBook::recall_seen(const AlarmId& id, const std::string& by) {
  AlarmEntry* entry = entry_of(id);
  if (entry == nullptr || entry->state != AlarmState::kUnacknowledged) return;
  entry->state = AlarmState::kAcknowledged;
  entry->by = by;
}

void AlarmBook::recall_shelved(const AlarmId& id, const Shelf& shelf, const std::string& by,
                               double ends_s, Now now) {
  AlarmEntry* entry = entry_of(id);
  if (entry == nullptr || entry->state != AlarmState::kUnacknowledged) return;
  Shelf rest = shelf;
  rest.for_s = ends_s - now.wall_s;
  if (!(rest.for_s > 0.0) || !shelve({id}, rest, by, now)) return;
  entry->shelf.for_s = shelf.for_s;
}

void AlarmBook::unshelve(const std::vector<AlarmId>& which) {
  for (const AlarmId& id : which) {
    AlarmEntry* entry = entry_of(id);
    if (entry != nullptr && entry->state == AlarmState::kShelved) {
      entry->state = AlarmState::kUnacknowledged;
    }
  }
}

}  // namespace phaseguard::dashboard
