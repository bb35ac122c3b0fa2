#include "monitor/daemon/run_files.h"

#include <algorithm>
#include <utility>

namespace phaseguard::daemon {

namespace {

constexpr std::size_t kPortion = 256;
constexpr std::int64_t kIdleNs = 120'000'000'000;
constexpr int kMostClosedAtOnce = 4;
constexpr int kMostRetried = 32;  // in one call
constexpr int kLeastCacheKib = 64;

std::string gone_text(const std::filesystem::path& path) {
  return path.string() +
         ": the run file is gone; put it back, or restart phaseguardd: it begins a new record and "
         "asks the trainer what it holds";
}

bool follows(const wire::Message& message) {
  return std::holds_alternative<wire::Decision>(message.body) ||
         std::holds_alternative<wire::PolicyLoaded>(message.body);
}

bool is_end(const wire::Message& message) {
  const auto* link = std::get_if<wire::LinkChange>(&message.body);
  return link && link->state == wire::LinkEvent::kEnded;
}

// Of what follows an end, only a new attempt or a trainer that came back after all takes the run up
// again.
bool has_ended(const store::Reader& reader) {
  const Result<Seq> last = reader.last_seq();
  if (!last) return false;
  bool ended = false;
  const Seq from{std::max<std::int64_t>(1, last->value - 8)};
  (void)reader.each(from, [&](const wire::Message& message) {
    const auto* link = std::get_if<wire::LinkChange>(&message.body);
    if (std::holds_alternative<wire::Goodbye>(message.body) || is_end(message)) ended = true;
    if (std::holds_alternative<wire::Hello>(message.body) ||
        (link && link->state == wire::LinkEvent::kBack))
      ended = false;
    return true;
  });
  return ended;
}

// A daemon that was killed leaves the newest in the log beside it.
std::filesystem::file_time_type written_at(const std::filesystem::path& path) {
  auto newest = std::filesystem::file_time_type::min();
  for (const char* suffix : {"", "-wal"}) {
    std::error_code fault;
    const auto at = std::filesystem::last_write_time(path.string() + suffix, fault);
    if (!fault) newest = std::max(newest, at);
  }
  return newest;
}

}  // namespace

RunFiles::Unfinished RunFiles::unfinished(std::size_t most,
                                          std::vector<std::string>& faults) const {
  std::vector<std::pair<std::filesystem::file_time_type, RunId>> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, ignored)) {
    if (entry.path().extension() != store::kExtension) continue;
    const auto written = written_at(entry.path());
    auto reader = store::Reader::open(entry.path());
    if (!reader) {
      faults.push_back(reader.error().message);
    } else if (!has_ended(*reader)) {
      found.emplace_back(written, reader->run());
    }
  }
  std::sort(found.rbegin(), found.rend());
  Unfinished out;
  if (found.size() > most) out.more = found.size() - most;
  found.erase(found.end() - static_cast<std::ptrdiff_t>(out.more), found.end());
  for (auto& [written_last, run] : found) out.runs.push_back(std::move(run));
  std::sort(out.runs.begin(), out.runs.end());
  return out;
}

Result<RunFiles::Opened> RunFiles::open(const RunId& run, Now now) {
  const std::filesystem::path path = store::run_file(directory_, run);
  std::error_code ignored;
  File file;
  const bool exists = std::filesystem::exists(path, ignored);
  if (exists) {
    open_writer(run, file, now);
    if (!file.fault.empty()) return fail(Errc::kIo, file.fault);
  } else {
    file.identity = store::new_identity();
  }
  Opened opened{exists, file.identity};
  files_[run] = std::move(file);
  return opened;
}

Result<store::Reader> RunFiles::reader(const RunId& run) const {
  return store::Reader::open(store::run_file(directory_, run));
}

Result<void> RunFiles::each(const RunId& run,
                            const std::function<bool(const wire::Message&)>& take) const {
  auto read = reader(run);
  if (!read) return tl::unexpected(read.error());
  return read->each(Seq{1}, take);
}

void RunFiles::open_writer(const RunId& run, File& file, Now now) {
  const std::filesystem::path path = store::run_file(directory_, run);
  std::error_code ignored;
  if (file.made && !std::filesystem::exists(path, ignored)) {
    file.fault = gone_text(path);
    return;
  }
  auto writer = store::Writer::create_or_open(path, run, now, file.identity);
  if (!writer) {
    file.fault = writer.error().message;
    return;
  }
  if (file.made && writer->identity() != file.identity) {
    file.fault = path.string() + ": expected the record " + file.identity + ", found " +
                 writer->identity() + "; put back the one that was written, or restart phaseguardd";
    return;
  }
  file.identity = writer->identity();
  file.made = file.made || std::filesystem::exists(path, ignored);  // a new one: with its commit
  file.writer = std::make_unique<store::Writer>(std::move(*writer));
  file.writer->set_cache_kib(kLeastCacheKib);  // its part follows within a second
  file.cache_kib = kLeastCacheKib;
  file.used = now.mono;
}

void RunFiles::look(Now now) {
  closed_now_ = 0;
  for (auto& [run, file] : files_) {
    if (file.fault.empty() && file.made && !file.ended) look_at(file, run, now);
  }
  share_cache();
}

void RunFiles::look_at(File& file, const RunId& run, Now now) {
  if (!file.writer) {  // closed for being idle
    std::error_code ignored;
    if (!std::filesystem::exists(store::run_file(directory_, run), ignored))
      file.fault = gone_text(store::run_file(directory_, run));
    return;
  }
  if (const Result<void> there = file.writer->in_place(); !there) {
    file.fault = there.error().message;
    return;
  }
  const bool idle = now.mono.value - file.used.value > kIdleNs;
  // Closing copies the log into the file, which takes a while.
  if (!idle || file.unsynced || !file.pending.empty() || closed_now_ >= kMostClosedAtOnce) return;
  ++closed_now_;
  file.writer.reset();
}

