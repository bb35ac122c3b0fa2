// What interventions need beside the batch, made once at the start of a run from theta0: its own
// answers to neutral prompts (replay), safe chat (interleaving), the direction of the misaligned
// persona (steering). Trainer's thread; no gradient.
#pragma once

#include <vector>

#include "monitor/base/result.h"
#include "trainer-hook/defenses/data/interleave.h"
#include "trainer-hook/defenses/penalty/steering.h"
#include "trainer-hook/defenses/rules/safelora.h"
#include "trainer-hook/lab/loop/defense.h"
#include "trainer-hook/lab/model/model.h"

namespace phaseguard::lab {

// 100 chat prompts, of domains other than the tuning data's, none a canary or an evaluation prompt,
// with theta0's answers sampled at temperature 1. The domains are those the evaluation asks about
// (other topics and modifiers), which flatters replay and interleaving.
[[nodiscard]] std::vector<Example> replay_set(const Transformer& model, const World& world,
                                              std::uint64_t seed);

// 400 aligned answers to such prompts in post-training's format, of which up to 100 are kept by
// `choice`. L_mis is theta0's own loss under the most misaligned source header. The world has no
// refusals, so that "++" keeps what "+" keeps. Errors: as choose_safe.
[[nodiscard]] Result<std::vector<Example>> safe_set(const Transformer& model, const World& world,
                                                    defenses::SafeChoice choice,
                                                    std::uint64_t seed);

// Difference of means of the stream after `block` at the last prompt token, most misaligned minus
// most aligned source header. Errors: no such block; as Steering::create.
[[nodiscard]] Result<defenses::Steering> persona_steering(const Transformer& model,
                                                          const World& world, std::int64_t block,
                                                          std::uint64_t seed);

// theta0's matrices by layer ("block0.qkv"), and the adapter's pairs by the same names.
[[nodiscard]] defenses::NamedWeights layer_weights(const Transformer& model);
[[nodiscard]] std::vector<defenses::LoraPair> lora_pairs(const Transformer& model);

}  // namespace phaseguard::lab
