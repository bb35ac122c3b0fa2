// The daemon's run files: one writer each, and what could not be written yet. Owned by the loop's
// thread.
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/types.h"
#include "monitor/store/reader.h"
#include "monitor/store/writer.h"
#include "monitor/wire/messages.h"

namespace phaseguard::daemon {

class RunFiles {
 public:
  // `cache_kib`: of SQLite for all open files together; each has an equal part.
  explicit RunFiles(std::filesystem::path directory, int cache_kib = 4096)
      : directory_(std::move(directory)), cache_kib_(cache_kib) {}

  // Runs in the folder that have not ended, in order of name: those a restarted daemon takes up
  // again. Of more than `most`, those last written to. A file that cannot be read is named in
  // `faults` and left alone.
  struct Unfinished {
    std::vector<RunId> runs;
    std::size_t more = 0;
  };
  [[nodiscard]] Unfinished unfinished(std::size_t most, std::vector<std::string>& faults) const;

  // Opens the file for writing. When there is none, it is made with the first message, so that a
  // trainer that is refused leaves no file behind; its identity is settled here.
  struct Opened {
    bool exists = false;
    std::string identity;  // of the record
  };
  [[nodiscard]] Result<Opened> open(const RunId& run, Now now);

  // Of the file as it is now.
  [[nodiscard]] Result<store::Reader> reader(const RunId& run) const;

  // Everything recorded of the run, in order, until `take` returns false.
  [[nodiscard]] Result<void> each(const RunId& run,
                                  const std::function<bool(const wire::Message&)>& take) const;

  // Takes the messages, in order. What is not committed is kept and tried again by retry(). The
  // file of a run that has ended is closed with the next durable flush, and opened again when more
  // comes. If that was deleted meanwhile, nothing of the run is taken and it is forgotten here:
  // such runs come back, and have to begin a new record.
  [[nodiscard]] std::set<RunId> append(std::vector<wire::Message>&& messages, Now now);

  // The run is not kept any more: once all is written its file is closed and forgotten.
  void close(const RunId& run);

  // Makes everything appended visible to readers, and with `durable` safe from a power cut. False:
  // something is not.
  [[nodiscard]] bool flush(bool durable, std::vector<std::string>& faults);

  // Tries to write what was kept, of a few files at a time and a little at first, so that a full
  // disk costs no time; flush() tells how that went. Called every second while it fails, and at
  // once again when this says that a file was mended. A file that is gone is not made anew: its
  // record would lack what was in it.
  bool retry(Now now);

  // Looks whether every open file is still the one that its name points to; flush() tells. Closes
  // files to which nothing has been written for two minutes: they are opened again when more comes.
  void look(Now now);

  [[nodiscard]] bool healthy() const;
  [[nodiscard]] std::set<RunId> unwritten() const;  // runs whose files cannot be written now

 private:
  struct File {
    std::unique_ptr<store::Writer> writer;
    std::deque<wire::Message> pending;  // since the last commit: a failed one takes them all back
    bool unsynced = false;
    bool ended = false;
    bool closing = false;
    Nanos used;            // when something was last appended
    int cache_kib = 0;     // as told to `writer`
    std::string identity;  // of the record, from open() on or once it was written
    bool made = false;     // its file has been there
    std::string fault;     // of the last attempt; empty: none
  };
  [[nodiscard]] bool is_deleted(const RunId& run, const File& file) const;
  void open_writer(const RunId& run, File& file, Now now);
  void retry(const RunId& run, File& file, Now now);
  void look_at(File& file, const RunId& run, Now now);
  void share_cache();
  static void write(File& file, const wire::Message& message);
  static void write_pending(File& file);

  std::filesystem::path directory_;
  int cache_kib_;
  int closed_now_ = 0;  // in this look()
  RunId retried_;       // last
  std::map<RunId, File> files_;
};

}  // namespace phaseguard::daemon
