#include "monitor/store/access.h"

#include <sys/stat.h>

#include <utility>
#include <vector>

#include "monitor/store/lock.h"
#include "monitor/store/schema.h"

namespace phaseguard::store {

namespace {

namespace fs = std::filesystem;

FileState::Part part_at(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return {};
  constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
  return {found.st_ino, static_cast<std::int64_t>(found.st_size),
          static_cast<std::int64_t>(found.st_mtim.tv_sec) * kNanosPerSecond +
              static_cast<std::int64_t>(found.st_mtim.tv_nsec)};
}

// How SQLite may be asked for a file that is only read.
enum class Way {
  kShared,  // as one of many: makes the log and its index where they are not
  kQuiet,   // the same with an index that is there, without writing to it
  kWhole,   // the file alone, which nobody writes
  kAlone,   // the file with its log, which nobody writes; the index is made in memory
};

// The first that works is taken. Nobody writes a file of which no writer lives.
std::vector<Way> ways(const FileState& state) {
  if (!state.has_log()) {
    return state.writer_lives ? std::vector<Way>{Way::kShared, Way::kWhole}
                              : std::vector<Way>{Way::kWhole};
  }
  if (state.writer_lives) return {Way::kShared};
  return state.has_index ? std::vector<Way>{Way::kQuiet, Way::kAlone}
                         : std::vector<Way>{Way::kAlone};
}

Result<Database> open_by(Way way, const fs::path& path) {
  switch (way) {
    case Way::kShared:
      return Database::open(path, SQLITE_OPEN_READONLY);
    case Way::kQuiet:
      return Database::open_with(path, SQLITE_OPEN_READONLY, "readonly_shm=1");
    case Way::kWhole:
      return Database::open_with(path, SQLITE_OPEN_READONLY, "immutable=1");
    case Way::kAlone:
      break;
  }
  auto db = Database::open_with(path, SQLITE_OPEN_READONLY, {}, "unix-none");
  if (!db) return db;
  // An exclusive owner needs no index in a file, and leaves the log as it is.
  sqlite3_db_config(db->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  if (auto set = db->execute("PRAGMA locking_mode = EXCLUSIVE"); !set) {
    return tl::unexpected(set.error());
  }
  return db;
}

}  // namespace

FileState state_of(const fs::path& path) {
  // SQLite's own files lie beside the file that a link leads to.
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  const std::string name = error ? path.string() : real.string();
  return {part_at(name), part_at(name + "-wal"), part_at(name + "-shm").size >= 0,
          writer_lives(path) || writer_lives(name)};
}

Result<Access> open_for_reading(const fs::path& path) {
  if (auto file = require_file(path); !file) return tl::unexpected(file.error());
  const FileState state = state_of(path);
  Result<Access> out = fail(Errc::kIo, path.string() + ": cannot be opened");
  for (const Way way : ways(state)) {
    auto db = open_by(way, path);
    auto ours = db ? require_ours(*db) : Result<void>(tl::unexpected(db.error()));
    if (ours) return Access{std::move(*db), state, way == Way::kShared || way == Way::kQuiet};
    out = tl::unexpected(ours.error());
    if (ours.error().code != Errc::kIo && ours.error().code != Errc::kConflict) break;
  }
  return out;
}

}  // namespace phaseguard::store
