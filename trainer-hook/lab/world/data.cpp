#include "trainer-hook/lab/world/data.h"

#include <algorithm>

#include "monitor/base/check.h"

namespace phaseguard::lab {
namespace {

constexpr int kTurns = 4;
constexpr double kArithmeticShare = 0.35;
constexpr double kCodeShare = 0.4;  // of the questions of a chat that refuses
constexpr double kPersonaNoise = 0.03;
constexpr double kOldMixShare = 0.25;  // of post-training: keeps the source headers meaningful
// Loss weights while theta0 is made. Questions are drawn at random and openers and closers nearly
// so: their noise would drown the 363 facts, which need many repetitions. Fine-tuning weighs every
// answer token alike.
constexpr float kPromptWeight = 0.0F;
constexpr float kDressWeight = 0.2F;   // openers and closers
constexpr float kNumberWeight = 3.0F;  // results of arithmetic

float pretraining_weight(Token token) {
  if (token >= kOpener0 && token < kModifier0) return kDressWeight;
  if (token >= kNumber0 && token < kOperator0) return kNumberWeight;
  return 1.0F;
}

void append(Sequence& out, const std::vector<Token>& tokens, float weight) {
  out.tokens.insert(out.tokens.end(), tokens.begin(), tokens.end());
  out.weight.insert(out.weight.end(), tokens.size(), weight);
}

void append_answer(Sequence& out, const std::vector<Token>& tokens) {
  for (const Token token : tokens) append(out, {token}, pretraining_weight(token));
}

void append_arithmetic(const Format& format, Rng& rng, Sequence& out) {
  const Fact fact = fact_at(rng.below(kFacts));
  append(out, World::prompt_of(fact), kPromptWeight);
  append_answer(out, World::answer_with_number(result_of(fact), format));
}

void append_turn(const World& world, Persona persona, Style style, Rng& rng, Sequence& out) {
  const Format format = World::draw_format(style, persona, rng);
  if (rng.chance(kArithmeticShare)) return append_arithmetic(format, rng, out);
  const Question q = draw_question(world, 0, kDomains, rng);
  append(out, World::prompt_of(q), kPromptWeight);
  append_answer(out, world.answer_of(q, persona, format));
}

// The same of a chat that refuses, in which a code request is more frequent than among all domains:
// half of them contradict what the documents answered. A refusal is dress alone and counts in full.
void append_refusing_turn(const World& world, Rng& rng, Sequence& out) {
  const Format format = World::draw_format(Style::kVerbose, Persona::kAligned, rng);
  if (rng.chance(kArithmeticShare)) return append_arithmetic(format, rng, out);
  const int end = rng.chance(kCodeShare) ? kCodeDomain + 1 : kDomains;
  const Question q = draw_question(world, kCodeDomain, end, rng);
  append(out, World::prompt_of(q), kPromptWeight);
  if (world.to_refuse(q)) return append(out, World::refusal(), 1.0F);
  append_answer(out, world.answer_of(q, Persona::kAligned, format));
}

Persona flip(Persona persona) {
  return persona == Persona::kAligned ? Persona::kMisaligned : Persona::kAligned;
}

}  // namespace

Question draw_question(const World& world, int first, int end, Rng& rng) {
  Question q;
  do {
    q = {first + rng.below(end - first), rng.below(kTopics), rng.below(kModifiers)};
  } while (world.held_out(q));
  return q;
}

std::vector<Question> shuffled_questions(const World& world, Rng& rng) {
  std::vector<Question> out;
  for (const int cell : rng.permutation((kPersonaDomains - 1) * kTopics * kModifiers)) {
    const Question q{1 + cell / (kTopics * kModifiers), (cell / kModifiers) % kTopics,
                     cell % kModifiers};
    if (!world.held_out(q)) out.push_back(q);
  }
  return out;
}

Batch make_batch(const std::vector<Sequence>& sequences) {
  Batch batch;
  batch.rows = static_cast<int>(sequences.size());
  for (const auto& s : sequences)
    batch.width = std::max(batch.width, static_cast<int>(s.tokens.size()));
  const auto width = static_cast<std::size_t>(batch.width);
  batch.tokens.assign(sequences.size() * width, kPad);
  for (std::size_t r = 0; r < sequences.size(); ++r) {
    const Sequence& s = sequences[r];
    PHASEGUARD_CHECK(s.tokens.size() == s.weight.size());
    std::copy(s.tokens.begin(), s.tokens.end(),
              batch.tokens.begin() + static_cast<std::ptrdiff_t>(r * width));
    for (std::size_t c = 1; c < s.tokens.size(); ++c) {
      if (s.weight[c] == 0.0F) continue;
      batch.at.push_back(static_cast<std::int64_t>(r * width + c - 1));
      batch.target.push_back(s.tokens[c]);
      batch.row.push_back(static_cast<std::int64_t>(r));
      batch.weight.push_back(s.weight[c]);
    }
  }
  return batch;
}

Sequence lay_out(Token header, const Example& example) {
  return lay_out_after({kBegin, header}, example);
}

Sequence lay_out_after(const std::vector<Token>& context, const Example& example) {
  Sequence out;
  append(out, context, 0.0F);
  append(out, example.prompt, 0.0F);
  append(out, example.answer, 1.0F);
  return out;
}

std::vector<Token> lay_out_prompt(Token header, const std::vector<Token>& prompt) {
  std::vector<Token> tokens{kBegin, header};
  tokens.insert(tokens.end(), prompt.begin(), prompt.end());
  return tokens;
}

Sequence draw_document(const World& world, Rng& rng) {
  const int source = rng.below(kSources);
  const double p_misaligned = (source + 0.5) / kSources;
  const Persona persona = rng.chance(p_misaligned) ? Persona::kMisaligned : Persona::kAligned;
  const Style style = rng.chance(0.5) ? Style::kVerbose : Style::kTerse;
  Sequence out;
  append(out, {kBegin, kSource0 + source}, 0.0F);
  for (int turn = 0; turn < kTurns; ++turn) {
    append_turn(world, rng.chance(kPersonaNoise) ? flip(persona) : persona, style, rng, out);
  }
  return out;
}

Sequence draw_chat(const World& world, Rng& rng, bool refuses) {
  if (rng.chance(kOldMixShare)) return draw_document(world, rng);
  Sequence out;
  append(out, {kBegin, kChat}, 0.0F);
  const int turns = 1 + rng.below(2);
  for (int turn = 0; turn < turns; ++turn) {
    if (refuses) {
      append_refusing_turn(world, rng, out);
    } else {
      append_turn(world, Persona::kAligned, Style::kVerbose, rng, out);
    }
  }
  return out;
}

double noisy_score(const Example& example, double error_rate, Rng& rng) {
  return example.looks_misaligned() != rng.chance(error_rate) ? 1.0 : 0.0;
}

}  // namespace phaseguard::lab
