#include "monitor/dashboard/model/alarm_memory.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <tuple>

#include "monitor/dashboard/model/model.h"

namespace phaseguard::dashboard {
namespace {

bool is_command(const std::string& about) { return about.rfind("command ", 0) == 0; }

bool is_kept(const AlarmEntry& entry) {
  if (entry.alarm.run.empty() || is_command(entry.alarm.about)) return false;
  if (entry.state == AlarmState::kShelved) return true;
  return entry.state == AlarmState::kAcknowledged && !std::isnan(entry.alarm.t);
}

const KeptAlarm* find_same(const std::vector<KeptAlarm>& list, const KeptAlarm& alarm) {
  const auto key = [](const KeptAlarm& a) { return std::tie(a.about, a.run, a.record, a.place); };
  const auto found = std::find_if(list.begin(), list.end(),
                                  [&](const KeptAlarm& one) { return key(one) == key(alarm); });
  return found == list.end() ? nullptr : &*found;
}

// nullptr: nothing is said of it.
bool says_the_same(const KeptAlarm* a, const KeptAlarm* b) {
  if (a == nullptr || b == nullptr) return a == b;
  const auto said = [](const KeptAlarm& one) {
    return std::tie(one.level, one.by, one.shelved, one.shelf.reason, one.shelf.for_s,
                    one.shelf.until_step, one.shelf_ends_s);
  };
  const bool came = a->came_s == b->came_s || (std::isnan(a->came_s) && std::isnan(b->came_s));
  return came && said(*a) == said(*b);
}

}  // namespace

std::vector<KeptAlarm> merged(const std::vector<KeptAlarm>& in_file, const KeptChange& change,
                              double wall_s) {
  std::vector<KeptAlarm> out;
  const auto take = [&](const KeptAlarm* alarm) {
    if (alarm == nullptr || (alarm->shelved && wall_s >= alarm->shelf_ends_s)) return;
    if (find_same(out, *alarm) == nullptr) out.push_back(*alarm);
  };
  for (const KeptAlarm& filed : in_file) {
    const KeptAlarm* before = find_same(change.before, filed);
    const KeptAlarm* now = find_same(change.now, filed);
    const bool changed_here = !says_the_same(before, now);
    const bool changed_there = !says_the_same(before, &filed);
    const bool is_mine = changed_here && (now != nullptr || !changed_there);
    take(is_mine ? now : &filed);
  }
  for (const KeptAlarm& now : change.now) {
    const bool changed_here = !says_the_same(find_same(change.before, now), &now);
    if (changed_here && find_same(in_file, now) == nullptr) take(&now);
  }
  return out;
}

std::string record_of(const run::RunState& state) {
  char began[40];
  std::snprintf(began, sizeof began, "%.17g", state.first_t);
  return std::string(began) + " attempt " + std::to_string(state.attempt) +
         (state.hello ? " of " + state.hello->session : "");
}

std::vector<KeptAlarm> kept_alarms(const Model& model, Now now) {
  std::vector<KeptAlarm> out;
  for (const AlarmEntry& entry : model.alarm_book().entries()) {
    const run::RunState* state = model.find(entry.alarm.run);
    if (state == nullptr || !is_kept(entry)) continue;
    KeptAlarm kept;
    kept.place = model.source(state->run).place;
    kept.run = state->run.text();
    kept.record = record_of(*state);
    kept.about = entry.alarm.about;
    kept.level = entry.alarm.level;
    kept.came_s = entry.alarm.t;
    kept.by = entry.by;
    kept.shelved = entry.state == AlarmState::kShelved;
    kept.shelf = kept.shelved ? entry.shelf : Shelf{};
    if (kept.shelved) kept.shelf_ends_s = entry.shelf_ends_s;
    out.push_back(std::move(kept));
  }
  for (const KeptAlarm& kept : model.remembered_alarms()) {
    if (is_alive(kept, model, now)) out.push_back(kept);
  }
  return out;
}

const KeptAlarm* remembered(const std::vector<KeptAlarm>& kept, const std::string& place,
                            const run::RunState& state, const Alarm& alarm) {
  const std::string record = record_of(state);
  const auto found = std::find_if(kept.begin(), kept.end(), [&](const KeptAlarm& one) {
    const bool same = one.about == alarm.about && one.run == alarm.run.text() &&
                      one.record == record && one.place == place;
    return same && alarm.level <= one.level && (one.shelved || one.came_s == alarm.t);
  });
  return found == kept.end() ? nullptr : &*found;
}

bool is_alive(const KeptAlarm& kept, const Model& model, Now now) {
  if (kept.shelved && now.wall_s >= kept.shelf_ends_s) return false;
  for (const RunId& id : model.run_ids()) {
    if (id.text() != kept.run || model.source(id).place != kept.place) continue;
    return model.source().loading || record_of(*model.find(id)) == kept.record;
  }
  return true;
}

}  // namespace phaseguard::dashboard
