// The few quantities that must not be swapped for one another, as types. C++17-clean, pure.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "monitor/base/result.h"

namespace phaseguard {

// A 64-bit integer that converts to nothing by itself.
template <class Tag>
struct Strong {
  std::int64_t value = 0;

  constexpr Strong() = default;
  constexpr explicit Strong(std::int64_t v) : value(v) {}
  friend constexpr bool operator==(Strong a, Strong b) { return a.value == b.value; }
  friend constexpr bool operator!=(Strong a, Strong b) { return a.value != b.value; }
  friend constexpr bool operator<(Strong a, Strong b) { return a.value < b.value; }
  friend constexpr bool operator<=(Strong a, Strong b) { return a.value <= b.value; }
  friend constexpr bool operator>(Strong a, Strong b) { return a.value > b.value; }
  friend constexpr bool operator>=(Strong a, Strong b) { return a.value >= b.value; }
};

using Step = Strong<struct StepTag>;    // completed optimiser updates, not micro-batches
using Seq = Strong<struct SeqTag>;      // place of an event in one order, from 1; 0 = none
using Nanos = Strong<struct NanosTag>;  // monotonic nanoseconds of one host

// The two clocks, read by the shells and handed to the pure rooms as an argument.
struct Now {
  double wall_s = 0.0;  // seconds since 1970 UTC: annotation only, never decides anything
  Nanos mono;           // monotonic: ages and leases
};

// Quality of one value (docs/POLICY.md). A BAD or MISSING value is never compared with a
// threshold.
enum class Quality : std::uint8_t { kGood = 0, kBad = 1, kMissing = 2 };

[[nodiscard]] constexpr const char* name_of(Quality q) {
  return q == Quality::kGood ? "good" : q == Quality::kBad ? "bad" : "missing";
}

inline constexpr double kLn2 = 0.693147180559945309417232121458;

// A run's name: [A-Za-z0-9._-]{1,64}, not "." or "..": it becomes part of a file name.
class RunId {
 public:
  RunId() = default;
  [[nodiscard]] static Result<RunId> parse(std::string_view text);
  // How a viewer of several daemons names this run of one of them: "lab/run-7". No run has a slash
  // in its name, so that two runs of the same name stay two, and every peer refuses such a name.
  [[nodiscard]] RunId within(std::string_view place) const;
  [[nodiscard]] std::string place() const;  // "lab"; "": it is the run's own name
  [[nodiscard]] RunId own() const;          // "run-7"
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }
  friend bool operator==(const RunId& a, const RunId& b) { return a.text_ == b.text_; }
  friend bool operator!=(const RunId& a, const RunId& b) { return a.text_ != b.text_; }
  friend bool operator<(const RunId& a, const RunId& b) { return a.text_ < b.text_; }

 private:
  std::string text_;
};

}  // namespace phaseguard