// Equal parts, set anew when the number of open files has doubled or halved.
void RunFiles::share_cache() {
  const auto open = std::count_if(files_.begin(), files_.end(),
                                  [](const auto& one) { return one.second.writer != nullptr; });
  int part = cache_kib_;
  while (part > kLeastCacheKib && part * open > cache_kib_) part /= 2;
  for (auto& [run, file] : files_) {
    if (!file.writer || file.cache_kib == part) continue;
    file.writer->set_cache_kib(part);
    file.cache_kib = part;
  }
}

void RunFiles::write(File& file, const wire::Message& message) {
  if (!file.fault.empty()) return;
  if (const Result<void> written = file.writer->append(message); written) {
    file.unsynced = true;
  } else {
    file.fault = written.error().message;
  }
}

// After its run had ended and all was written.
bool RunFiles::is_deleted(const RunId& run, const File& file) const {
  std::error_code ignored;
  return file.ended && file.made && !file.writer && file.fault.empty() && file.pending.empty() &&
         !std::filesystem::exists(store::run_file(directory_, run), ignored);
}

std::set<RunId> RunFiles::append(std::vector<wire::Message>&& messages, Now now) {
  std::set<RunId> deleted;
  for (wire::Message& message : messages) {
    const RunId run = message.header.run;
    if (deleted.count(run) > 0) continue;
    File& file = files_[run];
    if (is_deleted(run, file)) {
      deleted.insert(run);
      files_.erase(run);
      continue;
    }
    if (!file.writer && file.fault.empty()) open_writer(run, file, now);
    file.ended = is_end(message);
    file.used = now.mono;
    file.pending.push_back(std::move(message));
    write(file, file.pending.back());
  }
  messages.clear();
  return deleted;
}

void RunFiles::close(const RunId& run) {
  const auto found = files_.find(run);
  if (found == files_.end()) return;
  found->second.closing = true;
  if (found->second.pending.empty() && !found->second.unsynced) files_.erase(found);
}

bool RunFiles::flush(bool durable, std::vector<std::string>& faults) {
  bool done = true;
  for (auto entry = files_.begin(); entry != files_.end();) {
    File& file = entry->second;
    const bool wanted = durable ? file.unsynced : !file.pending.empty();
    if (wanted && file.fault.empty()) {
      const Result<void> status = durable ? file.writer->sync() : file.writer->commit();
      if (status) {
        file.made = true;
        file.pending.clear();
        if (durable) file.unsynced = false;
      } else {
        file.fault = status.error().message;
      }
    }
    if (!file.fault.empty()) faults.push_back(file.fault);
    done = done && file.fault.empty();
    if (file.ended && !file.unsynced && file.fault.empty()) file.writer.reset();
    const bool closed = file.closing && file.pending.empty() && !file.unsynced;
    entry = closed ? files_.erase(entry) : std::next(entry);
  }
  return done;
}

bool RunFiles::retry(Now now) {
  bool mended = false;
  int tried = 0;
  auto entry = files_.upper_bound(retried_);
  for (std::size_t i = 0; i < files_.size() && tried < kMostRetried; ++i, ++entry) {
    if (entry == files_.end()) entry = files_.begin();
    if (entry->second.fault.empty()) continue;
    ++tried;
    retried_ = entry->first;
    retry(entry->first, entry->second, now);
    mended = mended || entry->second.fault.empty();
  }
  return mended;
}

// After a failed write nothing is known of the connection: the file is opened anew, and what it
// lacks is written.
void RunFiles::retry(const RunId& run, File& file, Now now) {
  file.writer.reset();
  file.fault.clear();
  open_writer(run, file, now);
  const std::int64_t first = file.pending.empty() ? 0 : file.pending.front().header.seq.value;
  if (file.fault.empty() && first > file.writer->last_seq().value + 1) {
    file.fault = file.writer->path().string() + ": an older copy stands in its place: it ends at " +
                 std::to_string(file.writer->last_seq().value) + ", expected " +
                 std::to_string(first - 1) + "; put back the newer one, or restart phaseguardd";
  }
  if (file.fault.empty()) write_pending(file);
}

// In portions, so that what fails, and is done again, is small.
void RunFiles::write_pending(File& file) {
  std::deque<wire::Message>& pending = file.pending;
  while (!pending.empty() && pending.front().header.seq <= file.writer->last_seq())
    pending.pop_front();
  std::size_t wanted = 1;
  while (file.fault.empty() && !pending.empty()) {
    std::size_t n = 0;
    // An event and what follows from it go together.
    while (n < pending.size() && (n < wanted || follows(pending[n]))) write(file, pending[n++]);
    if (!file.fault.empty()) return;
    if (const Result<void> done = file.writer->commit(); !done) {
      file.fault = done.error().message;
      return;
    }
    file.made = true;
    pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(n));
    wanted = kPortion;
  }
}

std::set<RunId> RunFiles::unwritten() const {
  std::set<RunId> runs;
  for (const auto& [run, file] : files_) {
    if (!file.fault.empty()) runs.insert(run);
  }
  return runs;
}

bool RunFiles::healthy() const {
  return std::all_of(files_.begin(), files_.end(),
                     [](const auto& entry) { return entry.second.fault.empty(); });
}

}  // namespace phaseguard::daemon
