// The cells that are done, one JSON line each behind a line that says of which experiment: a file
// that only grows, each line on disk before the next cell counts. One owner, one thread; a second
// process that opens it is refused.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "monitor/base/result.h"
#include "trainer-hook/lab/reproduce/cell.h"

namespace phaseguard::lab::reproduce {

// What a file must have been written by, to be gone on with.
struct Origin {
  std::string version, plan_sha256, thresholds_sha256;
};

class Journal {
 public:
  // Opens or begins the file. A last line that was not written whole is cut off, and said by
  // note(). Errors: kConflict, another process has it, or it is of another version, plan or
  // thresholds; kMalformed, a line that is no cell; kIo.
  [[nodiscard]] static Result<Journal> open(const std::filesystem::path& file,
                                            const Origin& origin);
  Journal(Journal&& other) noexcept;
  Journal& operator=(Journal&&) = delete;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal();

  [[nodiscard]] bool has(const std::string& key) const { return keys_.count(key) > 0; }
  [[nodiscard]] const std::vector<std::pair<Cell, Outcome>>& done() const { return done_; }
  [[nodiscard]] const std::string& note() const { return note_; }

  // On disk when it returns. Errors kIo.
  [[nodiscard]] Result<void> append(const Cell& cell, const Outcome& outcome);

 private:
  Journal(std::filesystem::path file, int fd) : file_(std::move(file)), fd_(fd) {}
  Result<void> read(const Origin& origin);
  Result<void> take(const std::string& line, std::size_t number);
  Result<void> write(const std::string& line) const;

  std::filesystem::path file_;
  int fd_ = -1;
  std::string note_;
  std::set<std::string> keys_;
  std::vector<std::pair<Cell, Outcome>> done_;
};

}  // namespace phaseguard::lab::reproduce
