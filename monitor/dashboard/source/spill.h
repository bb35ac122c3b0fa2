// Memory for the points of runs, of which only so much stays in the process: it is that of a file
// that is mapped and has no name any more, and pages that are over the bound are given back to it.
// The system reads them again when somebody looks at them, so nothing is lost from view. Any
// thread may take places and give them back; the points themselves are their owner's.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <string>
#include <vector>

#include "monitor/base/result.h"

namespace phaseguard::dashboard {

inline constexpr std::size_t kLeastBound = std::size_t{16} << 20;

class Spill final : public std::pmr::memory_resource {
 public:
  // Makes the file in `folder`, and takes its name away. Errors: kIo, the folder cannot be written
  // or no such file be mapped.
  [[nodiscard]] static Result<std::unique_ptr<Spill>> create(const std::filesystem::path& folder,
                                                             std::size_t bound);
  ~Spill() override;
  Spill(const Spill&) = delete;
  Spill& operator=(const Spill&) = delete;

  // Gives back what is over the bound, a part of it at a time: less than a few ms. Once a frame,
  // and by who takes or reads much at once.
  void keep_to_bound();

  // Bytes that the points have: of the file, and of ordinary memory since the file could not grow.
  [[nodiscard]] std::size_t in_file() const { return locked(used_); }
  [[nodiscard]] std::size_t beside() const { return locked(beside_); }
  // Bytes of the file that are in this process, as the system counted them when they were last over
  // the bound; all that it has before that.
  [[nodiscard]] std::size_t resident() const { return locked(resident_); }
  // Why the bound does not hold any more; "": it does.
  [[nodiscard]] std::string problem() const { return locked(problem_); }

 private:
  Spill(int file, int counts, char* base, std::size_t bound)
      : file_(file), counts_(counts), base_(base), bound_(bound) {}
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* place, std::size_t bytes, std::size_t alignment) override;
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override {
    return this == &other;
  }
  template <class T>
  [[nodiscard]] T locked(const T& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }
  [[nodiscard]] bool grow();
  [[nodiscard]] std::size_t shared_now() const;

  mutable std::mutex mutex_;  // of all that follows
  int file_;
  int counts_;  // /proc/self/statm
  char* base_;  // of the addresses that were set aside
  std::size_t bound_;
  std::size_t mapped_ = 0;  // bytes of the file
  std::size_t used_ = 0;    // of those, from the start
  std::size_t beside_ = 0;
  std::size_t resident_ = 0;
  std::size_t others_ = 0;  // bytes of other files in this process; known once `is_over_`
  bool is_over_ = false;
  std::size_t hand_ = 0;                            // where to give back next
  std::map<std::size_t, std::vector<void*>> free_;  // by size
  std::string problem_;
};

// $XDG_CACHE_HOME, else $TMPDIR, else /tmp.
[[nodiscard]] std::filesystem::path spill_folder();

}  // namespace phaseguard::dashboard
