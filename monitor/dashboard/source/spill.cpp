#include "monitor/dashboard/source/spill.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "monitor/base/text.h"

namespace phaseguard::dashboard {
namespace {

constexpr std::size_t kAddresses = std::size_t{1} << 38;    // set aside, not used
constexpr std::size_t kExtent = std::size_t{4} << 20;       // the file grows by so much
constexpr std::size_t kMostAtOnce = std::size_t{32} << 20;  // is given back between two frames
constexpr std::size_t kUnit = 16;                           // sizes are multiples of it

std::size_t whole(std::size_t bytes) { return (bytes + kUnit - 1) / kUnit * kUnit; }

std::string reason() { return std::strerror(errno); }

// A file without a name, or -1.
int make_file(const std::filesystem::path& folder) {
  std::string name = (folder / "phaseguard-points-XXXXXX").string();
  const int file = mkostemp(name.data(), O_CLOEXEC);
  if (file >= 0) unlink(name.c_str());
  return file;
}

}  // namespace

Result<std::unique_ptr<Spill>> Spill::create(const std::filesystem::path& folder,
                                             std::size_t bound) {
  const int file = make_file(folder);
  if (file < 0) {
    return fail(Errc::kIo, "no file can be made in " + phaseguard::quoted(folder.string()) + ": " +
                               reason() + "; set XDG_CACHE_HOME or TMPDIR to a folder for it");
  }
  void* base =
      mmap(nullptr, kAddresses, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  const int counts = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (base == MAP_FAILED || counts < 0) {
    const std::string why = reason();
    close(file);
    if (base != MAP_FAILED) munmap(base, kAddresses);
    if (counts >= 0) close(counts);
    return fail(Errc::kIo, "no file can be mapped for points: " + why);
  }
  return std::unique_ptr<Spill>(new Spill(file, counts, static_cast<char*>(base), bound));
}

Spill::~Spill() {
  munmap(base_, kAddresses);
  close(file_);
  close(counts_);
}

// Room on disk is taken before it is written to: a full disk is an answer here, not a signal there.
bool Spill::grow() {
  if (!problem_.empty() || mapped_ + kExtent > kAddresses) return false;
  const auto at = static_cast<off_t>(mapped_);
  const int failed = posix_fallocate(file_, at, static_cast<off_t>(kExtent));
  void* made = MAP_FAILED;
  if (failed == 0) {
    made =
        mmap(base_ + mapped_, kExtent, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file_, at);
  }
  if (made == MAP_FAILED) {
    problem_ = "the file of points cannot grow beyond " + std::to_string(mapped_ >> 20) +
               " MB: " + (failed != 0 ? std::string(std::strerror(failed)) : reason()) +
               "; newer points stay in memory";
    return false;
  }
  mapped_ += kExtent;
  return true;
}

void* Spill::do_allocate(std::size_t bytes, std::size_t alignment) {
  const std::size_t size = whole(bytes);
  const std::lock_guard lock(mutex_);
  if (auto known = free_.find(size); known != free_.end() && !known->second.empty()) {
    void* place = known->second.back();
    known->second.pop_back();
    return place;
  }
  if (size > kExtent || alignment > kUnit || (mapped_ - used_ < size && !grow())) {
    beside_ += bytes;
    return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  }
  void* place = base_ + used_;
  used_ += size;
  return place;
}

void Spill::do_deallocate(void* place, std::size_t bytes, std::size_t alignment) {
  const auto* at = static_cast<const char*>(place);
  const std::lock_guard lock(mutex_);
  if (std::greater_equal<>()(at, base_) && std::less<>()(at, base_ + kAddresses)) {
    free_[whole(bytes)].push_back(place);
    return;
  }
  beside_ -= bytes;
  std::pmr::new_delete_resource()->deallocate(place, bytes, alignment);
}

// Pages of files in this process.
std::size_t Spill::shared_now() const {
  std::array<char, 128> text{};
  if (pread(counts_, text.data(), text.size() - 1, 0) <= 0) return 0;
  std::size_t size = 0;
  std::size_t resident = 0;
  std::size_t shared = 0;
  if (std::sscanf(text.data(), "%zu %zu %zu", &size, &resident, &shared) != 3) return 0;
  return shared * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

// The oldest first, and round again: what was looked at meanwhile has come back. The newest half of
// the bound is written to and looked at all the time, and stays.
void Spill::keep_to_bound() {
  const std::lock_guard lock(mutex_);
  resident_ = used_;
  if (!is_over_ && used_ <= bound_) return;
  if (!is_over_) {
    is_over_ = true;
    const std::size_t shared = shared_now();
    others_ = shared - std::min(shared, used_);
  }
  const auto count = [this] {
    const std::size_t shared = shared_now();
    return shared - std::min(shared, others_);
  };
  resident_ = count();
  const std::size_t end = (used_ - std::min(used_, bound_ / 2)) / kExtent * kExtent;
  std::size_t given_back = 0;
  for (std::size_t seen = 0; resident_ > bound_ && seen < end && given_back < kMostAtOnce;) {
    if (hand_ >= end) hand_ = 0;
    const std::size_t slice = std::min(kExtent, end - hand_);
    madvise(base_ + hand_, slice, MADV_DONTNEED);
    hand_ += slice;
    seen += slice;
    const std::size_t left = count();
    given_back += resident_ - std::min(resident_, left);
    resident_ = left;
  }
}

std::filesystem::path spill_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache != '\0') return cache;
  const char* temporary = std::getenv("TMPDIR");
  return temporary != nullptr && *temporary != '\0' ? temporary : "/tmp";
}

}  // namespace phaseguard::dashboard
