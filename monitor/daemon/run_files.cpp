#include "monitor/daemon/run_files.h"

#include <algorithm>
#include <utility>

#include "monitor/store/reader.h"

namespace phaseguard::daemon {

namespace {

bool is_end(const wire::Message& message) {
  const auto* link = std::get_if<wire::LinkChange>(&message.body);
  return link && link->state == "ended";
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
    if (std::holds_alternative<wire::Hello>(message.body) || (link && link->state == "back"))
      ended = false;
    return true;
  });
  return ended;
}

}  // namespace

std::vector<RunId> RunFiles::unfinished(std::vector<std::string>& faults) const {
  std::vector<RunId> runs;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, ignored)) {
    if (entry.path().extension() != store::kExtension) continue;
    auto reader = store::Reader::open(entry.path());
    if (!reader) {
      faults.push_back(reader.error().message);
    } else if (!has_ended(*reader)) {
      runs.push_back(reader->run());
    }
  }
  std::sort(runs.begin(), runs.end());
  return runs;
}

Result<bool> RunFiles::open(const RunId& run, Now now) {
  const std::filesystem::path path = store::run_file(directory_, run);
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return false;
  auto writer = store::Writer::create_or_open(path, run, now);
  if (!writer) return tl::unexpected(writer.error());
  files_[run].writer = std::make_unique<store::Writer>(std::move(*writer));
  return true;
}

Status RunFiles::each(const RunId& run,
                      const std::function<bool(const wire::Message&)>& take) const {
  auto reader = store::Reader::open(store::run_file(directory_, run));
  if (!reader) return tl::unexpected(reader.error());
  return reader->each(Seq{1}, take);
}

void RunFiles::write(const RunId& run, File& file, const wire::Message& message, Now now) {
  if (!file.writer && file.fault.empty()) {
    auto writer = store::Writer::create_or_open(store::run_file(directory_, run), run, now);
    if (writer) {
      file.writer = std::make_unique<store::Writer>(std::move(*writer));
    } else {
      file.fault = writer.error().message;
    }
  }
  file.ended = is_end(message);
  if (file.kept.empty() && file.writer) {
    if (const Status written = file.writer->append(message)) {
      file.dirty = file.unsynced = true;
      return;
    } else {
      file.fault = written.error().message;
    }
  }
  file.kept.push_back(message);
}

void RunFiles::append(const std::vector<wire::Message>& messages, Now now) {
  for (const wire::Message& message : messages)
    write(message.header.run, files_[message.header.run], message, now);
}

bool RunFiles::flush(bool durable, std::vector<std::string>& faults) {
  bool done = true;
  for (auto& [run, file] : files_) {
    const bool wanted = durable ? file.unsynced : file.dirty;
    if (wanted && file.writer) {
      const Status status = durable ? file.writer->sync() : file.writer->commit();
      if (status) {
        file.dirty = false;
        if (durable) file.unsynced = false;
      } else {
        file.fault = status.error().message;
      }
    }
    if (!file.fault.empty()) faults.push_back(file.fault);
    done = done && file.fault.empty();
    if (file.ended && !file.unsynced && file.fault.empty()) file.writer.reset();
  }
  return done;
}

void RunFiles::retry(Now now, std::vector<std::string>& faults) {
  for (auto& [run, file] : files_) {
    if (file.fault.empty()) continue;
    // After a failed write nothing is known of the connection: the file is opened anew, and what it
    // lacks is written.
    file.writer.reset();
    auto writer = store::Writer::create_or_open(store::run_file(directory_, run), run, now);
    if (!writer) {
      faults.push_back(writer.error().message);
      continue;
    }
    file.writer = std::make_unique<store::Writer>(std::move(*writer));
    file.fault.clear();
    const std::deque<wire::Message> kept = std::exchange(file.kept, {});
    for (const wire::Message& message : kept) {
      if (message.header.seq > file.writer->last_seq()) write(run, file, message, now);
    }
  }
}

bool RunFiles::healthy() const {
  return std::all_of(files_.begin(), files_.end(),
                     [](const auto& entry) { return entry.second.fault.empty(); });
}

}  // namespace phaseguard::daemon
