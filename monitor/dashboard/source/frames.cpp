#include "monitor/dashboard/source/frames.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "monitor/base/checksum.h"

namespace phaseguard::dashboard {
namespace {

constexpr std::size_t kMostBytes = std::size_t{256} << 10;  // of a frame, without its head

// Before each frame. The checksum is of what follows it.
struct Head {
  Checksum sum;
  std::uint32_t bytes;
  std::uint32_t is_last;
};
constexpr std::size_t kSummed = sizeof(Checksum);

// The bytes of a frame with its head before them.
Checksum sum_of(const std::string& frame, std::uint64_t place) {
  return checksum(std::string_view(frame).substr(kSummed), place);
}

bool read_whole(int file, char* to, std::size_t n) {
  while (n > 0) {
    const ssize_t some = ::read(file, to, n);
    if (some == 0 || (some < 0 && errno != EINTR)) return false;
    if (some < 0) continue;
    to += some;
    n -= static_cast<std::size_t>(some);
  }
  return true;
}

// errno; 0: it is written.
int write_whole(int file, const char* from, std::size_t n) {
  while (n > 0) {
    const ssize_t some = ::write(file, from, n);
    if (some < 0 && errno != EINTR) return errno;
    if (some < 0) continue;
    from += some;
    n -= static_cast<std::size_t>(some);
  }
  return 0;
}

}  // namespace

FrameWriter::FrameWriter(int file, Between between) : file_(file), between_(std::move(between)) {
  frame_.reserve(sizeof(Head) + kMostBytes);
  frame_.resize(sizeof(Head));
}

void FrameWriter::put(const void* bytes, std::size_t n) {
  const char* from = static_cast<const char*>(bytes);
  while (n > 0 && failed_ == 0 && !stopped_) {
    const std::size_t fit = std::min(n, sizeof(Head) + kMostBytes - frame_.size());
    frame_.append(from, fit);
    from += fit;
    n -= fit;
    if (frame_.size() == sizeof(Head) + kMostBytes) write_frame(false);
  }
}

bool FrameWriter::end() {
  if (failed_ == 0 && !stopped_) write_frame(true);
  return failed_ == 0 && !stopped_;
}

void FrameWriter::write_frame(bool is_last) {
  Head head{{}, static_cast<std::uint32_t>(frame_.size() - sizeof(Head)), is_last ? 1U : 0U};
  std::memcpy(frame_.data(), &head, sizeof head);
  head.sum = sum_of(frame_, frames_++);
  std::memcpy(frame_.data(), &head, sizeof head);
  failed_ = write_whole(file_, frame_.data(), frame_.size());
  frame_.resize(sizeof(Head));
  stopped_ = !is_last && !between_();
}

FrameReader::FrameReader(int file, Between between) : file_(file), between_(std::move(between)) {
  frame_.reserve(sizeof(Head) + kMostBytes);
}

bool FrameReader::take(void* bytes, std::size_t n) {
  char* to = static_cast<char*>(bytes);
  while (n > 0) {
    if (at_ == frame_.size() && !next()) return false;
    const std::size_t fit = std::min(n, frame_.size() - at_);
    std::memcpy(to, frame_.data() + at_, fit);
    to += fit;
    at_ += fit;
    n -= fit;
  }
  return true;
}

bool FrameReader::ended() {
  if (at_ == frame_.size() && next()) return false;
  char more = 0;
  return is_last_ && at_ == frame_.size() && !read_whole(file_, &more, 1);
}

bool FrameReader::next() {
  while (at_ == frame_.size()) {
    const bool goes_on = frames_ == 0 || between_();
    stopped_ = stopped_ || !goes_on;
    if (is_last_ || broken_ || stopped_ || !read_frame()) return false;
  }
  return true;
}

bool FrameReader::read_frame() {
  Head head{};
  frame_.resize(sizeof head);
  at_ = sizeof head;
  broken_ = !read_whole(file_, frame_.data(), sizeof head);
  if (broken_) return false;
  std::memcpy(&head, frame_.data(), sizeof head);
  broken_ = head.bytes > kMostBytes;
  if (broken_) return false;
  frame_.resize(sizeof head + head.bytes);
  broken_ = !read_whole(file_, frame_.data() + sizeof head, head.bytes) ||
            sum_of(frame_, frames_++) != head.sum;
  if (broken_) frame_.resize(sizeof head);  // nothing of it is given
  is_last_ = !broken_ && head.is_last != 0;
  return !broken_;
}

}  // namespace phaseguard::dashboard
