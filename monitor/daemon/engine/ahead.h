// Frames of a trainer that came before one that should have come first. Held back until that comes
// or is given up, so that what is recorded and acknowledged has no holes that nobody knows of.
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "monitor/base/types.h"
#include "monitor/wire/messages.h"

namespace phaseguard::daemon {

class Ahead {
 public:
  static constexpr std::size_t kMostFrames = 1024;
  static constexpr std::size_t kMostBytes = std::size_t{256} << 10;  // about, decoded
  static constexpr std::int64_t kPatienceNs = 2'000'000'000;         // for a frame that is missing

  struct Frame {
    wire::Message message;
    std::uint64_t digest = 0;
    std::size_t bytes = 0;
  };

  void clear() { *this = Ahead(); }
  [[nodiscard]] bool empty() const { return frames_.empty(); }
  [[nodiscard]] bool is_full() const {
    return frames_.size() >= kMostFrames || bytes_ >= kMostBytes;
  }
  // The first of them is missing its predecessor for too long.
  [[nodiscard]] bool is_overdue(Nanos now) const {
    return !empty() && now.value - since_.value >= kPatienceNs;
  }
  [[nodiscard]] Seq first() const { return frames_.begin()->first; }  // must not be empty

  // A number that is there already is left as it is.
  void add(Frame frame, Nanos now) {
    if (empty()) since_ = now;
    const Seq number = frame.message.header.seq;
    const std::size_t bytes = frame.bytes;
    if (frames_.emplace(number, std::move(frame)).second) bytes_ += bytes;
  }
  [[nodiscard]] Frame take_first() {
    Frame frame = std::move(frames_.begin()->second);
    frames_.erase(frames_.begin());
    bytes_ -= frame.bytes;
    return frame;
  }

 private:
  std::map<Seq, Frame> frames_;
  std::size_t bytes_ = 0;
  Nanos since_;
};

}  // namespace phaseguard::daemon
