// The rows of a run file in order. Internal to the store: writer (recovery), reader, verify.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/store/database.h"
#include "monitor/store/rows.h"

namespace phaseguard::store {

// Reports with seq > `after`, each with its points, ascending. Two statements side by side instead
// of a join, so that a report's columns are read once. `run` is what the messages will be of.
class ReportCursor {
 public:
  [[nodiscard]] static Result<ReportCursor> open(const Database& db, Seq after,
                                                 const RunId& run = {});
  // false: no more. Error kMalformed when points and reports do not belong together.
  [[nodiscard]] Result<bool> next();
  // The present one, overwritten by the next.
  [[nodiscard]] const ReportRow& row() const { return row_; }

 private:
  Result<void> read_names(const Database& db);
  Result<void> advance_points();
  Result<void> read_points(std::int64_t seq);
  Statement reports_;
  Statement points_;
  std::vector<std::string> names_;  // by id; "": none
  std::string path_;
  bool point_waits_ = false;
  ReportRow row_;
};

struct EventRow {
  Seq seq;
  double t = 0.0;
  bool t_known = true;  // NULL: not a number
  Step step;
  std::int64_t attempt = 0;
  std::string kind;
  std::string body;
  std::string chain;
};

// Events with seq > `after`, ascending; those of the kind "decision" can be left out.
class EventCursor {
 public:
  [[nodiscard]] static Result<EventCursor> open(const Database& db, Seq after,
                                                bool decisions = true);
  [[nodiscard]] Result<bool> next();
  [[nodiscard]] const EventRow& row() const { return row_; }

 private:
  Statement events_;
  EventRow row_;
};

}  // namespace phaseguard::store
