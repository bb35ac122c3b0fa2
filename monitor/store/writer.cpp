#include "monitor/store/writer.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <random>
#include <system_error>
#include <utility>

#include "monitor/base/text.h"
#include "monitor/store/cursor.h"
#include "monitor/store/length.h"
#include "monitor/store/lock.h"
#include "monitor/store/rows.h"
#include "monitor/store/schema.h"
#include "monitor/wire/codec.h"
#include "monitor/wire/declaration.h"

namespace phaseguard::store {

std::filesystem::path run_file(const std::filesystem::path& dir, const RunId& run) {
  return dir / (run.text() + kExtension);
}

namespace {

constexpr int kMergePages = 1000;  // as SQLite's own default

int note_log_pages(void* pages, sqlite3*, const char*, int now) {
  *static_cast<int*>(pages) = now;
  return SQLITE_OK;
}

// Everything that a lost transaction takes back with it.
struct Place {
  Seq seq;
  Digest chain{};
  Declared declared;
};

// The file behind a name.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;
  std::int64_t size = -1;  // -1: there is none

  [[nodiscard]] bool exists() const { return size >= 0; }
  [[nodiscard]] bool is(const FileId& other) const {
    return device == other.device && inode == other.inode;
  }
};

FileId file_at(const std::filesystem::path& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return {};
  return {found.st_dev, found.st_ino, static_cast<std::int64_t>(found.st_size)};
}

// A log that its file does not stand beside would be read into the new one.
Result<void> set_log_aside(const std::filesystem::path& path) {
  const std::filesystem::path log = path.string() + "-wal";
  if (!file_at(log).exists()) return {};
  std::filesystem::path aside = log.string() + ".aside";
  for (int n = 2; file_at(aside).exists(); ++n) aside = log.string() + ".aside" + std::to_string(n);
  std::error_code error;
  std::filesystem::rename(log, aside, error);
  if (!error) return {};
  return fail(Errc::kIo, log.string() + ": a write-ahead log without its run file, and it cannot " +
                             "be set aside: " + error.message());
}

void declare(Declared& declared, const wire::Hello& hello) {
  declared.clear();
  for (const auto& signal : hello.signals) declared[signal.name] = wire::with_edges(hello, signal);
}

}  // namespace

struct Writer::Impl {
  std::filesystem::path path;
  RunId run;
  WriterLock lock;  // outlives the database: members die in reverse order
  std::optional<Database> db;
  std::optional<Statement> insert_event, insert_report, insert_point, insert_signal;
  Place now;
  Place committed;
  std::string identity;
  FileId file;  // what was opened; its size never shrinks
  FileId log;   // its write-ahead log, once there is one
  std::map<std::string, std::int64_t, std::less<>> signal_ids;
  bool open_transaction = false;
  std::string length;           // the file's own word on it (length.h)
  std::string shortening;       // how it was found shortened when it was opened; "": it was not
  int log_pages = 0;            // after the last commit
  int merge_at = kMergePages;   // of them
  bool is_new = false;          // made here, and not under its name yet
  std::optional<Error> broken;  // fsync failed: nothing can be known any more
  std::string items;            // scratch

  Result<void> prepare();
  Result<void> recover();
  Result<void> chain_reports_after(Seq last_event);
  Result<void> load_signal_ids();
  Result<void> begin();
  Result<void> give_up(Error error);
  Result<std::int64_t> signal_id(const std::string& name);
  [[nodiscard]] Result<void> check(const wire::Message& message) const;
  Result<void> append_event(const wire::Message& message);
  Result<void> append_report(const wire::Message& message, const wire::Report& report);
  Result<void> append_points(const ReportRow& row);
  Result<void> commit();
  void merge_when_long();
  void close();
  Result<void> place();
  Result<void> identify(const std::string& wanted);
};

// A file from before identities is given one.
Result<void> Writer::Impl::identify(const std::string& wanted) {
  auto found = recorded_identity(*db);
  if (!found) return tl::unexpected(found.error());
  identity = *found;
  if (!identity.empty()) return {};
  identity = wanted;
  return give_identity(*db, identity);
}

