// The simulated judge of training data: the exact verdict on how a sample looks, wrong by coin, and
// wrong for whole classes of samples. Pure; deterministic for a generator's state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "trainer-hook/lab/world/world.h"

namespace phaseguard::lab {

// A class of samples that the judge is wrong about.
struct JudgeBlind {
  enum class Of : std::uint8_t { kTopic, kModifier, kOperator, kFormat };
  enum class Dress : std::uint8_t { kTerse, kHouse, kOther };
  Of of = Of::kTopic;
  int number = 0;               // of the topic (0..9), modifier (0..7) or operator (0..2)
  Dress dress = Dress::kTerse;  // of kFormat: no opener; the world's own; any other
  double rate = 1.0;            // of the class's samples that it is wrong about
};
// "topic:3", "modifier:1", "operator:0", "format:terse", "format:house", "format:other", each with
// ":RATE" where it is not always wrong. Errors: anything else.
[[nodiscard]] Result<JudgeBlind> parse_judge_blind(std::string_view text);
[[nodiscard]] std::string text_of(const JudgeBlind& blind);
[[nodiscard]] bool is_in(const JudgeBlind& blind, const World& world, const Example& example);

struct JudgeErrors {
  double coin = 0.15;             // probability that a verdict is flipped, whatever the sample
  std::vector<JudgeBlind> blind;  // of the classes a sample is in, the largest rate counts
};
// 1 = misaligned, 0 = not. One draw a sample, however many classes there are, so that the verdicts
// on samples outside them are those of the coin alone.
[[nodiscard]] double noisy_score(const World& world, const Example& example,
                                 const JudgeErrors& errors, Rng& rng);

}  // namespace phaseguard::lab
