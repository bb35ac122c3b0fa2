#include "trainer-hook/lab/reproduce/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "monitor/base/file.h"
#include "monitor/base/json.h"
#include "monitor/base/text.h"

namespace phaseguard::lab::reproduce {

namespace {

using nlohmann::json;

constexpr const char* kSchema = "phaseguard-reproduce/1";

std::string header_of(const Origin& origin) {
  return json{{"schema", kSchema},
              {"version", origin.version},
              {"plan_sha256", origin.plan_sha256},
              {"thresholds_sha256", origin.thresholds_sha256}}
      .dump();
}

tl::unexpected<Error> io(const std::filesystem::path& file, const char* what) {
  return fail(Errc::kIo, file.string() + ": " + what + ": " + std::strerror(errno));
}

// The first difference between what the file is of and what is asked for.
Result<void> compare(const std::filesystem::path& file, const std::string& line,
                     const Origin& origin) {
  const auto found = parse_json(line);
  const json wanted = json::parse(header_of(origin));
  if (!found || !found->is_object() || found->value("schema", "") != kSchema) {
    return fail(Errc::kMalformed, file.string() +
                                      ": expected cells of phaseguard-lab reproduce, "
                                      "found something else; name another --out");
  }
  const std::pair<const char*, const char*> parts[] = {
      {"version", "written by this version"},
      {"plan_sha256",
       "of this plan: the same --worlds, --seeds, --held-out, --judge-streams, --refuses, --steps, "
       "--data, --only, --engine"},
      {"thresholds_sha256", "under these policies: a threshold has changed since"}};
  for (const auto& [key, what] : parts) {
    const std::string there = found->value(key, "");
    if (there == wanted[key].get<std::string>()) continue;
    return fail(Errc::kConflict, file.string() + ": expected cells " + what + " (" + key + " " +
                                     wanted[key].get<std::string>().substr(0, 16) + "), found " +
                                     phaseguard::quoted(there.substr(0, 16)) +
                                     "; go on with what they were begun with, or name another "
                                     "--out for a new experiment");
  }
  return {};
}

}  // namespace

Journal::Journal(Journal&& other) noexcept
    : file_(std::move(other.file_)),
      fd_(std::exchange(other.fd_, -1)),
      note_(std::move(other.note_)),
      keys_(std::move(other.keys_)),
      done_(std::move(other.done_)) {}

Journal::~Journal() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Journal> Journal::open(const std::filesystem::path& file, const Origin& origin) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return io(file, "cannot be written");
  Journal journal(file, fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return fail(Errc::kConflict, file.string() +
                                     ": another process runs this experiment; wait for "
                                     "it, or name another --out");
  }
  if (const auto ok = journal.read(origin); !ok) return tl::unexpected(ok.error());
  return journal;
}

Result<void> Journal::read(const Origin& origin) {
  const auto text = read_file(file_, "cells of phaseguard-lab reproduce");
  if (!text) return tl::unexpected(text.error());
  std::size_t begin = 0, number = 0;
  for (std::size_t end = text->find('\n'); end != std::string::npos;
       begin = end + 1, end = text->find('\n', begin)) {
    const std::string line = text->substr(begin, end - begin);
    ++number;
    auto ok = number == 1 ? compare(file_, line, origin) : take(line, number);
    if (!ok) return ok;
  }
  if (begin < text->size()) {
    note_ = file_.string() + ": the last line was not written whole (" +
            std::to_string(text->size() - begin) + " bytes): dropped, its cell is run again";
    if (::ftruncate(fd_, static_cast<off_t>(begin)) != 0) return io(file_, "cannot be cut");
  }
  return number == 0 ? write(header_of(origin)) : Result<void>();
}

Result<void> Journal::take(const std::string& line, std::size_t number) {
  const auto parsed = parse_json(line);
  const json empty = json::object();
  const bool is_cell = parsed && parsed->is_object() && parsed->contains("cell");
  auto cell = cell_from(is_cell ? (*parsed)["cell"] : empty);
  auto outcome = outcome_from(is_cell ? parsed->value("outcome", empty) : empty);
  if (!cell || !outcome) {
    const std::string& why = cell ? outcome.error().message : cell.error().message;
    return fail(Errc::kMalformed, file_.string() + ":" + std::to_string(number) +
                                      ": expected a cell, found something else (" + why +
                                      "); take the line out, and its cell is run again");
  }
  keys_.insert(key_of(*cell));
  done_.emplace_back(std::move(*cell), std::move(*outcome));
  return {};
}

Result<void> Journal::write(const std::string& line) const {
  const std::string bytes = line + "\n";
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t n = ::write(fd_, bytes.data() + written, bytes.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io(file_, "cannot be written");
    written += static_cast<std::size_t>(n);
  }
  return ::fsync(fd_) == 0 ? Result<void>() : io(file_, "cannot be synced");
}

Result<void> Journal::append(const Cell& cell, const Outcome& outcome) {
  const json line{{"key", key_of(cell)}, {"cell", to_json(cell)}, {"outcome", to_json(outcome)}};
  if (const auto ok = write(line.dump()); !ok) return ok;
  keys_.insert(key_of(cell));
  done_.emplace_back(cell, outcome);
  return {};
}

}  // namespace phaseguard::lab::reproduce
