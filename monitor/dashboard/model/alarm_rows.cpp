// The lines of the alarm list, from the book.
#include <algorithm>

#include "monitor/dashboard/model/alarm_book.h"
#include "monitor/dashboard/model/describe.h"

namespace phaseguard::dashboard {
namespace {

bool passes(const AlarmRow& row, const std::string& filter) {
  std::string all = row.first.word + " " + row.text + " " + row.note;
  for (const AlarmId& id : row.ids) all += " " + id.run.text();
  return has_words(all, filter);
}

void keep_passing(std::vector<AlarmRow>& rows, const std::string& filter) {
  rows.erase(std::remove_if(rows.begin(), rows.end(),
                            [&](const AlarmRow& row) { return !passes(row, filter); }),
             rows.end());
}

std::string note_of(const AlarmBook& book, const AlarmEntry& entry) {
  std::string text = name_of(entry.state);
  if (entry.state == AlarmState::kAcknowledged || entry.state == AlarmState::kShelved) {
    text += " by " + one_line(entry.by, 40);
  }
  if (entry.state == AlarmState::kShelved) {
    text += entry.shelf.until_step >= Step{0}
                ? " until step " + std::to_string(entry.shelf.until_step.value)
                : " for " + age_text(entry.shelf.for_s);
    text += ": " + one_line(entry.shelf.reason, 120);
  }
  const std::int64_t together = book.together(entry);
  if (entry.first && together > 1) {
    text += ", first of " + std::to_string(together) + " that came together";
  }
  if (entry.times > 1) text += ", came " + std::to_string(entry.times) + " times";
  return text;
}

std::string text_of(const AlarmRow& row) {
  AlarmLine line;
  line.first = row.first;
  for (const AlarmId& id : row.ids) {
    if (!id.run.empty()) line.runs.push_back(id.run);
  }
  return text_of(line);
}

bool is_same(const AlarmRow& row, const AlarmEntry& entry) {
  return row.state == entry.state && row.first.level == entry.alarm.level &&
         row.first.about == entry.alarm.about;
}

}  // namespace

std::vector<AlarmRow> alarm_rows(const Model& model, bool shelved, const std::string& filter) {
  const AlarmBook& book = model.alarm_book();
  std::vector<AlarmRow> rows;
  for (const AlarmEntry& entry : book.entries()) {
    if ((entry.state == AlarmState::kShelved) != shelved) continue;
    const auto same = std::find_if(rows.begin(), rows.end(),
                                   [&](const AlarmRow& row) { return is_same(row, entry); });
    if (same != rows.end()) {
      same->ids.push_back(id_of(entry.alarm));
      continue;
    }
    rows.push_back(
        {entry.alarm, entry.state, {id_of(entry.alarm)}, "", note_of(book, entry), entry.came_s});
  }
  for (AlarmRow& row : rows) row.text = text_of(row);
  keep_passing(rows, filter);
  std::stable_sort(rows.begin(), rows.end(), [](const AlarmRow& a, const AlarmRow& b) {
    if (a.first.level != b.first.level) return a.first.level > b.first.level;
    return a.state < b.state;
  });
  return rows;
}

std::vector<AlarmRow> unseen_rows(const Model& model, bool of_shown) {
  std::vector<AlarmRow> rows = alarm_rows(model, false, "");
  const auto is_own = [&](const AlarmId& id) {
    return id.run.empty() || (model.shown() != nullptr && id.run == model.shown()->run);
  };
  const auto belongs = [&](const AlarmRow& row) {
    return row.state == AlarmState::kReturned &&
           std::any_of(row.ids.begin(), row.ids.end(),
                       [&](const AlarmId& id) { return is_own(id) == of_shown; });
  };
  rows.erase(
      std::remove_if(rows.begin(), rows.end(), [&](const AlarmRow& row) { return !belongs(row); }),
      rows.end());
  return rows;
}

std::vector<AlarmRow> ended_rows(const Model& model, const std::string& filter) {
  std::vector<AlarmRow> rows;
  const auto& history = model.alarm_book().history();
  for (auto ended = history.rbegin(); ended != history.rend(); ++ended) {
    AlarmRow row{ended->alarm, AlarmState::kReturned, {id_of(ended->alarm)}, "", "", ended->came_s};
    row.text = text_of(row);
    row.note = "stood for " + age_text(std::max(0.0, ended->ended_s - ended->came_s)) +
               (ended->by.empty() ? "" : ", seen by " + one_line(ended->by, 40));
    rows.push_back(std::move(row));
  }
  keep_passing(rows, filter);
  return rows;
}

std::string counts_text(const Model& model) {
  const AlarmBook& book = model.alarm_book();
  std::string text;
  const auto add = [&](AlarmState state, const char* word) {
    const std::int64_t n = book.count(state);
    if (n > 0) text += (text.empty() ? "" : ", ") + std::to_string(n) + " " + word;
  };
  add(AlarmState::kUnacknowledged, "new");
  add(AlarmState::kAcknowledged, "seen");
  add(AlarmState::kReturned, "over");
  add(AlarmState::kShelved, "shelved");
  return text.empty() ? "no alarm" : text;
}

}  // namespace phaseguard::dashboard
