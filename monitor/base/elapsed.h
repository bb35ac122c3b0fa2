// Time that went by at a sender whose clock may jump, stand or run backwards: a pure function of
// the times in its messages. C++17-clean; no thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "monitor/base/types.h"

namespace phaseguard {

// Sum over the messages of clamp(t[n] - t[n-1], 0, most), where `most` is 60 s or, if that is more,
// ten times the median of the times that the last 20 updates took.
class Elapsed {
 public:
  static constexpr std::size_t kSpans = 20;
  static constexpr double kLeastMost = 60.0;  // seconds
  static constexpr double kMedians = 10.0;
  static constexpr std::size_t kSpansToJudge = 3;  // fewer say nothing of what is usual

  // The next message: at `step`, sent at `t` seconds. What is no finite number is passed over.
  void add(Step step, double t);
  // Steps may fall: a rollback.
  void begin_segment();

  // Seconds since the first message; NaN: there was none.
  [[nodiscard]] double seconds() const { return total_; }
  // How far beyond what is usual the newest difference lay, in seconds: < 0: the clock went back;
  // 0: neither.
  [[nodiscard]] double jump() const { return jump_; }
  // Updates in a row in which the clock stood still.
  [[nodiscard]] std::int64_t standing() const { return standing_; }

  // All there is to know, for a snapshot: visit(field) for each.
  template <class Visit>
  void visit_fields(Visit&& visit) {
    visit(step_), visit(t_), visit(total_), visit(jump_), visit(standing_), visit(step_t_);
    visit(count_);
    for (double& span : spans_) visit(span);
  }

 private:
  [[nodiscard]] double most() const;
  [[nodiscard]] std::size_t known() const;

  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  Step step_{-1};
  double t_ = kNone;
  double total_ = kNone;
  double jump_ = 0.0;
  std::int64_t standing_ = 0;
  double step_t_ = kNone;               // time of the first message of the newest step
  std::int64_t count_ = 0;              // spans seen
  std::array<double, kSpans> spans_{};  // seconds from update to update, the newest in a ring
};

}  // namespace phaseguard
