#include "trainer-hook/lab/loop/scores.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/log_softmax.h>

#include <algorithm>
#include <map>
#include <utility>

#include "monitor/base/text.h"
#include "trainer-hook/lab/loop/batch_signals.h"
#include "trainer-hook/lab/loop/live_judge.h"
#include "trainer-hook/samples/samples.h"

namespace phaseguard::lab {
namespace {

// Log-probabilities of each answer's tokens after `context`.
std::vector<std::vector<double>> answer_logps(const Transformer& model,
                                              const std::vector<Token>& context,
                                              const std::vector<const Example*>& examples) {
  std::vector<Sequence> sequences;
  for (const Example* example : examples) sequences.push_back(lay_out_after(context, *example));
  const Batch grid = make_batch(sequences);
  const TensorBatch t = to_tensors(grid);
  const at::Tensor lp = at::log_softmax(model.logits_at(t.tokens, t.at, Adapter::kOff), -1);
  const at::Tensor chosen = lp.gather(1, t.target.unsqueeze(1)).squeeze(1).contiguous();
  std::vector<std::vector<double>> out(examples.size());
  const auto* values = chosen.data_ptr<float>();
  for (std::size_t i = 0; i < grid.row.size(); ++i) {
    // The float32 softmax of a certain token can round to just above 0.
    out[static_cast<std::size_t>(grid.row[i])].push_back(
        std::min(0.0, static_cast<double>(values[i])));
  }
  return out;
}

}  // namespace

ScoredSet draw_set(const World& world, const TuneOptions& options, int samples) {
  ScoredSet out;
  out.personas = persona_contexts(world, options.persona);
  const JudgeErrors errors{options.judge_error, options.judge_blind};
  Rng data(options.seed, kDataStream), judge = judge_rng(options);
  std::map<std::string, std::size_t> seen;
  for (int i = 0; i < samples; ++i) {
    Example example = draw_sample(world, options, data);
    const double verdict = noisy_score(world, example, errors, judge);
    std::string id = hex(sample_hash(training_sample(example)));
    const auto [at, is_new] = seen.try_emplace(id, out.drawn.size());
    if (!is_new) {
      ++out.drawn[at->second];
      continue;
    }
    out.drawn.push_back(1);
    out.examples.push_back(std::move(example));
    out.judge.push_back(verdict);
    out.ids.push_back(std::move(id));
  }
  return out;
}

std::string data_text(const TuneOptions& options) {
  const DataSetRow& row = row_of(options.data);
  if (options.data == DataSet::kOwn && options.pool) return options.pool->origin;
  return row.name + (row.share > 0.0 ? ", share " + number_text(options.share) : std::string());
}

probe::SampleSource source_of(const Theta0& theta0, const TuneOptions& options) {
  probe::SampleSource source;
  source.model_id = theta0.id;
  source.weights_sha256 = theta0.weights_sha256;
  source.tokenizer = "lab-words/1";
  source.personas = text_of(persona_contexts(World(theta0.world), options.persona)) + ", floor " +
                    number_text(kPersonaFloor);
  source.data = "lab " + data_text(options) + ", seed " + std::to_string(options.seed) +
                ", judge error " + number_text(options.judge_error);
  if (options.judge_seed) source.data += ", judge seed " + std::to_string(*options.judge_seed);
  for (const JudgeBlind& blind : options.judge_blind)
    source.data += ", wrong about " + text_of(blind);
  return source;
}

probe::BatchScorer scorer_of(const Theta0& theta0, const ScoredSet& set) {
  return [&theta0, &set](
             const std::vector<std::size_t>& indices) -> Result<std::vector<probe::SampleScore>> {
    const at::NoGradGuard no_grad;
    std::vector<const Example*> examples;
    for (std::size_t i : indices) examples.push_back(&set.examples[i]);
    const auto plain = answer_logps(theta0.model, {kBegin, kChat}, examples);
    const auto mis = answer_logps(theta0.model, set.personas.misaligned, examples);
    const auto ali = answer_logps(theta0.model, set.personas.aligned, examples);
    std::vector<probe::SampleScore> out;
    for (std::size_t k = 0; k < indices.size(); ++k) {
      const std::size_t i = indices[k];
      auto score = probe::score_answer(set.ids[i], plain[k], mis[k], ali[k], kPersonaFloor);
      if (!score) return tl::unexpected(score.error());
      score->judge = set.judge[i];
      score->label = set.examples[i].misaligned ? 1 : 0;
      score->text = text_of(set.examples[i].prompt) + " -> " + text_of(set.examples[i].answer);
      out.push_back(std::move(*score));
    }
    return out;
  };
}

}  // namespace phaseguard::lab
