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
  PersonaContexts personas;      // of the persona ratio
  std::vector<int> drawn;        // how often each comes up in these draws
};
// `options` are prepared (prepare_data) where their set needs it.
[[nodiscard]] ScoredSet draw_set(const World& world, const TuneOptions& options, int samples);

// "mix, share 0.1"; of one's own data the file and its digest.
[[nodiscard]] std::string data_text(const TuneOptions& options);
[[nodiscard]] probe::SampleSource source_of(const Theta0& theta0, const TuneOptions& options);

// Scores samples of `set` by index: likelihood under the chat header, persona ratio under the
// set's two contexts. All three outlive the scorer.
[[nodiscard]] probe::BatchScorer scorer_of(const Theta0& theta0, const ScoredSet& set);

}  // namespace phaseguard::lab
