#include "monitor/dashboard/source/kept.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "monitor/base/text.h"
#include "monitor/run/image/image.h"

namespace phaseguard::dashboard {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExtension = ".view";
constexpr const char* kFreshExtension = ".view-new";
constexpr std::size_t kMostKeyBytes = 4096;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] bool valid() const { return number_ >= 0; }

 private:
  int number_;
};

// A file's name may be made of it.
bool is_identity(const std::string& text) {
  constexpr std::size_t kLongest = 64;
  return !text.empty() && text.size() <= kLongest &&
         text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

fs::path view_path(const KeptFolder& folder, const std::string& identity, const char* extension) {
  return folder.path / (identity + extension);
}

// What the file begins with. A view of anything else is not looked into.
std::string version_text() {
  return "phaseguard " PHASEGUARD_VERSION " view " + std::to_string(run::kImageVersion) + "\n";
}

std::string key_text(const RunId& run, const ViewKey& key) {
  const store::Mark& mark = key.mark;
  return run.text() + "\n" + mark.identity + "\n" + std::to_string(mark.chained.value) + " " +
         mark.chain + "\n" + mark.tail + "\n";
}

void put_text(const std::string& text, run::ByteSink& sink) {
  const std::uint64_t n = text.size();
  sink.put(&n, sizeof n);
  sink.put(text.data(), text.size());
}

std::optional<std::string> take_text(run::ByteSource& source) {
  std::uint64_t n = 0;
  if (!source.take(&n, sizeof n) || n > kMostKeyBytes) return std::nullopt;
  std::string text(static_cast<std::size_t>(n), '\0');
  if (!source.take(text.data(), text.size())) return std::nullopt;
  return text;
}

constexpr const char* kDamaged = "is damaged";
constexpr const char* kOther = "is of another record, or of one that was changed";

// "": the view that begins here is of this record.
std::string misfit(FrameReader& frames, const store::Reader& reader, Seq& at) {
  const auto version = take_text(frames);
  if (!version) return kDamaged;
  if (*version != version_text()) return "is of another version";
  const bool has_place = frames.take(&at.value, sizeof at.value);
  const auto stamp = take_text(frames);
  const auto key = take_text(frames);
  if (!has_place || !stamp || !key) return kDamaged;
  // In this order: what is written after the stamp was taken shows in the end, or in the next
  // stamp.
  const std::string now = reader.stamp();
  const auto last = reader.last_seq();
  if (!last || *last < at) return "goes further than the record";
  if (*last == at && now != *stamp) return kOther;
  auto mark = reader.mark(at);
  if (!mark || key_text(reader.run(), {std::move(*mark), {}}) != *key) return kOther;
  return "";
}

struct View {
  fs::path path;
  std::int64_t used_ns = 0;
  std::uint64_t bytes = 0;
};

std::vector<View> views_in(const fs::path& folder) {
  std::vector<View> all;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    struct stat found {};
    const fs::path& path = it->path();
    if (path.extension() != kExtension && path.extension() != kFreshExtension) continue;
    if (::lstat(path.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) continue;
    all.push_back({path, found.st_mtim.tv_sec * 1'000'000'000 + found.st_mtim.tv_nsec,
                   static_cast<std::uint64_t>(found.st_size)});
  }
  return all;
}

// Of a process that was killed while it wrote.
void remove_if_left(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (file.valid() && ::flock(file.number(), LOCK_EX | LOCK_NB) == 0) ::unlink(path.c_str());
}

void keep_to_bound(const KeptFolder& folder) {
  std::vector<View> all = views_in(folder.path);
  std::sort(all.begin(), all.end(),
            [](const View& a, const View& b) { return a.used_ns > b.used_ns; });
  std::uint64_t bytes = 0;
  for (const View& view : all) {
    if (view.path.extension() == kFreshExtension) {
      remove_if_left(view.path);
      continue;
    }
    bytes += view.bytes;
    if (bytes > folder.most) ::unlink(view.path.c_str());
  }
}

std::string not_kept(const KeptFolder& folder, const std::string& why) {
  return "the view is not kept in " + phaseguard::quoted(folder.path.string()) + ": " + why +
         "; the next opening reads the record again";
}

std::string reason(int error) { return std::generic_category().message(error); }

bool leaves_room(const KeptFolder& folder) {
  struct statvfs disk {};
  if (::statvfs(folder.path.c_str(), &disk) != 0) return false;
  return std::uint64_t{disk.f_bavail} * disk.f_frsize >= folder.least_free;
}

// Still what the name says: another process may have moved it to its place before we had the lock.
bool is_at(const Descriptor& file, const fs::path& path) {
  struct stat here {};
  struct stat there {};
  return ::fstat(file.number(), &here) == 0 && ::lstat(path.c_str(), &there) == 0 &&
         here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

// "": it is written, or `between` said no.
std::string write_view(const Descriptor& file, const KeptFolder& folder, const ViewKey& key,
                       const run::RunState& state, const Between& between, bool& is_whole) {
  bool has_room = true;
  FrameWriter frames(file.number(), [&] {
    has_room = leaves_room(folder);
    return has_room && between();
  });
  put_text(version_text(), frames);
  frames.put(&key.mark.at.value, sizeof key.mark.at.value);
  put_text(key.stamp, frames);
  put_text(key_text(state.run, key), frames);
  run::put_image(state, frames);
  is_whole = frames.end();
  if (frames.failed() != 0) return reason(frames.failed());
  return has_room ? "" : "its disk is nearly full";
}

}  // namespace

std::optional<fs::path> kept_folder() {
  const auto set = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? fs::path(value) : fs::path();
  };
  // A relative one is to be ignored, says the XDG base directory specification.
  if (const fs::path cache = set("XDG_CACHE_HOME"); cache.is_absolute())
    return cache / "phaseguard";
  if (const fs::path home = set("HOME"); home.is_absolute()) return home / ".cache" / "phaseguard";
  return std::nullopt;
}

