// When to measure, and what measuring may cost. The trainer asks at every completed step; clocks
// are the caller's: durations come in as arguments. Pure; owned by one thread. C++17-clean.
#pragma once

#include <cstdint>

#include "monitor/base/result.h"
#include "monitor/base/types.h"

namespace phaseguard::canaries {

struct CadenceOptions {
  std::int64_t every_steps = 5;  // declared to the daemon (Hello::cadence_steps), >= 1
  std::int64_t total_steps = 0;  // as the trainer says, never recomputed; 0: not known
  double max_share = 0.05;       // of training time that measuring may take, in (0, 1]
  std::int64_t max_stretch = 8;  // at most so many cadences between two measurements, >= 1
};

// The smallest multiple of `every_steps` whose measurements take at most `max_share` of the time,
// from the baseline measurement at step 0 and one training step, both in seconds. For choosing the
// cadence before it is declared: afterwards a skipped measurement is MISSING and breaks a streak.
[[nodiscard]] Result<std::int64_t> affordable_cadence(const CadenceOptions& options,
                                                      double measurement_s, double step_s);

class Cadence {
 public:
  // Errors: a value outside its range above.
  [[nodiscard]] static Result<Cadence> create(const CadenceOptions& options);

  enum class Due {
    kNo,
    kMeasure,
    kSkip  // due by the declared cadence, left out for its cost: send it as missing
  };
  // At `completed` updates. Step 0 and, where total_steps is known, the last step are always
  // measured.
  [[nodiscard]] Due at(Step completed) const;

  // After a measurement: what it took and how long the trainer trained since the one before, in
  // seconds. Over the budget, the stretch doubles; under a quarter of it, it halves. What is not
  // finite or is negative changes nothing.
  void spent(double measurement_s, double training_s);

  [[nodiscard]] std::int64_t stretch() const { return stretch_; }  // 1: every due one is measured
  [[nodiscard]] double share() const;  // measured so far: of all time, what measuring took, 0..1
  // Measurements still to come after `completed` at the present stretch; -1: total not known.
  [[nodiscard]] std::int64_t left(Step completed) const;

 private:
  explicit Cadence(const CadenceOptions& options) : options_(options) {}

  CadenceOptions options_;
  std::int64_t stretch_ = 1;
  double measuring_s_ = 0.0, training_s_ = 0.0;
};

}  // namespace phaseguard::canaries
