#include "probe/files/sample_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "monitor/base/file.h"
#include "monitor/base/text.h"

namespace phaseguard::probe {

namespace {

tl::unexpected<Error> passed_on(const Error& error) { return tl::unexpected<Error>(error); }

tl::unexpected<Error> io(const std::filesystem::path& file, const std::string& what) {
  return fail(Errc::kIo, file.string() + ": " + what + ": " + std::strerror(errno));
}

Result<void> same_source(const SampleSource& saved, const SampleSource& here,
                         const std::string& file) {
  const auto check = [&](const char* field, const std::string& was, const std::string& is,
                         bool both_known) -> Result<void> {
    if (was == is || (both_known && (was.empty() || is.empty()))) return {};
    return fail(Errc::kRefused, file + ": holds scores for " + field + " " +
                                    phaseguard::quoted(was) + ", this pass has " +
                                    phaseguard::quoted(is) + "; name another file");
  };
  if (auto ok = check("model", saved.model_id, here.model_id, false); !ok) return ok;
  if (auto ok = check("weights", saved.weights_sha256, here.weights_sha256, true); !ok) return ok;
  if (auto ok = check("tokenizer", saved.tokenizer, here.tokenizer, true); !ok) return ok;
  if (auto ok = check("personas", saved.personas, here.personas, false); !ok) return ok;
  return check("data set", saved.data, here.data, true);
}

}  // namespace

SampleCache::SampleCache(SampleCache&& other) noexcept
    : file_(std::move(other.file_)),
      fd_(std::exchange(other.fd_, -1)),
      header_(std::move(other.header_)),
      samples_(std::move(other.samples_)),
      repaired_(other.repaired_),
      whole_bytes_(other.whole_bytes_) {}

SampleCache::~SampleCache() {
  if (fd_ >= 0) ::close(fd_);
}

Result<SampleCache> SampleCache::open(const std::filesystem::path& file,
                                      const SampleSource& source) {
  SampleCache cache;
  cache.file_ = file;
  std::string content;
  std::error_code unknown;
  if (std::filesystem::exists(file, unknown)) {
    auto earlier = read_file(file, "scores that are kept to be resumed");
    if (!earlier) return passed_on(earlier.error());
    content = std::move(*earlier);
  }
  if (auto ok = cache.take(content, source); !ok) return passed_on(ok.error());
  cache.fd_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (cache.fd_ < 0) return io(file, "could not open for writing");
  if (cache.whole_bytes_ < content.size()) {
    cache.repaired_ = true;
    if (::ftruncate(cache.fd_, static_cast<off_t>(cache.whole_bytes_)) != 0) {
      return io(file, "could not cut off its half-written last line");
    }
  }
  if (cache.whole_bytes_ == 0) {
    if (auto ok = cache.write(cache.header_ + "\n"); !ok) return passed_on(ok.error());
  }
  return cache;
}

Result<void> SampleCache::take(const std::string& content, const SampleSource& source) {
  header_ = header_line(source);
  for (std::size_t number = 1, at = 0; at < content.size(); ++number) {
    const std::size_t end = content.find('\n', at);
    if (end == std::string::npos) return {};  // cut off while it was written
    const std::string line = content.substr(at, end - at);
    const std::string where = file_.string() + ":" + std::to_string(number);
    if (number == 1) {
      const auto saved = parse_header(line);
      if (!saved) return fail(Errc::kMalformed, where + ": " + saved.error().message);
      if (auto ok = same_source(*saved, source, file_.string()); !ok) return ok;
      header_ = line;
    } else {
      auto sample = parse_sample(line, header_);
      if (!sample) {
        return fail(Errc::kMalformed, where + ": " + sample.error().message +
                                          "; delete the file to score everything again");
      }
      std::string id = sample->id;
      samples_[std::move(id)] = std::move(*sample);
    }
    at = end + 1;
    whole_bytes_ = at;
  }
  return {};
}

Result<void> SampleCache::write(const std::string& bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(fd_, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io(file_, "could not write");
    done += static_cast<std::size_t>(n);
  }
  if (::fdatasync(fd_) != 0) return io(file_, "could not sync");
  return {};
}

const SampleScore* SampleCache::find(const std::string& id) const {
  const auto it = samples_.find(id);
  return it != samples_.end() ? &it->second : nullptr;
}

Result<void> SampleCache::append(Span<const SampleScore> samples) {
  std::string lines;
  for (const SampleScore& sample : samples) lines += sample_line(sample, header_) + "\n";
  if (auto ok = write(lines); !ok) return ok;
  for (const SampleScore& sample : samples) samples_[sample.id] = sample;
  return {};
}

Result<PassOutcome> score_all(const std::vector<std::string>& ids, const BatchScorer& scorer,
                              SampleCache* cache, const PassOptions& options) {
  PassOutcome out;
  std::unordered_map<std::string, SampleScore> known;
  std::vector<std::size_t> wanted;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (known.count(ids[i]) != 0) continue;
    const SampleScore* held = cache != nullptr ? cache->find(ids[i]) : nullptr;
    known[ids[i]] = held != nullptr ? *held : SampleScore{};
    if (held == nullptr) wanted.push_back(i);
  }
  out.reused = known.size() - wanted.size();
  const std::size_t total = known.size(), step = std::max<std::size_t>(1, options.batch);
  if (options.progress) options.progress(out.reused, total);
  for (std::size_t at = 0; at < wanted.size(); at += step) {
    if (options.stop != nullptr && options.stop->load()) {
      out.stopped = true;
      return out;
    }
    const std::vector<std::size_t> indices(
        wanted.begin() + static_cast<std::ptrdiff_t>(at),
        wanted.begin() + static_cast<std::ptrdiff_t>(std::min(at + step, wanted.size())));
    const auto scored = scorer(indices);
    if (!scored) return passed_on(scored.error());
    if (scored->size() != indices.size()) {
      return fail(Errc::kInvalidArgument,
                  "the scorer was asked for " + std::to_string(indices.size()) +
                      " samples and gave " + std::to_string(scored->size()));
    }
    if (cache != nullptr) {
      if (auto ok = cache->append(*scored); !ok) return passed_on(ok.error());
    }
    for (std::size_t k = 0; k < indices.size(); ++k) known[ids[indices[k]]] = (*scored)[k];
    out.scored += indices.size();
    if (options.progress) options.progress(out.reused + out.scored, total);
  }
  for (const std::string& id : ids) out.samples.push_back(known[id]);
  return out;
}

}  // namespace phaseguard::probe