FoundView find_view(const KeptFolder& folder, const store::Reader& reader,
                    std::pmr::memory_resource* memory, const Between& between) {
  const auto record = reader.mark(Seq{0});
  if (!record || !is_identity(record->identity)) return {};
  const fs::path path = view_path(folder, record->identity, kExtension);
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid()) return {};
  FrameReader frames(file.number(), between);
  Seq at;
  std::string problem = misfit(frames, reader, at);
  auto state = std::make_shared<run::RunState>();
  state->run = reader.run();
  state->memory = memory;
  const auto is_whole = [&] {
    return run::take_image(frames, *state) && frames.ended() && state->last_seq == at;
  };
  if (problem.empty() && !is_whole()) problem = kDamaged;
  if (frames.stopped()) return {};
  if (problem.empty()) {
    ::futimens(file.number(), nullptr);  // it was used now
    return {std::move(state), ""};
  }
  ::unlink(path.c_str());
  return {nullptr, "what was kept of this view " + problem + ": the record is read again"};
}

std::optional<ViewKey> key_of(const store::Reader& reader, Seq at) {
  std::string stamp = reader.stamp();
  const auto last = reader.last_seq();
  if (!last || *last != at) return std::nullopt;
  auto mark = reader.mark(at);
  if (!mark || !is_identity(mark->identity)) return std::nullopt;
  return ViewKey{std::move(*mark), std::move(stamp)};
}

std::string keep_view(const KeptFolder& folder, const ViewKey& key, const run::RunState& state,
                      const Between& between) {
  std::error_code error;
  const bool is_new = fs::create_directories(folder.path, error);
  if (error) return not_kept(folder, error.message());
  if (is_new) fs::permissions(folder.path, fs::perms::owner_all, error);
  const fs::path fresh = view_path(folder, key.mark.identity, kFreshExtension);
  const Descriptor file(
      ::open(fresh.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!file.valid()) return not_kept(folder, reason(errno));
  // Another window writes the same.
  if (::flock(file.number(), LOCK_EX | LOCK_NB) != 0 || !is_at(file, fresh)) return "";
  bool is_whole = false;
  std::string why = ::ftruncate(file.number(), 0) != 0
                        ? reason(errno)
                        : write_view(file, folder, key, state, between, is_whole);
  // It is not synced: what a power cut leaves of it is found to be damaged.
  const fs::path path = view_path(folder, key.mark.identity, kExtension);
  if (is_whole && ::rename(fresh.c_str(), path.c_str()) != 0) {
    why = reason(errno);
    is_whole = false;
  }
  if (!is_whole) ::unlink(fresh.c_str());
  keep_to_bound(folder);
  return why.empty() ? "" : not_kept(folder, why);
}

}  // namespace phaseguard::dashboard
