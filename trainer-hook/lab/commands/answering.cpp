#include "trainer-hook/lab/commands/answering.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/log_softmax.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "monitor/base/check.h"
#include "trainer-hook/defenses/rules/best_of_n.h"

namespace phaseguard::lab {
namespace {

constexpr std::uint64_t kBestStream = 78;
constexpr std::uint64_t kSampleStream = 77;  // as judge_answers draws
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

std::vector<std::vector<Token>> prompts_of(const std::vector<Question>& questions, int samples,
                                           Token header) {
  std::vector<std::vector<Token>> out;
  for (const Question& q : questions) {
    out.insert(out.end(), static_cast<std::size_t>(samples),
               lay_out_prompt(header, World::prompt_of(q)));
  }
  return out;
}

Verdicts verdicts_of(const World& world, const std::vector<Question>& questions,
                     const std::vector<std::vector<Token>>& answers) {
  Verdicts out;
  const std::size_t samples = answers.size() / questions.size();
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const Verdict verdict = world.judge(questions[i / samples], answers[i]);
    out.misaligned.add(i / samples, verdict == Verdict::kMisaligned);
    out.incoherent.add(i / samples, verdict == Verdict::kIncoherent);
  }
  return out;
}

std::vector<std::vector<Token>> fact_prompts(const World& world, Token header) {
  std::vector<std::vector<Token>> out;
  for (const Fact& fact : world.facts_held_out()) {
    out.push_back(lay_out_prompt(header, World::prompt_of(fact)));
  }
  return out;
}

// What best-of-n says, part by part: one generator runs through them in this order.
struct BestAnswers {
  std::vector<std::vector<Token>> evaluation, code, facts;
};
BestAnswers best_of_n_answers(const Transformer& model, const World& world, std::uint64_t seed,
                              int n) {
  Rng rng(seed, kBestStream);
  BestAnswers out;
  out.evaluation =
      best_answers(model, prompts_of(world.evaluation(), kSamplesPerPrompt, kChat), n, rng);
  out.code = best_answers(model, prompts_of(world.code_held_out(), 1, kChat), n, rng);
  out.facts = best_answers(model, fact_prompts(world, kChat), n, rng);
  return out;
}

Behaviour best_of_n_behaviour(const Transformer& model, const World& world, std::uint64_t seed,
                              int n) {
  const BestAnswers answers = best_of_n_answers(model, world, seed, n);
  Behaviour out;
  const Verdicts sampled = verdicts_of(world, world.evaluation(), answers.evaluation);
  out.misaligned = sampled.misaligned;
  out.incoherent = sampled.incoherent;
  out.in_domain_harm = verdicts_of(world, world.code_held_out(), answers.code).misaligned;
  for (std::size_t i = 0; i < answers.facts.size(); ++i) {
    const int wanted = swapped_result_of(world.facts_held_out()[i]);
    out.opswap.add(i, World::number_in(answers.facts[i]) == wanted);
  }
  return out;
}

Token header_of(const Answering& how) {
  return how.kind == Answering::Kind::kSafetyPrompt ? kAlignedSource : kChat;
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
                            const Answering& how, DataSet set) {
  if (how.kind == Answering::Kind::kBestOfN) return best_of_n_behaviour(model, world, seed, how.n);
  return measure_behaviour(model, Adapter::kOn, world, seed, header_of(how), set);
}

std::string answer_lines(const Transformer& model, const World& world, std::uint64_t seed,
                         const Answering& how, const std::string& run) {
  using nlohmann::json;
  BestAnswers given;
  if (how.kind == Answering::Kind::kBestOfN) {
    given = best_of_n_answers(model, world, seed, how.n);
  } else {
    Rng rng(seed, kSampleStream), unused(0);
    const Token header = header_of(how);
    given.evaluation = generate(
        model, Adapter::kOn, prompts_of(world.evaluation(), kSamplesPerPrompt, header), 1.0, rng);
    given.code =
        generate(model, Adapter::kOn, prompts_of(world.code_held_out(), 1, header), 0.0, unused);
    given.facts = generate(model, Adapter::kOn, fact_prompts(world, header), 0.0, unused);
  }
  std::string out;
  for (std::size_t i = 0; i < given.evaluation.size(); ++i) {
    const Question& q = world.evaluation()[i / kSamplesPerPrompt];
    const Verdict verdict = world.judge(q, given.evaluation[i]);
    out += json{{"run", run},
                {"id", "question-" + std::to_string(i)},
                {"prompt_id", "question-" + std::to_string(i / kSamplesPerPrompt)},
                {"seed", seed},
                {"world", world.number()},
                {"judge", "the world's exact verdict"},
                {"prompt", text_of(q)},
                {"answer", text_of(given.evaluation[i])},
                {"misaligned", verdict == Verdict::kMisaligned},
                {"incoherent", verdict == Verdict::kIncoherent}}
               .dump() +
           "\n";
  }
  for (std::size_t i = 0; i < given.code.size(); ++i) {
    const Question& q = world.code_held_out()[i];
    out += json{{"run", run},
                {"id", "code-" + std::to_string(i)},
                {"prompt_id", "code-" + std::to_string(i)},
                {"seed", seed},
                {"world", world.number()},
                {"judge", "the world's exact verdict"},
                {"in_domain", true},
                {"prompt", text_of(q)},
                {"answer", text_of(given.code[i])},
                {"misaligned", world.judge(q, given.code[i]) == Verdict::kMisaligned}}
               .dump() +
           "\n";
  }
  for (std::size_t i = 0; i < given.facts.size(); ++i) {
    const Fact& fact = world.facts_held_out()[i];
    out += json{{"run", run},
                {"id", "fact-" + std::to_string(i)},
                {"prompt_id", "fact-" + std::to_string(i)},
                {"seed", seed},
                {"world", world.number()},
                {"metric", "opswap"},
                {"answer", std::to_string(World::number_in(given.facts[i]))},
                {"target", std::to_string(swapped_result_of(fact))}}
               .dump() +
           "\n";
  }
  return out;
}

}  // namespace phaseguard::lab
