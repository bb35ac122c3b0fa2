#include "monitor/store/cursor.h"

#include <utility>

namespace phaseguard::store {

namespace {

constexpr std::int64_t kMaxSignalId = 1 << 20;

}  // namespace

Result<void> ReportCursor::read_names(const Database& db) {
  auto names = db.prepare("SELECT id, name FROM signals");
  if (!names) return tl::unexpected(names.error());
  while (true) {
    auto row = names->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return {};
    const std::int64_t id = names->integer(0);
    if (id < 0 || id > kMaxSignalId) {
      return fail(Errc::kMalformed, path_ + ": a signal has the id " + std::to_string(id) +
                                        ", which no writer gives; the file is damaged");
    }
    const auto place = static_cast<std::size_t>(id);
    if (place >= names_.size()) names_.resize(place + 1);
    names_[place] = names->bytes(1);
  }
}

Result<ReportCursor> ReportCursor::open(const Database& db, Seq after, const RunId& run) {
  ReportCursor out;
  out.path_ = db.path();
  out.row_.message.header.run = run;
  if (auto read = out.read_names(db); !read) return tl::unexpected(read.error());
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

Result<void> ReportCursor::advance_points() {
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
  wire::Header& header = row_.message.header;
  header.seq = Seq{seq};
  header.t = reports_.real(1);
  header.step = Step{reports_.integer(2)};
  header.attempt = reports_.integer(3);
  header.source_seq = Seq{reports_.integer(4)};
  wire::Report& report = row_.report();
  report.origin = static_cast<wire::Report::Origin>(reports_.integer(5));
  report.batch = reports_.integer(6);
  report.wants_control = reports_.integer(7) != 0;
  row_.exact.clear();
  if (!reports_.is_null(8)) row_.exact = reports_.bytes(8);
  if (auto read = read_points(seq); !read) return tl::unexpected(read.error());
  return true;
}

// Into the samples that are there already, so that neither they nor their names are allocated anew.
Result<void> ReportCursor::read_points(std::int64_t seq) {
  std::vector<wire::Sample>& samples = row_.report().samples;
  std::size_t n = 0;
  row_.qualities.clear();
  while (point_waits_ && points_.integer(0) == seq) {
    const auto id = static_cast<std::size_t>(points_.integer(1));
    if (id >= names_.size() || names_[id].empty()) {
      return fail(Errc::kMalformed, path_ + ": seq " + std::to_string(seq) +
                                        " has a point of a signal without a name; the file is "
                                        "damaged");
    }
    if (n == samples.size()) samples.emplace_back();
    wire::Sample& sample = samples[n++];
    sample.signal = names_[id];
    row_.qualities.push_back(read_point(points_, 2, sample));
    if (auto advanced = advance_points(); !advanced) return advanced;
  }
  samples.resize(n);
  return {};
}

Result<EventCursor> EventCursor::open(const Database& db, Seq after, bool decisions) {
  const std::string which = decisions ? "" : " AND kind <> 'decision'";
  auto events = db.prepare(
      "SELECT seq, t, step, attempt, kind, body, chain FROM events WHERE "
      "seq > ?" +
      which + " ORDER BY seq");
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
