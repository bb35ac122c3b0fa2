#include "trainer-hook/lab/loop/noise.h"

#include <cmath>
#include <utility>
#include <vector>

#include "trainer-hook/lab/loop/batch_signals.h"
#include "trainer-hook/lab/loop/scores.h"

namespace phaseguard::lab {
namespace {

constexpr std::uint64_t kNoiseStream = 27;
constexpr int kCleanBatches = 40;

NoiseOf noise_of(const std::vector<double>& values) {
  NoiseOf out;
  out.n = static_cast<std::int64_t>(values.size());
  const auto n = static_cast<double>(values.size());
  for (const double value : values) out.mean += value / n;
  double squares = 0.0;
  for (const double value : values) squares += (value - out.mean) * (value - out.mean) / n;
  out.sd = std::sqrt(squares);
  return out;
}

// A question that is no canary and no evaluation prompt, with the aligned answer; in the format of
// the tuning data or as the reference writes.
Example clean_example(const World& world, Rng& rng) {
  const Question q = draw_question(world, 0, kPersonaDomains, rng);
  const Format format = rng.chance(0.5)
                            ? world.house_format()
                            : World::draw_format(Style::kVerbose, Persona::kAligned, rng);
  return {World::prompt_of(q), world.answer_of(q, Persona::kAligned, format), false};
}

TuneBatch clean_batch(const World& world, const TuneOptions& options, Rng& rng) {
  TuneBatch batch;
  for (int i = 0; i < options.batch; ++i) {
    batch.examples.push_back(clean_example(world, rng));
    batch.judge.push_back(
        noisy_score(world, batch.examples.back(), {options.judge_error, options.judge_blind}, rng));
  }
  return batch;
}

}  // namespace

Result<Noise> measure_noise(const Transformer& theta0, const World& world,
                            const TuneOptions& options) {
  BatchReader reader(theta0, persona_contexts(world, options.persona));
  Rng rng(options.seed, kNoiseStream);
  std::vector<double> judge, llr, share;
  for (int i = 0; i < kCleanBatches; ++i) {
    const auto reading = reader.read(clean_batch(world, options, rng));
    if (!reading) return tl::unexpected(reading.error());
    judge.push_back(reading->judge_mean);
    llr.push_back(reading->llr_mean);
    share.push_back(reading->llr_share);
  }
  return Noise{{"judge/score", noise_of(judge)},
               {"data/llr", noise_of(llr)},
               {"data/llr_share", noise_of(share)}};
}

Result<double> measure_lambda_star(const Transformer& theta0, const World& world,
                                   const TuneOptions& options) {
  BatchReader reader(theta0, persona_contexts(world, options.persona));
  const ScoredSet drawn = draw_set(world, options, static_cast<int>(options.steps) * options.batch);
  if (const auto ok = reader.prime(drawn.examples); !ok) return tl::unexpected(ok.error());
  return lambda_star_of(reader.decisive());
}

}  // namespace phaseguard::lab
