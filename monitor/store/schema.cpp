#include "monitor/store/schema.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "monitor/base/text.h"
#include "monitor/store/length.h"

namespace phaseguard::store {

namespace {

namespace fs = std::filesystem;

constexpr const char* kTables = R"sql(
CREATE TABLE meta(
  key TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE events(
  seq INTEGER PRIMARY KEY,
  t REAL,
  step INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  kind TEXT NOT NULL,
  body BLOB NOT NULL,
  chain BLOB NOT NULL);
CREATE TABLE reports(
  seq INTEGER PRIMARY KEY,
  t REAL,
  step INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  source_seq INTEGER NOT NULL,
  origin INTEGER NOT NULL,
  batch INTEGER NOT NULL,
  wants_control INTEGER NOT NULL,
  exact BLOB);
CREATE TABLE signals(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE);
CREATE TABLE points(
  seq INTEGER NOT NULL,
  position INTEGER NOT NULL,
  signal_id INTEGER NOT NULL,
  value REAL,
  quality INTEGER NOT NULL,
  bits INTEGER,
  lower,
  upper,
  items BLOB,
  PRIMARY KEY(seq, position)) WITHOUT ROWID;
CREATE INDEX points_by_signal ON points(signal_id, seq);
CREATE VIEW samples AS
  SELECT p.seq AS seq, r.t AS t, r.attempt AS attempt, r.step AS step, s.name AS signal,
         p.value AS value,
         CASE p.quality WHEN 0 THEN 'good' WHEN 1 THEN 'bad' ELSE 'missing' END AS quality,
         p.lower AS lower, p.upper AS upper, p.items AS items
  FROM signals s JOIN points p ON p.signal_id = s.id JOIN reports r ON r.seq = p.seq;
)sql";

std::uint32_t big_endian(const unsigned char* bytes) {
  return static_cast<std::uint32_t>(bytes[0]) << 24 | static_cast<std::uint32_t>(bytes[1]) << 16 |
         static_cast<std::uint32_t>(bytes[2]) << 8 | static_cast<std::uint32_t>(bytes[3]);
}

// What SQLite's own handle of the file shows. Opening the file a second time and closing it would
// drop the POSIX locks of every connection this process has to it.
struct FirstBytes {
  std::array<unsigned char, 100> header{};
  std::int64_t size = 0;
  bool readable = false;
};

FirstBytes look(const Database& db) {
  FirstBytes out;
  sqlite3_file* file = nullptr;
  sqlite3_file_control(db.handle(), "main", SQLITE_FCNTL_FILE_POINTER, &file);
  if (file == nullptr || file->pMethods == nullptr) return out;
  sqlite3_int64 size = 0;
  if (file->pMethods->xFileSize(file, &size) != SQLITE_OK) return out;
  out.size = size;
  out.readable = size >= static_cast<std::int64_t>(out.header.size()) &&
                 file->pMethods->xRead(file, out.header.data(), static_cast<int>(out.header.size()),
                                       0) == SQLITE_OK;
  return out;
}

// The pages are all there, in the file or in its log.
Result<void> whole(const Database& db, const std::string& otherwise) {
  auto check = db.prepare("PRAGMA quick_check(1)");
  if (!check) return tl::unexpected(check.error());
  auto row = check->step();
  if (row && *row && check->bytes(0) == "ok") return {};
  return fail(Errc::kMalformed, otherwise);
}

Result<void> recognise(const Database& db) {
  const FirstBytes first = look(db);
  const auto* header = first.header.data();
  if (!first.readable || std::memcmp(header, "SQLite format 3", 16) != 0 ||
      big_endian(header + 68) != static_cast<std::uint32_t>(kApplicationId)) {
    return fail(Errc::kMalformed,
                db.path() +
                    ": expected a PhaseGuard run file, found something else; run files are "
                    "written by phaseguardd");
  }
  const std::uint32_t version = big_endian(header + 60);
  if (version != static_cast<std::uint32_t>(kSchemaVersion)) {
    return fail(Errc::kUnsupported, db.path() + ": written in run file version " +
                                        std::to_string(version) + ", this program reads version " +
                                        std::to_string(kSchemaVersion) +
                                        "; use the PhaseGuard that wrote it");
  }
  std::int64_t page = header[16] << 8 | header[17];
  if (page == 1) page = 65536;
  const std::int64_t expected = page * static_cast<std::int64_t>(big_endian(header + 28));
  if (first.size >= expected) return {};
  const std::string truncated = db.path() + ": truncated: expected " + std::to_string(expected) +
                                " bytes, found " + std::to_string(first.size) +
                                "; restore it from a copy";
  // A writer that was killed while it merged its log leaves a header that is ahead of its file, and
  // the log has the rest.
  std::error_code ignored;
  const auto log_size = fs::file_size(db.path() + "-wal", ignored);
  if (!ignored && log_size > 0) return whole(db, truncated);
  return fail(Errc::kMalformed, truncated);
}

fs::path fresh_name(const fs::path& path) { return path.string() + ".new"; }

Result<void> fill(const Database& db, const RunId& run, const std::string& identity, Now now) {
  // Nothing of it is looked at before place_file() has synced the whole: no syncs.
  const std::string begin =
      "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA page_size = 4096; PRAGMA "
      "application_id = " +
      std::to_string(kApplicationId) + "; PRAGMA user_version = " + std::to_string(kSchemaVersion) +
      "; BEGIN; ";
  if (auto made = db.execute((begin + kTables).c_str()); !made) return made;
  auto insert = db.prepare("INSERT INTO meta(key, value) VALUES(?, ?)");
  if (!insert) return tl::unexpected(insert.error());
  const std::pair<std::string, std::string> facts[] = {
      {"run", run.text()},
      {"identity", identity},
      {"created", number_text(now.wall_s)},
      {"length", kLengthInLog},  // from here on it is written through a log
      {"written_by", std::string("phaseguard ") + PHASEGUARD_VERSION}};
  for (const auto& [key, value] : facts) {
    insert->bind_text(1, key);
    insert->bind_text(2, value);
    if (auto inserted = insert->run(); !inserted) return inserted;
  }
  return db.execute("COMMIT");
}

// A file or a folder.
Result<void> sync_path(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
  if (descriptor >= 0) ::close(descriptor);
  if (synced) return {};
  return fail(Errc::kIo, path.string() + ": cannot be synced after making a run file");
}

// An empty log: a file without any is one that lost it (length.h).
Result<void> begin_log(const fs::path& path) {
  const std::string log = path.string() + "-wal";
  const int descriptor = ::open(log.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0 || ::close(descriptor) != 0) {
    return fail(Errc::kIo, log + ": cannot be made: " + std::generic_category().message(errno));
  }
  return {};
}

}  // namespace

void remove_fresh(const fs::path& path) {
  std::error_code ignored;
  for (const char* part : {"", "-wal", "-shm"}) {
    fs::remove(fresh_name(path).string() + part, ignored);
  }
}

Result<Database> create_file(const fs::path& path, const RunId& run, const std::string& identity,
                             Now now) {
  remove_fresh(path);  // of a process that was killed
  auto db = Database::open(fresh_name(path), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (!db) return db;
  if (auto filled = fill(*db, run, identity, now); !filled) {
    remove_fresh(path);
    return tl::unexpected(filled.error());
  }
  return db;
}

Result<void> place_file(Database fresh, const fs::path& path) {
  // From here on the file is in WAL mode for everybody who opens it.
  if (auto set = fresh.execute("PRAGMA journal_mode = WAL"); !set) return set;
  fresh = Database();
  if (auto synced = sync_path(fresh_name(path)); !synced) return synced;
  std::error_code error;
  fs::rename(fresh_name(path), path, error);
  if (error) return fail(Errc::kIo, path.string() + ": cannot be made: " + error.message());
  if (auto begun = begin_log(path); !begun) return begun;
  const fs::path folder = path.parent_path();
  return sync_path(folder.empty() ? fs::path(".") : folder);
}

Result<void> require_file(const fs::path& path) {
  std::error_code error;
  const auto kind = fs::status(path, error);
  if (!fs::exists(kind)) {
    return fail(Errc::kNotFound, path.string() + ": no such run file");
  }
  if (!fs::is_regular_file(kind)) {
    return fail(Errc::kMalformed,
                path.string() + ": expected a run file, found a folder, pipe or device");
  }
  return {};
}

Result<void> require_ours(const Database& db) {
  if (auto ours = recognise(db); !ours) return ours;
  // Reads the schema, and with it what a killed writer left in the log.
  auto tables = db.integer(
      "SELECT count(*) FROM sqlite_schema WHERE name IN "
      "('meta','events','reports','signals','points')");
  if (!tables) return tl::unexpected(tables.error());
  if (*tables != 5) {
    return fail(Errc::kMalformed, db.path() + ": expected the tables of a run file, found " +
                                      std::to_string(*tables) + " of 5; restore it from a copy");
  }
  return {};
}

Result<Database> open_file(const fs::path& path) {
  if (auto file = require_file(path); !file) return tl::unexpected(file.error());
  auto db = Database::open(path, SQLITE_OPEN_READWRITE);
  if (!db) return db;
  if (auto ours = require_ours(*db); !ours) return tl::unexpected(ours.error());
  return db;
}

Result<std::string> fact(const Database& db, const char* key) {
  auto statement = db.prepare("SELECT value FROM meta WHERE key = ?");
  if (!statement) return tl::unexpected(statement.error());
  statement->bind_text(1, key);
  auto row = statement->step();
  if (!row) return tl::unexpected(row.error());
  return *row ? std::string(statement->bytes(0)) : std::string();
}

Result<void> set_fact(const Database& db, const char* key, const std::string& value) {
  auto statement = db.prepare("INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)");
  if (!statement) return tl::unexpected(statement.error());
  statement->bind_text(1, key);
  statement->bind_text(2, value);
  return statement->run();
}

Result<std::string> recorded_identity(const Database& db) { return fact(db, "identity"); }

Result<void> give_identity(const Database& db, const std::string& identity) {
  return set_fact(db, "identity", identity);
}

Result<RunId> recorded_run(const Database& db) {
  const auto name = fact(db, "run");
  if (!name) return tl::unexpected(name.error());
  auto run = RunId::parse(*name);
  if (!run) {
    return fail(Errc::kMalformed,
                db.path() + ": names no run (" + run.error().message + "); restore it from a copy");
  }
  return run;
}

}  // namespace phaseguard::store
