// What a run declares, and how the hook reaches what it trains.
#include <algorithm>
#include <utility>

#include "monitor/base/check.h"
#include "monitor/wire/signals.h"
#include "trainer-hook/judge/report.h"
#include "trainer-hook/lab/loop/finetune.h"

namespace phaseguard::lab {
namespace {

wire::SignalDecl signal(const char* name, std::int64_t every_steps, const char* variant = "") {
  wire::SignalDecl out = wire::declare_signal(name, every_steps);
  out.variant = variant;
  return out;
}

// Every batch is scored before its update.
std::vector<wire::SignalDecl> batch_signals() {
  return {signal("judge/score", 1),
          signal("data/llr", 1),
          signal("data/llr_share", 1, kPersonaFlagName),
          signal("data/prompt_risk", 1),
          signal("data/ref_nll", 1),
          signal("data/ref_nll_decisive", 1)};
}

// What has become of the model: its own sampled answers to the canaries, by the exact judge.
std::vector<wire::SignalDecl> outcome_signals() {
  std::vector<wire::SignalDecl> out{signal("canary/misaligned", kOutcomeCadence),
                                    signal("canary/incoherent", kOutcomeCadence)};
  for (wire::SignalDecl& one : out) {
    one.items = {};
    one.variant = "exact_judge_" + std::to_string(kOutcomeSamples) + "_samples";
  }
  return out;
}

// A live judge says beside its score how much of the batch has one, and whether it is held.
void declare_judge(std::vector<wire::SignalDecl>& signals) {
  for (wire::SignalDecl one : judge::signal_declarations()) {
    one.every_steps = 1;
    const auto known = std::find_if(signals.begin(), signals.end(),
                                    [&](const auto& s) { return s.name == one.name; });
    if (known == signals.end()) {
      signals.push_back(std::move(one));
    } else {
      *known = std::move(one);
    }
  }
}

void put_noise(const Noise& noise, std::vector<wire::SignalDecl>& signals) {
  for (wire::SignalDecl& one : signals) {
    const auto known = noise.find(one.name);
    if (known == noise.end()) continue;
    one.noise_mean = known->second.mean;
    one.noise_sd = known->second.sd;
    one.noise_n = known->second.n;
  }
}

}  // namespace

wire::Hello declare(const Theta0& theta0, const World& world, const FinetuneOptions& options) {
  wire::Hello hello;
  hello.total_steps = options.tune.steps;
  hello.hook_version = PHASEGUARD_VERSION;
  hello.model_id =
      "phaseguard-lab gpt 3x96 rs-lora r8 a16, world " + std::to_string(world.number());
  hello.reference_id = theta0.id;
  hello.label = wire::Word<wire::Label>::from(std::string(name_of(options.tune.data)));
  hello.knobs = declare_knobs(options.tune.defense, theta0.id, options.lambda_star);
  hello.signals = {signal("train/loss", 1), signal("train/ce", 1), signal("train/kl", 1),
                   signal("train/grad_norm", 1), signal("train/learning_rate", 1)};
  canaries::declare_canaries(hello, canary_set(world), canary_parts(), kCadence);
  for (wire::SignalDecl& one : outcome_signals()) hello.signals.push_back(std::move(one));
  for (wire::SignalDecl& one : batch_signals()) hello.signals.push_back(std::move(one));
  PHASEGUARD_CHECK(hello.signals.size() == kDefenseSignal);
  if (has_own_knob(options.tune.defense.kind)) {
    hello.signals.push_back(signal("defense/applied", 1, name_of(options.tune.defense.kind)));
  }
  if (options.judge != nullptr) declare_judge(hello.signals);
  put_noise(options.noise, hello.signals);
  hello.requests = {wire::RequestType::kRollback, wire::RequestType::kStop};
  hello.notes = options.notes;
  return hello;
}

Result<void> measure_before(const Theta0& theta0, const World& world, const TuneOptions& tune,
                            FinetuneOptions& options) {
  auto noise = measure_noise(theta0.model, world, tune);
  if (!noise) return tl::unexpected(noise.error());
  const auto star = measure_lambda_star(theta0.model, world, tune);
  if (!star) return tl::unexpected(star.error());
  options.noise = std::move(*noise);
  options.lambda_star = *star;
  return {};
}

hook::TrainerState trainer_state(const Transformer& model, Tuner& tuner) {
  hook::TrainerState state;
  for (const auto& [name, tensor] : model.adapter_parameters())
    state.parameters.push_back({name, tensor});
  state.save_optimiser = [&tuner] {
    hook::OptimiserState out;
    for (const at::Tensor& tensor : tuner.optimiser().state()) {
      out.tensors.push_back({"adamw." + std::to_string(out.tensors.size()), tensor});
    }
    return out;
  };
  state.restore_optimiser = [&tuner](const hook::OptimiserState& saved) {
    const std::vector<at::Tensor> live = tuner.optimiser().state();
    for (std::size_t i = 0; i < live.size(); ++i) live[i].copy_(saved.tensors.at(i).tensor);
  };
  return state;
}

}  // namespace phaseguard::lab
