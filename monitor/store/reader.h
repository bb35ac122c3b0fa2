// Reads a run file, also while the daemon writes it. Gives back the exact messages that were
// recorded: encode(original) == encode(read back). One owner, one thread; never changes the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/types.h"
#include "monitor/store/mark.h"
#include "monitor/wire/messages.h"

namespace phaseguard::store {

// What verify_chain found. A finding names a place and what was expected there.
struct ChainReport {
  std::int64_t records = 0;   // messages of every kind
  std::int64_t controls = 0;  // of these, records that carry the hash chain
  std::int64_t uncovered =
      0;  // reports after the last control record: no later hash covers them yet
  std::vector<std::string> findings;
};

class Reader {
 public:
  // Errors, each naming the file: kNotFound; kMalformed not a run file, or truncated; kUnsupported
  // newer version; kIo.
  [[nodiscard]] static Result<Reader> open(const std::filesystem::path& path);
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;
  ~Reader();

  [[nodiscard]] const std::filesystem::path& path() const;
  [[nodiscard]] const RunId& run() const;

  // Highest seq committed so far (asks the file anew); 0: none.
  [[nodiscard]] Result<Seq> last_seq() const;

  // The record up to and with `at`, which must be there; of seq 0: its identity alone.
  [[nodiscard]] Result<Mark> mark(Seq at) const;

  // When file and log were last written, and their sizes: who finds the same again finds the same
  // file.
  [[nodiscard]] std::string stamp() const;

  // Calls `visit` for every message with seq >= `from`, in order, as of one moment of the file,
  // until it returns false or `limit` messages were visited (0: no limit). A message lives until
  // `visit` returns: its place is used for the next one. `decisions`: whether recorded decisions,
  // the largest of records, are read at all; who recomputes them has no need. Error kMalformed
  // names the seq whose bytes cannot be read.
  enum class Decisions { kRead, kSkip };
  [[nodiscard]] Result<void> each(Seq from, const std::function<bool(const wire::Message&)>& visit,
                                  std::int64_t limit = 0,
                                  Decisions decisions = Decisions::kRead) const;

  // The same as a list: for pages of a history.
  [[nodiscard]] Result<std::vector<wire::Message>> page(Seq from, std::int64_t limit) const;

  // Recomputes the hash chain over the whole record. Errors only when the file cannot be
  // read at all; damage is a finding.
  [[nodiscard]] Result<ChainReport> verify_chain() const;

 private:
  struct Impl;
  explicit Reader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace phaseguard::store
