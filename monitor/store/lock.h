// One writer per run file: a lock on `<file>-lock`, held while the writer lives and given up by the
// kernel when its process dies. Internal to the store. (Not on the run file itself: closing a
// second descriptor of it would drop SQLite's own locks.)
#pragma once

#include <filesystem>
#include <string>

#include "monitor/base/result.h"

namespace phaseguard::store {

class WriterLock {
 public:
  // kConflict: another writer lives. kIo: the folder cannot be written.
  [[nodiscard]] static Result<WriterLock> take(const std::filesystem::path& run_file);
  WriterLock() = default;
  WriterLock(WriterLock&& other) noexcept;
  WriterLock& operator=(WriterLock&& other) noexcept;
  ~WriterLock();

 private:
  void release();
  int descriptor_ = -1;
  std::string path_;
};

// Whether a writer holds the lock, as far as this process may look. Looking keeps no writer out.
[[nodiscard]] bool writer_lives(const std::filesystem::path& run_file);

}  // namespace phaseguard::store
