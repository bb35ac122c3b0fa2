// Replies of a judge kept on disk, so that a sample is paid for once. One SQLite file, safe for
// several threads of one process and for several processes. Keeps no sample and no rubric, only
// the key's hash, the model's name and the reply; readable by its owner alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "monitor/base/result.h"
#include "monitor/base/sha256.h"

namespace phaseguard::judge {

class Cache {
 public:
  // Creates the file when it is not there. Errors: it cannot be opened, or is no cache of ours.
  [[nodiscard]] static Result<Cache> open(const std::filesystem::path& file);
  ~Cache();
  Cache(Cache&&) noexcept;
  Cache& operator=(Cache&&) noexcept;
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  // A key that was never stored, or an unreadable file, is none: a cache loses time, never a score.
  [[nodiscard]] std::optional<std::string> find(const Digest& key) noexcept;
  void store(const Digest& key, std::string_view model, std::string_view reply) noexcept;

  [[nodiscard]] std::int64_t hits() const noexcept;
  [[nodiscard]] std::int64_t errors() const noexcept;  // reads and writes that failed

 private:
  class Impl;
  explicit Cache(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace phaseguard::judge
