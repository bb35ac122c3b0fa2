// Activation files of the lab: hidden states of theta0 at a named layer for prompts or training
// samples, with labels, as phaseguard-probe reads them. Trainer's thread; no gradient.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "monitor/base/result.h"
#include "probe/files/feature_file.h"
#include "trainer-hook/lab/model/theta0.h"

namespace phaseguard::lab {

// kPersona: safety prompts after the most misaligned (label 1) and the most aligned (0) source
// header, with traits "misaligned_persona" and "first_safety_domain". The data sets: training
// samples under the chat header, label 1 where the answer is misaligned, trait
// "misaligned_answer". kCanaries: the 24 canary prompts under the chat header, unlabelled: what
// drift is measured on.
enum class FeatureData : std::uint8_t { kPersona, kMalicious, kHarmless, kMix, kCanaries };
[[nodiscard]] Result<FeatureData> parse_feature_data(std::string_view name);

struct FeatureRequest {
  FeatureData data = FeatureData::kPersona;
  std::string layer = "block2";
  std::string position = "last_prompt";  // "last_prompt" | "mean_prompt" | "mean_answer"
  int samples = 480;                     // rows; canaries: always 24
  double share = 0.5;                    // of malicious samples, for kMix
  std::uint64_t seed = 1;
};

// Errors: a layer the model does not have (the message lists those it has), a position that the
// data do not have (prompts have no answer).
[[nodiscard]] Result<probe::FeatureFile> layer_features(const Theta0& theta0,
                                                        const FeatureRequest& request);

}  // namespace phaseguard::lab