Result<void> Writer::Impl::prepare() {
  struct Wanted {
    std::optional<Statement>* statement;
    const char* sql;
  };
  const Wanted all[] = {
      {&insert_event,
       "INSERT INTO events(seq, t, step, attempt, kind, body, chain) VALUES(?,?,?,?,?,?,?)"},
      {&insert_report,
       "INSERT INTO reports(seq, t, step, attempt, source_seq, origin, batch, wants_control, "
       "exact) "
       "VALUES(?,?,?,?,?,?,?,?,?)"},
      {&insert_point,
       "INSERT INTO points(seq, position, signal_id, value, quality, bits, lower, upper, items) "
       "VALUES(?,?,?,?,?,?,?,?,?)"},
      {&insert_signal, "INSERT INTO signals(name) VALUES(?)"}};
  for (const Wanted& wanted : all) {
    auto statement = db->prepare(wanted.sql);
    if (!statement) return tl::unexpected(statement.error());
    wanted.statement->emplace(std::move(*statement));
  }
  if (is_new) return {};  // it is synced as a whole
  sqlite3_wal_hook(db->handle(), note_log_pages, &log_pages);
  // Commits of telemetry leave the log unsynced; sync() flushes it itself before a decision leaves.
  return db->execute("PRAGMA synchronous = NORMAL");
}

Result<void> Writer::Impl::load_signal_ids() {
  signal_ids.clear();
  auto rows = db->prepare("SELECT id, name FROM signals");
  if (!rows) return tl::unexpected(rows.error());
  while (true) {
    auto row = rows->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return {};
    signal_ids.emplace(std::string(rows->bytes(1)), rows->integer(0));
  }
}

// The chain's last stored value, and the reports that came after it.
Result<void> Writer::Impl::recover() {
  if (auto loaded = load_signal_ids(); !loaded) return loaded;
  now.chain = chain_start(run);
  auto last = db->prepare("SELECT seq, chain FROM events ORDER BY seq DESC LIMIT 1");
  if (!last) return tl::unexpected(last.error());
  auto row = last->step();
  if (!row) return tl::unexpected(row.error());
  if (*row) {
    now.seq = Seq{last->integer(0)};
    const std::string_view chain = last->bytes(1);
    if (chain.size() == now.chain.size()) {
      std::copy(chain.begin(), chain.end(), now.chain.begin());
    }
  }
  auto hello =
      db->prepare("SELECT seq, body FROM events WHERE kind = 'hello' ORDER BY seq DESC LIMIT 1");
  if (!hello) return tl::unexpected(hello.error());
  row = hello->step();
  if (!row) return tl::unexpected(row.error());
  if (*row) {
    auto message = wire::decode(hello->bytes(1), wire::kFeedLimits);
    const auto* body = message ? std::get_if<wire::Hello>(&message->body) : nullptr;
    if (body == nullptr) {
      return fail(Errc::kMalformed, path.string() + ": the declaration at seq " +
                                        std::to_string(hello->integer(0)) +
                                        " cannot be read; run phaseguard verify on the file");
    }
    declare(now.declared, *body);
  }
  if (auto chained = chain_reports_after(now.seq); !chained) return chained;
  committed = now;
  return {};
}

Result<void> Writer::Impl::chain_reports_after(Seq last_event) {
  auto cursor = ReportCursor::open(*db, last_event);
  if (!cursor) return tl::unexpected(cursor.error());
  while (true) {
    auto more = cursor->next();
    if (!more) return tl::unexpected(more.error());
    if (!*more) return {};
    now.seq = cursor->row().header().seq;
    now.chain = chain_next(now.chain, chained_bytes(cursor->row()));
  }
}

Result<void> Writer::Impl::begin() {
  if (broken) return tl::unexpected(*broken);
  if (open_transaction) return {};
  if (auto begun = db->execute("BEGIN IMMEDIATE"); !begun) return begun;
  open_transaction = true;
  if (is_new || length == kLengthOpen) return {};
  auto said = set_length(*db, kLengthOpen);
  if (said && !shortening.empty()) said = set_shortening(*db, shortening);
  return said ? said : give_up(said.error());
}

// Back to the last commit, so that what last_seq() says is what the file holds.
Result<void> Writer::Impl::give_up(Error error) {
  if (sqlite3_get_autocommit(db->handle()) == 0) (void)db->execute("ROLLBACK");
  open_transaction = false;
  if (now.seq != committed.seq) {
    error.message += "; recorded up to seq " + std::to_string(committed.seq.value);
  }
  now = committed;
  if (is_new) broken = error;  // the next attempt begins with a new one
  if (auto loaded = load_signal_ids(); !loaded) broken = loaded.error();
  return tl::unexpected(std::move(error));
}

Result<std::int64_t> Writer::Impl::signal_id(const std::string& name) {
  if (const auto found = signal_ids.find(name); found != signal_ids.end()) return found->second;
  insert_signal->bind_text(1, name);
  if (auto inserted = insert_signal->run(); !inserted) return tl::unexpected(inserted.error());
  const std::int64_t id = sqlite3_last_insert_rowid(db->handle());
  signal_ids.emplace(name, id);
  return id;
}

