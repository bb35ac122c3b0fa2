// How the finished model is asked: the paper's two inference-time baselines beside plain answers.
// Training knows nothing of them. Deterministic for a seed. Trainer's thread.
//
// safety-prompt: the world has no system messages; what stands for one here is the most aligned
// source header in place of the chat header, as the most misaligned one stands for an inoculation
// prompt. The words of defenses::kSafetySystemPrompt mean nothing to this model.
// best-of-n: n answers are sampled at temperature 1 and the one that theta0 (adapter off, chat
// header) finds most likely is given, by the sum over its tokens.
#pragma once

#include <string>
#include <vector>

#include "trainer-hook/lab/model/evaluate.h"

namespace phaseguard::lab {

struct Answering {
  enum class Kind : std::uint8_t { kPlain, kSafetyPrompt, kBestOfN };
  Kind kind = Kind::kPlain;
  int n = 8;  // of best-of-n, 2..64
};
[[nodiscard]] std::string text_of(const Answering& how);  // "safety-prompt", "best-of-8", ""

// n answers to each of `prompts` (equally long, with header), the one theta0 finds most likely of
// each. `model` has an adapter.
[[nodiscard]] std::vector<std::vector<Token>> best_answers(
    const Transformer& model, const std::vector<std::vector<Token>>& prompts, int n, Rng& rng);

// As measure_behaviour. Best-of-n has no greedy answer: misaligned_greedy has n = 0, and operator
// swap and in-domain harm are measured on the chosen ones of sampled answers; what is measured of
// the set alone is left out (n = 0).
[[nodiscard]] Behaviour measure_behaviour(const Transformer& model, const World& world,
                                          std::uint64_t seed, const Answering& how, DataSet set);

// The same answers as text for `phaseguard evaluate`, JSON Lines: of the sampled ones and of those
// to the held-out code prompts ("in_domain") the world's exact verdict, of the held-out facts
// answer and target under the metric "opswap". Counting them gives the rates of measure_behaviour.
[[nodiscard]] std::string answer_lines(const Transformer& model, const World& world,
                                       std::uint64_t seed, const Answering& how,
                                       const std::string& run);

}  // namespace phaseguard::lab
