#include "monitor/store/cursor.h"

#include <utility>

namespace phaseguard::store {

Result<ReportCursor> ReportCursor::open(const Database& db, Seq after) {
  ReportCursor out;
  out.path_ = db.path();
  auto names = db.prepare("SELECT id, name FROM signals");
  if (!names) return tl::unexpected(names.error());
  while (true) {
    auto row = names->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) break;
    out.names_.emplace(names->integer(0), std::string(names->bytes(1)));
  }
  auto reports = db.prepare(
      "SELECT seq, t, step, attempt, source_seq, origin, batch, wants_control, exact FROM reports "
      "WHERE seq > ? ORDER BY seq");
  if (!reports) return tl::unexpected(reports.error());
  auto points = db.prepare(
      "SELECT seq, signal_id, value, quality, bits, lower, upper, items FROM points WHERE seq > ? "
      "ORDER BY seq, position");
  if (!points) return tl::unexpected(points.error());
  out.reports_ = std::move(*reports);
  out.points_ = std::move(*points);
  out.reports_.bind(1, after.value);
  out.points_.bind(1, after.value);
  if (auto advanced = out.advance_points(); !advanced) return tl::unexpected(advanced.error());
  return out;
}

Status ReportCursor::advance_points() {
  auto row = points_.step();
  if (!row) return tl::unexpected(row.error());
  point_waits_ = *row;
  return {};
}

Result<bool> ReportCursor::next() {
  auto more = reports_.step();
  if (!more) return more;
  const std::int64_t seq = *more ? reports_.integer(0) : 0;
  if (point_waits_ && (!*more || points_.integer(0) < seq)) {
    return fail(Errc::kMalformed, path_ + ": seq " + std::to_string(points_.integer(0)) +
                                      " has points and no report; the file is damaged");
  }
  if (!*more) return false;
  row_ = ReportRow{};
  row_.header.seq = Seq{seq};
  row_.header.t = reports_.real(1);
  row_.header.step = Step{reports_.integer(2)};
  row_.header.attempt = reports_.integer(3);
  row_.header.source_seq = Seq{reports_.integer(4)};
  row_.report.origin = static_cast<wire::Report::Origin>(reports_.integer(5));
  row_.report.batch = reports_.integer(6);
  row_.report.wants_control = reports_.integer(7) != 0;
  row_.exact = std::string(reports_.bytes(8));
  while (point_waits_ && points_.integer(0) == seq) {
    const auto name = names_.find(points_.integer(1));
    if (name == names_.end()) {
      return fail(Errc::kMalformed, path_ + ": seq " + std::to_string(seq) +
                                        " has a point of a signal without a name; the file is "
                                        "damaged");
    }
    row_.points.push_back(read_point(points_, 2, name->second));
    if (auto advanced = advance_points(); !advanced) return tl::unexpected(advanced.error());
  }
  return true;
}

Result<EventCursor> EventCursor::open(const Database& db, Seq after) {
  auto events = db.prepare(
      "SELECT seq, t, step, attempt, kind, body, chain FROM events WHERE seq > ? ORDER BY seq");
  if (!events) return tl::unexpected(events.error());
  EventCursor out;
  out.events_ = std::move(*events);
  out.events_.bind(1, after.value);
  return out;
}

Result<bool> EventCursor::next() {
  auto more = events_.step();
  if (!more || !*more) return more;
  row_.seq = Seq{events_.integer(0)};
  row_.t_known = !events_.is_null(1);
  row_.t = events_.real(1);
  row_.step = Step{events_.integer(2)};
  row_.attempt = events_.integer(3);
  row_.kind = std::string(events_.bytes(4));
  row_.body = std::string(events_.bytes(5));
  row_.chain = std::string(events_.bytes(6));
  return true;
}

}  // namespace phaseguard::store