Result<void> Writer::Impl::check(const wire::Message& message) const {
  if (message.header.run != run) {
    return fail(Errc::kInvalidArgument, path.string() + ": expected a message of run " +
                                            phaseguard::quoted(run.text()) + ", found one of " +
                                            phaseguard::quoted(message.header.run.text()));
  }
  if (message.header.seq.value != now.seq.value + 1) {
    return fail(Errc::kInvalidArgument, path.string() + ": expected seq " +
                                            std::to_string(now.seq.value + 1) + ", found " +
                                            std::to_string(message.header.seq.value));
  }
  return {};
}

Result<void> Writer::Impl::append_event(const wire::Message& message) {
  const std::string body = wire::encode(message);
  const Digest chain = chain_next(now.chain, body);
  insert_event->bind(1, message.header.seq.value);
  insert_event->bind(2, message.header.t);
  insert_event->bind(3, message.header.step.value);
  insert_event->bind(4, message.header.attempt);
  insert_event->bind_text(5, wire::kind_of(message.body));
  insert_event->bind_blob(6, body);
  insert_event->bind_blob(7, {reinterpret_cast<const char*>(chain.data()), chain.size()});
  if (auto inserted = insert_event->run(); !inserted) return inserted;
  now.chain = chain;
  if (const auto* hello = std::get_if<wire::Hello>(&message.body)) declare(now.declared, *hello);
  return {};
}

Result<void> Writer::Impl::append_report(const wire::Message& message, const wire::Report& report) {
  ReportRow row;
  row.message = message;
  if (needs_exact(message)) row.exact = wire::encode(message);
  for (const auto& sample : report.samples) {
    row.qualities.push_back(quality_of(now.declared, sample));
  }
  insert_report->bind(1, message.header.seq.value);
  if (row.exact.empty()) {
    insert_report->bind(2, message.header.t);
    insert_report->bind_null(9);
  } else {
    insert_report->bind_null(2);
    insert_report->bind_blob(9, row.exact);
  }
  insert_report->bind(3, message.header.step.value);
  insert_report->bind(4, message.header.attempt);
  insert_report->bind(5, message.header.source_seq.value);
  insert_report->bind(6, static_cast<std::int64_t>(report.origin));
  insert_report->bind(7, report.batch);
  insert_report->bind(8, static_cast<std::int64_t>(report.wants_control));
  if (auto inserted = insert_report->run(); !inserted) return inserted;
  now.chain = chain_next(now.chain, chained_bytes(row));
  return append_points(row);
}

Result<void> Writer::Impl::append_points(const ReportRow& row) {
  std::int64_t position = 0;
  for (const wire::Sample& sample : row.report().samples) {
    auto id = signal_id(sample.signal);
    if (!id) return tl::unexpected(id.error());
    insert_point->bind(1, row.header().seq.value);
    insert_point->bind(2, position);
    insert_point->bind(3, *id);
    bind_point(*insert_point, sample, row.qualities[static_cast<std::size_t>(position++)], items);
    if (auto inserted = insert_point->run(); !inserted) return inserted;
  }
  return {};
}

Result<void> Writer::Impl::commit() {
  if (broken) return tl::unexpected(*broken);
  if (open_transaction) {
    if (auto done = db->execute("COMMIT"); !done) return give_up(done.error());
    open_transaction = false;
    committed = now;
    length = is_new ? kLengthInLog : kLengthOpen;
  }
  if (is_new) return place();
  merge_when_long();
  return {};
}

// A reader may hold a merge back; it is not tried at each commit then.
void Writer::Impl::merge_when_long() {
  if (log_pages < kMergePages) merge_at = kMergePages;
  if (log_pages < merge_at) return;
  merge_log(*db);
  merge_at = log_pages + kMergePages;
}

// What a new file begins with is synced in it, and not in a log beside it: a sync less.
Result<void> Writer::Impl::place() {
  insert_event.reset();
  insert_report.reset();
  insert_point.reset();
  insert_signal.reset();
  Result<void> placed = place_file(std::move(*db), path);
  if (placed) {
    is_new = false;
    auto opened = open_file(path);
    placed = opened ? Result<void>{} : Result<void>(tl::unexpected(opened.error()));
    if (opened) db.emplace(std::move(*opened));
  }
  if (placed) placed = prepare();
  if (!placed) broken = placed.error();
  file = file_at(path);
  return placed;
}

Writer::Writer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Writer::Writer(Writer&&) noexcept = default;
Writer& Writer::operator=(Writer&&) noexcept = default;

// What cannot be said of its end is not said: the file stays one whose writer was killed. What was
// found shortened and not written on stays as it is.
void Writer::Impl::close() {
  const bool whole = commit().has_value();
  if (is_new) return remove_fresh(path);
  const bool ends = length == kLengthOpen || (length == kLengthInLog && shortening.empty());
  if (whole && ends) (void)set_length(*db, std::to_string(committed.seq.value));
}

