// What each signal shows of samples that are known to be clean, measured before the first update: a
// policy can draw its lines from it ("noise + 3 sd"). Trainer's thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "monitor/base/result.h"
#include "trainer-hook/lab/loop/tuner.h"

namespace phaseguard::lab {

// Of one signal's measurements, in its unit; population sd.
struct NoiseOf {
  double mean = 0.0;
  double sd = 0.0;
  std::int64_t n = 0;
};
using Noise = std::map<std::string, NoiseOf>;  // by signal

// Of the batch signals: batches of questions with the aligned persona's answers, half of them in
// the format of the tuning data, by the run's judge. Errors: what cannot be measured.
[[nodiscard]] Result<Noise> measure_noise(const Transformer& theta0, const World& world,
                                          const TuneOptions& options);

// lambda* of what a run with these options draws, by theta0 (lambda_star_of). NaN: there is none.
[[nodiscard]] Result<double> measure_lambda_star(const Transformer& theta0, const World& world,
                                                 const TuneOptions& options);

}  // namespace phaseguard::lab
