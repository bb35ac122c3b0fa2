#include "monitor/store/reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "monitor/base/sha256.h"
#include "monitor/base/text.h"
#include "monitor/store/access.h"
#include "monitor/store/cursor.h"
#include "monitor/store/schema.h"
#include "monitor/store/verify.h"
#include "monitor/wire/codec.h"

namespace phaseguard::store {

struct Reader::Impl {
  std::filesystem::path path;
  RunId run;
  std::optional<Access> access;

  Result<const Database*> open();
};

// Where nobody wrote when the file was opened, somebody may have begun.
Result<const Database*> Reader::Impl::open() {
  if (!access || !(access->shared || access->seen == state_of(path))) {
    auto opened = open_for_reading(path);
    if (!opened) return tl::unexpected(opened.error());
    access.emplace(std::move(*opened));
  }
  return &access->db;
}

namespace {

// One moment of the file for everything read while it lives.
class Snapshot {
 public:
  explicit Snapshot(const Database& db) : db_(db) {
    mine_ = sqlite3_get_autocommit(db.handle()) != 0 && db.execute("BEGIN").has_value();
  }
  ~Snapshot() {
    if (mine_) (void)db_.execute("COMMIT");
  }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  const Database& db_;
  bool mine_ = false;
};

Result<wire::Message> message_of(const std::string& path, Seq seq, const std::string& bytes) {
  auto message = wire::decode(bytes, wire::kFeedLimits);
  if (!message) {
    return fail(Errc::kMalformed, path + ": the record at seq " + std::to_string(seq.value) +
                                      " cannot be read: " + message.error().message +
                                      "; run phaseguard verify on the file");
  }
  return message;
}

}  // namespace

Reader::Reader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

Result<Reader> Reader::open(const std::filesystem::path& path) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  auto db = impl->open();
  if (!db) return tl::unexpected(db.error());
  auto run = recorded_run(**db);
  if (!run) return tl::unexpected(run.error());
  impl->run = *run;
  return Reader(std::move(impl));
}

const std::filesystem::path& Reader::path() const { return impl_->path; }
const RunId& Reader::run() const { return impl_->run; }

Result<Seq> Reader::last_seq() const {
  auto db = impl_->open();
  if (!db) return tl::unexpected(db.error());
  auto last = (*db)->integer(
      "SELECT max(coalesce((SELECT max(seq) FROM events), 0), coalesce((SELECT max(seq) FROM "
      "reports), 0))");
  if (!last) return tl::unexpected(last.error());
  return Seq{*last};
}

Result<Mark> Reader::mark(Seq at) const {
  constexpr std::int64_t kTail = 100;  // messages
  auto db = impl_->open();
  if (!db) return tl::unexpected(db.error());
  const Snapshot snapshot(**db);
  auto identity = recorded_identity(**db);
  if (!identity) return tl::unexpected(identity.error());
  Mark mark{std::move(*identity), at, {}, {}, {}};
  auto last =
      (*db)->prepare("SELECT seq, hex(chain) FROM events WHERE seq <= ? ORDER BY seq DESC LIMIT 1");
  if (!last) return tl::unexpected(last.error());
  last->bind(1, at.value);
  auto found = last->step();
  if (!found) return tl::unexpected(found.error());
  if (*found) {
    mark.chained = Seq{last->integer(0)};
    mark.chain = last->bytes(1);
  }
  if (at <= Seq{0}) return mark;
  const Seq from{std::max<std::int64_t>(1, at.value - kTail + 1)};
  std::string tail;
  auto read = each(from, [&](const wire::Message& message) {
    if (message.header.seq <= at) tail += wire::encode(message);
    return message.header.seq < at;
  });
  if (!read) return tl::unexpected(read.error());
  mark.tail = hex(sha256(tail));
  return mark;
}

std::string Reader::stamp() const {
  const FileState state = state_of(impl_->path);
  std::string text;
  for (const FileState::Part& part : {state.file, state.log}) {
    text += std::to_string(part.size) + " " + std::to_string(part.changed_ns) + " ";
  }
  return text;
}

Result<void> Reader::each(Seq from, const std::function<bool(const wire::Message&)>& visit,
                          std::int64_t limit, Decisions decisions) const {
  auto db = impl_->open();
  if (!db) return tl::unexpected(db.error());
  const Snapshot snapshot(**db);
  const Seq after{from.value - 1};
  const std::string path = impl_->path.string();
  auto events = EventCursor::open(**db, after, decisions == Decisions::kRead);
  if (!events) return tl::unexpected(events.error());
  auto reports = ReportCursor::open(**db, after, impl_->run);
  if (!reports) return tl::unexpected(reports.error());
  auto has_event = events->next();
  auto has_report = reports->next();
  for (std::int64_t n = 0; limit == 0 || n < limit; ++n) {
    if (!has_event) return tl::unexpected(has_event.error());
    if (!has_report) return tl::unexpected(has_report.error());
    if (!*has_event && !*has_report) return {};
    const bool event_first =
        *has_event && (!*has_report || events->row().seq < reports->row().header().seq);
    const ReportRow& row = reports->row();
    if (event_first || !row.exact.empty()) {
      auto message = event_first ? message_of(path, events->row().seq, events->row().body)
                                 : message_of(path, row.header().seq, row.exact);
      if (!message) return tl::unexpected(message.error());
      if (!visit(*message)) return {};
    } else if (!visit(row.message)) {
      return {};
    }
    (event_first ? has_event : has_report) = event_first ? events->next() : reports->next();
  }
  return {};
}

Result<std::vector<wire::Message>> Reader::page(Seq from, std::int64_t limit) const {
  std::vector<wire::Message> out;
  auto read = each(
      from,
      [&out](const wire::Message& message) {
        out.push_back(message);
        return true;
      },
      limit);
  if (!read) return tl::unexpected(read.error());
  return out;
}

Result<ChainReport> Reader::verify_chain() const {
  auto db = impl_->open();
  if (!db) return tl::unexpected(db.error());
  const Snapshot snapshot(**db);
  return store::verify_chain(**db, impl_->run, impl_->access->seen.alone());
}

}  // namespace phaseguard::store
