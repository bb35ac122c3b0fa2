// Pre-flight of the lab: the batches a fine-tuning run would draw, sample by sample, scored under
// theta0 alone. Trainer's thread; no gradient.
#pragma once

#include <string>
#include <vector>

#include "probe/files/sample_cache.h"
#include "trainer-hook/lab/loop/tuner.h"
#include "trainer-hook/lab/model/theta0.h"

namespace phaseguard::lab {

// The distinct samples of a data set, each with its judge's verdict, in the order in which a run
// with these options first draws them.
struct ScoredSet {
  std::vector<Example> examples;
  std::vector<double> judge;     // 0 or 1
  std::vector<std::string> ids;  // sample hash of prompt and answer in words
};
[[nodiscard]] ScoredSet draw_set(const World& world, const TuneOptions& options, int samples);

[[nodiscard]] probe::SampleSource source_of(const Theta0& theta0, const TuneOptions& options);

// Scores samples of `set` by index: likelihood under the chat header, persona ratio under the most
// misaligned and the most aligned source header. All three outlive the scorer.
[[nodiscard]] probe::BatchScorer scorer_of(const Theta0& theta0, const ScoredSet& set);

}  // namespace phaseguard::lab
