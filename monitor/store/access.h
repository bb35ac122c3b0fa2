// How a run file is opened by those who only read it: nothing is made beside it and nothing
// written, so that read-only media will do, and what another writes is still seen. Internal to the
// store.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>

#include "monitor/base/result.h"
#include "monitor/store/database.h"

namespace phaseguard::store {

// What lies there, as far as a reader must know when it changes.
struct FileState {
  struct Part {
    ino_t inode = 0;
    std::int64_t size = -1;  // -1: there is none
    std::int64_t changed_ns = 0;
    [[nodiscard]] bool operator==(const Part& other) const {
      return inode == other.inode && size == other.size && changed_ns == other.changed_ns;
    }
  };
  Part file;
  Part log;                   // the write-ahead log
  bool has_index = false;     // of the log: `-shm`
  bool writer_lives = false;  // as far as this process may know

  [[nodiscard]] bool has_log() const { return log.size > 0; }
  // Not even an empty log is there, and nobody writes.
  [[nodiscard]] bool alone() const { return log.size < 0 && !writer_lives; }
  [[nodiscard]] bool operator==(const FileState& other) const {
    return file == other.file && log == other.log && writer_lives == other.writer_lives;
  }
};

[[nodiscard]] FileState state_of(const std::filesystem::path& path);

struct Access {
  Database db;
  FileState seen;       // before it was opened
  bool shared = false;  // SQLite's locks hold: what a writer does meanwhile is seen
};

// Errors as open_file().
[[nodiscard]] Result<Access> open_for_reading(const std::filesystem::path& path);

}  // namespace phaseguard::store
