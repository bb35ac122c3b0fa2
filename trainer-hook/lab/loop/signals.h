// What the lab measures of the model in training: the canary signals, by canaries/monitor, on the
// world's 24 fixed prompts, against theta0. No gradient, no random number: measuring changes
// nothing. Trainer's thread.
#pragma once

#include <cstdint>
#include <string>

#include "canaries/monitor/canary_monitor.h"
#include "canaries/prompts/canary_set.h"
#include "monitor/base/result.h"
#include "trainer-hook/lab/model/model.h"

namespace phaseguard::lab {

// The world's 24 canaries as a set: ids "lab-<domain>-<n>", prompts in words.
[[nodiscard]] canaries::CanarySet canary_set(const World& world);
// What of them is measured: everything.
[[nodiscard]] canaries::CanaryParts canary_parts();

struct Canaries {
  canaries::CanaryMonitor monitor;
  canaries::CanaryModel theta;  // the model in training

  // Of the model as it is. Errors: what could not be measured.
  [[nodiscard]] Result<canaries::CanaryReading> read() const;
};
// Holds theta0's side: logits, states, and a probe and a direction fitted on theta0's hidden states
// (last block, last prompt token) of safety prompts after the most aligned and the most misaligned
// source header. `model` must outlive it. Errors: a theta0 on which no probe can be fitted.
[[nodiscard]] Result<Canaries> watch_canaries(const Transformer& model, const World& world,
                                              const std::string& theta0_id,
                                              const canaries::CadenceOptions& cadence);

}  // namespace phaseguard::lab
