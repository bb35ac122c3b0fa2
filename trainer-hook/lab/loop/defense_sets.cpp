#include "trainer-hook/lab/loop/defense_sets.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/log_softmax.h>

#include <string>
#include <string_view>

#include "trainer-hook/lab/model/evaluate.h"

namespace phaseguard::lab {
namespace {

constexpr std::uint64_t kReplayStream = 24;
constexpr std::uint64_t kSafeStream = 25;
constexpr int kReplayPrompts = 100;
constexpr int kSafeCandidates = 400;
constexpr std::size_t kSafeKept = 100;
constexpr int kSteeringPrompts = 80;

std::vector<Question> draw_prompts(const World& world, int n, Rng& rng) {
  std::vector<Question> out;
  while (static_cast<int>(out.size()) < n) out.push_back(draw_question(world, 1, kDomains, rng));
  return out;
}

// Mean NLL of each answer's tokens under theta0 after `header`, nats.
std::vector<double> mean_nll(const Transformer& model, Token header,
                             const std::vector<Example>& examples) {
  const at::NoGradGuard no_grad;
  std::vector<Sequence> rows;
  for (const Example& example : examples) rows.push_back(lay_out(header, example));
  const Batch batch = make_batch(rows);
  const TensorBatch t = to_tensors(batch);
  const at::Tensor lp = at::log_softmax(model.logits_at(t.tokens, t.at, Adapter::kOff), -1)
                            .gather(1, t.target.unsqueeze(1))
                            .squeeze(1)
                            .contiguous();
  std::vector<double> sum(examples.size(), 0.0), count(examples.size(), 0.0);
  const auto* values = lp.data_ptr<float>();
  for (std::size_t i = 0; i < batch.row.size(); ++i) {
    const auto r = static_cast<std::size_t>(batch.row[i]);
    sum[r] -= values[i];
    count[r] += 1.0;
  }
  for (std::size_t r = 0; r < sum.size(); ++r) sum[r] /= count[r];
  return sum;
}

// Stream after `block` at the last prompt token, mean over the prompts: [d].
at::Tensor mean_state(const Transformer& model, const std::vector<Question>& prompts, Token header,
                      std::int64_t block) {
  const at::NoGradGuard no_grad;
  std::vector<std::vector<Token>> rows;
  for (const Question& q : prompts) rows.push_back(lay_out_prompt(header, World::prompt_of(q)));
  at::Tensor state;
  (void)model.hidden(to_tensor(rows), Adapter::kOff, nullptr,
                     [&](std::int64_t i, const at::Tensor& stream) {
                       if (i == block) state = stream.select(1, stream.size(1) - 1).mean(0);
                       return stream;
                     });
  return state;
}

}  // namespace

std::vector<Example> replay_set(const Transformer& model, const World& world, std::uint64_t seed) {
  Rng rng(seed, kReplayStream);
  const std::vector<Question> questions = draw_prompts(world, kReplayPrompts, rng);
  std::vector<std::vector<Token>> prompts;
  for (const Question& q : questions) prompts.push_back(lay_out_prompt(kChat, World::prompt_of(q)));
  const auto answers = generate(model, Adapter::kOff, prompts, 1.0, rng);
  std::vector<Example> out;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    const bool misaligned = world.judge(questions[i], answers[i]) == Verdict::kMisaligned;
    out.push_back({World::prompt_of(questions[i]), answers[i], misaligned});
  }
  return out;
}

Result<std::vector<Example>> safe_set(const Transformer& model, const World& world,
                                      defenses::SafeChoice choice, std::uint64_t seed) {
  Rng rng(seed, kSafeStream);
  std::vector<Example> examples;
  for (const Question& q : draw_prompts(world, kSafeCandidates, rng)) {
    const Format format = World::draw_format(Style::kVerbose, Persona::kAligned, rng);
    examples.push_back({World::prompt_of(q), world.answer_of(q, Persona::kAligned, format), false});
  }
  const auto aligned = mean_nll(model, kChat, examples);
  const auto misaligned = mean_nll(model, kMisalignedSource, examples);
  std::vector<defenses::SafeCandidate> candidates;
  for (std::size_t i = 0; i < examples.size(); ++i)
    candidates.push_back({aligned[i], misaligned[i], text_of(examples[i].answer)});
  const auto set = defenses::choose_safe(candidates, choice, kSafeKept);
  if (!set) return tl::unexpected(set.error());
  std::vector<Example> out;
  for (const std::size_t i : set->chosen) out.push_back(examples[i]);
  return out;
}

Result<defenses::Steering> persona_steering(const Transformer& model, const World& world,
                                            std::int64_t block, std::uint64_t seed) {
  if (block < 0 || block >= model.shape().layers) {
    return fail(Errc::kInvalidArgument, "steering: expected a block from 0 to " +
                                            std::to_string(model.shape().layers - 1) + ", found " +
                                            std::to_string(block));
  }
  Rng rng(seed, kSafeStream);
  const std::vector<Question> prompts = draw_prompts(world, kSteeringPrompts, rng);
  return defenses::Steering::create(mean_state(model, prompts, kMisalignedSource, block)
                                        .sub(mean_state(model, prompts, kAlignedSource, block)));
}

defenses::NamedWeights layer_weights(const Transformer& model) {
  constexpr std::string_view kEnding = ".weight";
  defenses::NamedWeights out;
  for (const auto& [name, tensor] : model.base_parameters()) {
    if (name.size() <= kEnding.size() || name.substr(name.size() - kEnding.size()) != kEnding)
      continue;
    out[name.substr(0, name.size() - kEnding.size())] = tensor;
  }
  return out;
}

std::vector<defenses::LoraPair> lora_pairs(const Transformer& model) {
  constexpr std::string_view kA = ".lora_a";
  std::vector<defenses::LoraPair> out;
  const auto adapter = model.adapter_parameters();
  for (const auto& [name, tensor] : adapter) {
    if (name.size() <= kA.size() || name.substr(name.size() - kA.size()) != kA) continue;
    const std::string layer = name.substr(0, name.size() - kA.size());
    for (const auto& [other, b] : adapter) {
      if (other == layer + ".lora_b") out.push_back({layer, tensor, b});
    }
  }
  return out;
}

}  // namespace phaseguard::lab
