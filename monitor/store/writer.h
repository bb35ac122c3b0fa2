// Writes the record of one run: `<run>.phaseguard`, one SQLite file (docs/RUN_FILE.md). Owned by
// the daemon's thread. What append() took is readable by others after commit() and safe from a
// power cut after sync(); kill -9 loses nothing that was committed.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "monitor/base/result.h"
#include "monitor/base/types.h"
#include "monitor/wire/messages.h"

namespace phaseguard::store {

inline constexpr const char* kExtension = ".phaseguard";

// `<dir>/<run>.phaseguard`
[[nodiscard]] std::filesystem::path run_file(const std::filesystem::path& dir, const RunId& run);

// A random identity for a record that is to be made.
[[nodiscard]] std::string new_identity();

class Writer {
 public:
  // Makes the file, which has its name from the first commit() on, synced; or opens it, recovers
  // what a killed writer left behind and goes on after its last record. Errors, each naming the
  // file: kConflict another process writes it, or it is another run's; kMalformed not a run file,
  // or truncated; kUnsupported written by a newer version; kIo. A file that is refused is left as
  // it was. A write-ahead log without its file belongs to a record that is gone: it is set aside,
  // under a name with `.aside` at its end. `identity`: of a file that is made here; empty: a new
  // one.
  [[nodiscard]] static Result<Writer> create_or_open(const std::filesystem::path& path,
                                                     const RunId& run, Now now,
                                                     const std::string& identity = {});
  Writer(Writer&&) noexcept;
  Writer& operator=(Writer&&) noexcept;
  ~Writer();  // commits

  // `message.header.seq` must be last_seq() + 1 and its run this file's. Starts a transaction when
  // none is open. Error kInvalidArgument leaves everything as it was; kIo (disk full, I/O error)
  // takes back what was not committed: last_seq() says where to go on.
  [[nodiscard]] Result<void> append(const wire::Message& message);

  // Ends the transaction: visible to readers, survives kill -9, not yet a power cut.
  [[nodiscard]] Result<void> commit();

  // commit(), and the bytes are on the disk when it returns, in the file that path() names. Called
  // before a decision leaves. After an error of fsync nothing can be known of the file, so every
  // later call fails.
  [[nodiscard]] Result<void> sync();

  // Whether path() still names the file that is written, whole, with its write-ahead log. Errors:
  // it was removed, moved, replaced or cut short.
  [[nodiscard]] Result<void> in_place() const;

  // What SQLite may keep of the file in memory, about.
  void set_cache_kib(int kib);

  [[nodiscard]] Seq last_seq() const;  // highest appended, committed or not; 0: none
  [[nodiscard]] const std::filesystem::path& path() const;
  // Of the record, made with its file: 32 hex characters. A copy has the same.
  [[nodiscard]] const std::string& identity() const;

 private:
  struct Impl;
  explicit Writer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace phaseguard::store
