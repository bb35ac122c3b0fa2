// Activation files of the lab: hidden states of theta0 at a named layer for prompts or training
// samples, with labels, as phaseguard-probe reads them. Trainer's thread; no gradient.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "monitor/base/result.h"
#include "probe/files/feature_file.h"
#include "trainer-hook/lab/model/theta0.h"
#include "trainer-hook/lab/world/data_sets.h"

namespace phaseguard::lab {

// kPersona: safety prompts after the most misaligned (label 1) and the most aligned (0) source
// header, with traits "misaligned_persona" and "first_safety_domain". kSet: training samples under
// the chat header, label 1 where the answer is misaligned, trait "misaligned_answer". kCanaries:
// the 24 canary prompts under the chat header, unlabelled: what drift is measured on.
enum class FeatureData : std::uint8_t { kPersona, kSet, kCanaries };

struct FeatureRequest {
  FeatureData data = FeatureData::kPersona;
  DataSet set = DataSet::kMalicious;  // of kSet
  std::string layer = "block2";
  std::string position = "last_prompt";  // "last_prompt" | "mean_prompt" | "mean_answer"
  int samples = 480;                     // rows; canaries: always 24
  double share = 0.5;                    // of malicious samples, for the sets that take one
  std::uint64_t seed = 1;
};

// "persona", "canaries" or the name of a data set.
[[nodiscard]] Result<void> parse_feature_data(std::string_view name, FeatureRequest& request);

// Errors: a layer the model does not have (the message lists those it has), a position that the
// data do not have (prompts have no answer).
[[nodiscard]] Result<probe::FeatureFile> layer_features(const Theta0& theta0,
                                                        const FeatureRequest& request);

}  // namespace phaseguard::lab
