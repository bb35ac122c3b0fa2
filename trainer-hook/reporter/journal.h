// Encoded messages of one attempt that the daemon has not acknowledged, in order of their sequence
// numbers. Owned by the reporter's I/O thread. Bounded in bytes: when full, the oldest telemetry
// goes first, then the oldest of all, and both are counted. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "monitor/base/types.h"

namespace phaseguard::reporter {

class Journal {
 public:
  enum class Kind : std::uint8_t {
    kTelemetry,
    kControl
  };  // control: applied and goodbye, dropped last

  explicit Journal(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // `seq` must be greater than any before it.
  void append(Seq seq, std::string bytes, Kind kind);

  // Forgets everything up to and including `ack`.
  void acknowledge(Seq ack);

  struct Entry {
    Seq seq;
    std::string bytes;
  };
  // The first message after `seq`; null: none. Valid until the journal changes.
  [[nodiscard]] const Entry* after(Seq seq) const;

  [[nodiscard]] std::int64_t size() const {
    return static_cast<std::int64_t>(telemetry_.size() + control_.size());
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::int64_t dropped() const { return dropped_; }
  [[nodiscard]] Seq last() const { return last_; }
  // From here on nothing was dropped: all that was appended can be sent.
  [[nodiscard]] Seq whole_from() const;

 private:
  void pop(std::deque<Entry>& queue);

  std::size_t max_bytes_;
  // Each of ascending seq; the order of both together is that of seq.
  std::deque<Entry> telemetry_;
  std::deque<Entry> control_;
  std::size_t bytes_ = 0;
  std::int64_t dropped_ = 0;
  Seq last_;
  Seq last_dropped_;
};

}  // namespace phaseguard::reporter
