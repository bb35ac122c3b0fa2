#include "monitor/store/verify.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "monitor/base/text.h"
#include "monitor/store/cursor.h"
#include "monitor/store/length.h"
#include "monitor/store/rows.h"
#include "monitor/wire/codec.h"

namespace phaseguard::store {

namespace {

constexpr std::size_t kMaxFindings = 20;

class Checker {
 public:
  Checker(const RunId& run, ChainReport& out)
      : run_(run), out_(out), told_(chain_start(run)), found_(told_) {}

  void on_report(const ReportRow& row) {
    place(row.header().seq);
    const std::string bytes = chained_bytes(row);
    told_ = chain_next(told_, bytes);
    found_ = chain_next(found_, bytes);
    ++out_.uncovered;
  }

  void on_event(const EventRow& row) {
    place(row.seq);
    const Digest expected = chain_next(told_, row.body);
    const Digest other = chain_next(found_, row.body);
    const bool fits = same(expected, row.chain) || same(other, row.chain);
    if (!fits) {
      finding(where(row) + ": hash chain broken: this record" + covered() +
              " is not what was written; expected " + hex(expected).substr(0, 16) + ", found " +
              stored_hex(row.chain));
    }
    check_columns(row);
    // After a break: either this record's bytes changed (its stored hash is right) or its stored
    // hash did (the computed one is right). Both are followed until the next record decides.
    told_ = expected;
    found_ = expected;
    if (!fits && row.chain.size() == found_.size()) {
      std::copy(row.chain.begin(), row.chain.end(), found_.begin());
    } else if (fits && !same(expected, row.chain)) {
      told_ = other;
      found_ = other;
    }
    ++out_.controls;
    out_.uncovered = 0;
    previous_event_ = row.seq;
  }

  [[nodiscard]] Seq last() const { return last_; }

  void finding(std::string text) {
    if (out_.findings.size() < kMaxFindings) out_.findings.push_back(std::move(text));
  }

 private:
  static bool same(const Digest& digest, const std::string& stored) {
    return stored.size() == digest.size() &&
           std::equal(digest.begin(), digest.end(), stored.begin(),
                      [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); });
  }

  static std::string stored_hex(const std::string& stored) {
    Digest digest{};
    if (stored.size() != digest.size()) return std::to_string(stored.size()) + " bytes";
    std::copy(stored.begin(), stored.end(), digest.begin());
    return hex(digest).substr(0, 16);
  }

  static std::string where(const EventRow& row) {
    return "seq " + std::to_string(row.seq.value) + " (" + phaseguard::quoted(row.kind, 20) +
           ", step " + std::to_string(row.step.value) + ")";
  }

  [[nodiscard]] std::string covered() const {
    if (out_.uncovered == 0) return "";
    return " or a report after seq " + std::to_string(previous_event_.value);
  }

  void place(Seq seq) {
    ++out_.records;
    if (seq.value != last_.value + 1) {
      finding("seq " + std::to_string(last_.value + 1) + ": missing; the next record is seq " +
              std::to_string(seq.value));
    }
    last_ = seq;
  }

  // The columns beside a body repeat what it says, for SELECT; they must agree.
  void check_columns(const EventRow& row) {
    auto message = wire::decode(row.body, wire::kFeedLimits);
    if (!message) {
      finding(where(row) + ": cannot be read: " + message.error().message);
      return;
    }
    const wire::Header& h = message->header;
    const bool t_agrees = row.t_known ? h.t == row.t : !std::isfinite(h.t);
    if (h.run != run_ || h.seq != row.seq || h.step != row.step || h.attempt != row.attempt ||
        !t_agrees || wire::kind_of(message->body) != row.kind) {
      finding(where(row) + ": the columns of table events do not agree with the record's body");
    }
  }

  const RunId& run_;
  ChainReport& out_;
  Digest told_;   // following what was computed
  Digest found_;  // following what was stored, where the two differ
  Seq last_;
  Seq previous_event_;
};

Result<void> integrity(const Database& db, Checker& checker) {
  auto pages = db.prepare("PRAGMA integrity_check(5)");
  if (!pages) return tl::unexpected(pages.error());
  while (true) {
    auto row = pages->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return {};
    const std::string said(pages->bytes(0));
    if (said != "ok") checker.finding("SQLite: " + said);
  }
}

void check_length(const Database& db, Checker& checker, bool alone) {
  if (checker.last() == Seq{0}) {
    return checker.finding(
        "holds no record: a run file begins with its trainer's hello at seq 1; was it copied "
        "without the -wal beside it?");
  }
  const auto length = recorded_length(db);
  const std::string wrong =
      length ? length_finding(*length, checker.last(), alone) : length.error().message;
  if (!wrong.empty()) checker.finding(wrong);
  const auto earlier = recorded_shortening(db);
  if (earlier && !earlier->empty()) {
    checker.finding("was written on after it had been found shortened: it " + *earlier);
  }
}

}  // namespace

Result<ChainReport> verify_chain(const Database& db, const RunId& run, bool alone) {
  ChainReport out;
  Checker checker(run, out);
  if (auto sound = integrity(db, checker); !sound) checker.finding(sound.error().message);
  auto events = EventCursor::open(db, Seq{0});
  if (!events) return tl::unexpected(events.error());
  auto reports = ReportCursor::open(db, Seq{0});
  if (!reports) return tl::unexpected(reports.error());
  auto has_event = events->next();
  auto has_report = reports->next();
  while (has_event && has_report && (*has_event || *has_report)) {
    if (*has_event && (!*has_report || events->row().seq < reports->row().header().seq)) {
      checker.on_event(events->row());
      has_event = events->next();
    } else {
      checker.on_report(reports->row());
      has_report = reports->next();
    }
  }
  const std::string after = "after seq " + std::to_string(out.records) + ": ";
  if (!has_event) checker.finding(after + has_event.error().message);
  if (!has_report) checker.finding(after + has_report.error().message);
  check_length(db, checker, alone);
  return out;
}

}  // namespace phaseguard::store