Writer::~Writer() {
  if (impl_) impl_->close();
}

std::string new_identity() {
  std::random_device device;
  std::string out;
  for (int i = 0; i < 4; ++i) {
    char part[9];
    std::snprintf(part, sizeof part, "%08x", static_cast<unsigned>(device()));
    out += part;
  }
  return out;
}

Result<Writer> Writer::create_or_open(const std::filesystem::path& path, const RunId& run, Now now,
                                      const std::string& identity) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->run = run;
  auto lock = WriterLock::take(path);
  if (!lock) return tl::unexpected(lock.error());
  impl->lock = std::move(*lock);
  const std::string wanted = identity.empty() ? new_identity() : identity;
  const bool had_log = file_at(path.string() + "-wal").exists();
  if (!file_at(path).exists()) {
    if (auto aside = set_log_aside(path); !aside) return tl::unexpected(aside.error());
    impl->is_new = true;
  }
  auto db = impl->is_new ? create_file(path, run, wanted, now) : open_file(path);
  if (!db) return tl::unexpected(db.error());
  impl->db.emplace(std::move(*db));
  auto recorded = recorded_run(*impl->db);
  if (!recorded) return tl::unexpected(recorded.error());
  if (*recorded != run) {
    return fail(Errc::kConflict, path.string() + ": expected the record of run " +
                                     phaseguard::quoted(run.text()) + ", found that of " +
                                     phaseguard::quoted(recorded->text()) + "; move the file away");
  }
  if (auto prepared = impl->prepare(); !prepared) return tl::unexpected(prepared.error());
  if (auto recovered = impl->recover(); !recovered) return tl::unexpected(recovered.error());
  if (auto known = impl->identify(wanted); !known) return tl::unexpected(known.error());
  auto length = recorded_length(*impl->db);
  if (!length) return tl::unexpected(length.error());
  impl->length = *length;
  if (!impl->is_new) impl->shortening = length_finding(*length, impl->committed.seq, !had_log);
  impl->file = file_at(path);
  return Writer(std::move(impl));
}

Result<void> Writer::append(const wire::Message& message) {
  if (impl_->broken) return tl::unexpected(*impl_->broken);
  if (auto fitting = impl_->check(message); !fitting) return fitting;
  if (auto begun = impl_->begin(); !begun) return begun;
  const auto* report = std::get_if<wire::Report>(&message.body);
  auto appended =
      report != nullptr ? impl_->append_report(message, *report) : impl_->append_event(message);
  if (!appended) return impl_->give_up(appended.error());
  impl_->now.seq = message.header.seq;
  return {};
}

Result<void> Writer::commit() { return impl_->commit(); }

Result<void> Writer::sync() {
  const bool was_new = impl_->is_new;
  if (auto done = impl_->commit(); !done) return done;
  if (was_new) return in_place();
  // What synchronous=FULL does at each commit, only when it is asked for: flush the log.
  sqlite3_file* log = nullptr;
  sqlite3_file_control(impl_->db->handle(), "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  if (log == nullptr || log->pMethods == nullptr) return in_place();
  const int code = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
  if (code == SQLITE_OK) return in_place();
  impl_->broken =
      Error{Errc::kIo, impl_->path.string() +
                           ": the disk did not take the record (fsync failed); check the "
                           "disk, then restart phaseguardd"};
  return tl::unexpected(*impl_->broken);
}

Result<void> Writer::in_place() const {
  const auto gone = [&](const std::string& what) {
    return fail(Errc::kIo,
                impl_->path.string() + ": " + what +
                    "; put back what was there, or restart phaseguardd: it begins a new record " +
                    "and asks the trainer what it holds");
  };
  if (impl_->is_new) return {};
  const FileId now = file_at(impl_->path);
  if (!now.exists()) return gone("the run file was removed or moved while it was written");
  if (!now.is(impl_->file)) return gone("another file stands where the run file was written");
  if (now.size < impl_->file.size) return gone("the run file was cut short while it was written");
  impl_->file.size = now.size;
  const FileId log = file_at(impl_->path.string() + "-wal");
  if (!impl_->log.exists()) impl_->log = log;
  if (impl_->log.exists() && !(log.exists() && log.is(impl_->log))) {
    return gone("its write-ahead log was removed or replaced while it was written");
  }
  return {};
}

void Writer::set_cache_kib(int kib) {
  // It only costs memory when it cannot be set.
  (void)impl_->db->execute(("PRAGMA cache_size = -" + std::to_string(kib)).c_str());
}

const std::string& Writer::identity() const { return impl_->identity; }
Seq Writer::last_seq() const { return impl_->now.seq; }
const std::filesystem::path& Writer::path() const { return impl_->path; }

}  // namespace phaseguard::store
