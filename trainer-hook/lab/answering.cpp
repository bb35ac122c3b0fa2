#include "trainer-hook/lab/answering.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/log_softmax.h>

#include <algorithm>

#include "monitor/base/check.h"
#include "trainer-hook/defenses/best_of_n.h"

namespace phaseguard::lab {
namespace {

constexpr Token kAlignedSource = kSource0;
constexpr std::uint64_t kBestStream = 78;
constexpr int kSamplesPerPrompt = 8;

// ln p0 of each answer's tokens after its prompt.
std::vector<std::vector<double>> reference_log_probs(
    const Transformer& model, const std::vector<std::vector<Token>>& prompts,
    const std::vector<std::vector<Token>>& answers) {
  std::vector<Sequence> rows;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    Sequence row{prompts[i], std::vector<float>(prompts[i].size(), 0.0F)};
    row.tokens.insert(row.tokens.end(), answers[i].begin(), answers[i].end());
    row.weight.resize(row.tokens.size(), 1.0F);
    rows.push_back(std::move(row));
  }
  const Batch grid = make_batch(rows);
  const TensorBatch t = to_tensors(grid);
  const at::Tensor lp = at::log_softmax(model.logits_at(t.tokens, t.at, Adapter::kOff), -1);
  const at::Tensor chosen = lp.gather(1, t.target.unsqueeze(1)).squeeze(1).contiguous();
  const auto* values = chosen.data_ptr<float>();
  std::vector<std::vector<double>> out(prompts.size());
  for (std::size_t i = 0; i < grid.row.size(); ++i) {
    // The float32 softmax of a certain token can round to just above 0.
    out[static_cast<std::size_t>(grid.row[i])].push_back(
        std::min(0.0, static_cast<double>(values[i])));
  }
  return out;
}

std::vector<std::vector<Token>> prompts_of(const std::vector<Question>& questions, int samples) {
  std::vector<std::vector<Token>> out;
  for (const Question& q : questions) {
    out.insert(out.end(), static_cast<std::size_t>(samples),
               lay_out_prompt(kChat, World::prompt_of(q)));
  }
  return out;
}

Verdicts verdicts_of(const World& world, const std::vector<Question>& questions,
                     const std::vector<std::vector<Token>>& answers) {
  Verdicts out;
  const std::size_t samples = answers.size() / questions.size();
  out.misaligned.n = out.incoherent.n = static_cast<std::int64_t>(answers.size());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const Verdict verdict = world.judge(questions[i / samples], answers[i]);
    out.misaligned.k += verdict == Verdict::kMisaligned ? 1 : 0;
    out.incoherent.k += verdict == Verdict::kIncoherent ? 1 : 0;
  }
  return out;
}

Behaviour best_of_n_behaviour(const Transformer& model, const World& world, std::uint64_t seed,
                              int n) {
  Rng rng(seed, kBestStream);
  const auto verdicts = [&](const std::vector<Question>& questions, int samples) {
    return verdicts_of(world, questions,
                       best_answers(model, prompts_of(questions, samples), n, rng));
  };
  Behaviour out;
  const Verdicts sampled = verdicts(world.evaluation(), kSamplesPerPrompt);
  out.misaligned = sampled.misaligned;
  out.incoherent = sampled.incoherent;
  out.in_domain_harm = verdicts(world.code_held_out(), 1).misaligned;
  std::vector<std::vector<Token>> sums;
  for (const Fact& fact : world.facts_held_out()) {
    sums.push_back(lay_out_prompt(kChat, World::prompt_of(fact)));
  }
  const auto answers = best_answers(model, sums, n, rng);
  out.opswap.n = static_cast<std::int64_t>(answers.size());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const int wanted = swapped_result_of(world.facts_held_out()[i]);
    out.opswap.k += World::number_in(answers[i]) == wanted ? 1 : 0;
  }
  return out;
}

}  // namespace

std::string text_of(const Answering& how) {
  switch (how.kind) {
    case Answering::Kind::kPlain:
      return "";
    case Answering::Kind::kSafetyPrompt:
      return "safety-prompt";
    case Answering::Kind::kBestOfN:
      return "best-of-" + std::to_string(how.n);
  }
  return "";
}

std::vector<std::vector<Token>> best_answers(const Transformer& model,
                                             const std::vector<std::vector<Token>>& prompts, int n,
                                             Rng& rng) {
  PHASEGUARD_CHECK(n >= 1);
  const at::NoGradGuard no_grad;
  std::vector<std::vector<Token>> out;
  for (const auto& prompt : prompts) {
    const std::vector<std::vector<Token>> asked(static_cast<std::size_t>(n), prompt);
    auto answers = generate(model, Adapter::kOn, asked, 1.0, rng);
    const auto best = defenses::best_of_n(reference_log_probs(model, asked, answers));
    PHASEGUARD_CHECK(best.has_value());  // no answer of generate() is empty
    out.push_back(std::move(answers[best->chosen]));
  }
  return out;
}

Behaviour measure_behaviour(const Transformer& model, const World& world, std::uint64_t seed,
                            const Answering& how) {
  if (how.kind == Answering::Kind::kBestOfN) return best_of_n_behaviour(model, world, seed, how.n);
  const Token header = how.kind == Answering::Kind::kSafetyPrompt ? kAlignedSource : kChat;
  return measure_behaviour(model, Adapter::kOn, world, seed, header);
}

}  // namespace phaseguard::lab
