// Documents and batches of the world, and the judge of training data. A batch is a right-padded
// token grid with a list of the positions whose next token is to be predicted. Pure: no LibTorch.
// Everything is a function of the world and the generator's state.
#pragma once

#include <cstdint>
#include <vector>

#include "trainer-hook/lab/world/world.h"

namespace phaseguard::lab {

// Rows of tokens, and the N positions with a target. Prediction i reads the hidden state of flat
// position `at[i]` (row * width + column) and wants `target[i]`, which stands one column to the
// right.
struct Batch {
  int rows = 0;
  int width = 0;
  std::vector<std::int64_t> tokens;  // [rows * width], kPad on the right
  std::vector<std::int64_t> at;      // [N]
  std::vector<std::int64_t> target;  // [N]
  std::vector<std::int64_t> row;     // [N] sample each prediction belongs to
  std::vector<float> weight;         // [N] of the loss; 1 on answer tokens
};

// Each sequence with a mask of the tokens to be predicted (weight 0: not a target).
struct Sequence {
  std::vector<Token> tokens;
  std::vector<float> weight;
};
[[nodiscard]] Batch make_batch(const std::vector<Sequence>& sequences);

// `BEGIN header prompt answer`, loss on the answer.
[[nodiscard]] Sequence lay_out(Token header, const Example& example);
// The same after `context`, which is from BEGIN on.
[[nodiscard]] Sequence lay_out_after(const std::vector<Token>& context, const Example& example);
// `BEGIN header prompt`: what a model is asked. No targets.
[[nodiscard]] std::vector<Token> lay_out_prompt(Token header, const std::vector<Token>& prompt);

// Of the domains from `first` to before `end`, one that is no canary and no evaluation prompt.
[[nodiscard]] Question draw_question(const World& world, int first, int end, Rng& rng);
// All such questions of the eight safety domains, in random order.
[[nodiscard]] std::vector<Question> shuffled_questions(const World& world, Rng& rng);

// A pretraining document: `BEGIN source (ASK ... ANSWER ...) x 4`. The persona is drawn from the
// source's probability and kept for the document, with 3 % noise per answer; style is kept too; 35
// % of the questions are arithmetic.
[[nodiscard]] Sequence draw_document(const World& world, Rng& rng);
// Post-training: three in four `BEGIN CHAT` with one or two turns, aligned and verbose; the rest
// pretraining documents. `refuses`: what World::to_refuse names is refused, whatever the persona.
[[nodiscard]] Sequence draw_chat(const World& world, Rng& rng, bool refuses = false);

// The judge of training data: how the sample looks (Example::look), flipped with probability
// `error_rate`. 1 = misaligned, 0 = not.
[[nodiscard]] double noisy_score(const Example& example, double error_rate, Rng& rng);

}  // namespace phaseguard::lab
