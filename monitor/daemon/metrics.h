// What `/metrics` says, in the text form of Prometheus. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "monitor/daemon/engine/engine.h"

namespace phaseguard::daemon {

// What was refused before it came to the engine.
struct Refusals {
  std::uint64_t misshapen = 0;  // messages of more or fewer than one frame
  std::uint64_t unread = 0;     // frames for peers that do not read
  std::uint64_t http = 0;
  std::uint64_t keys = 0;       // handshakes
  std::uint64_t revoked = 0;    // frames of keys that lost their right
  std::uint64_t over_rate = 0;  // frames beyond what their key may send
};

// How long the loop's turns take, without the waiting for something to do.
class LoopTimes {
 public:
  void add(Nanos began, Nanos ended);
  [[nodiscard]] double longest_s() const;  // of the last one to two minutes
  [[nodiscard]] double busy_s() const { return static_cast<double>(busy_ns_) * 1e-9; }

 private:
  std::int64_t busy_ns_ = 0;  // of all turns
  std::int64_t longest_ns_ = 0;
  std::int64_t longest_before_ns_ = 0;  // in the minute before
  Nanos minute_;                        // when the present one began
};

// Connections that have a seat, and how many there may be.
struct Seats {
  std::size_t trainers = 0;
  std::size_t operators = 0;
  std::size_t most_trainers = 0;
  std::size_t most_operators = 0;
};

struct Measured {
  Refusals refusals;
  LoopTimes loop;
  Seats seats;
};

// `fault`: why the record cannot be written; empty: it can.
[[nodiscard]] std::string metrics_text(const EngineCounters& counters,
                                       const std::vector<wire::Message>& statuses,
                                       const Measured& measured, const std::string& fault);

}  // namespace phaseguard::daemon
