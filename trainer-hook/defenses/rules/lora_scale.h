// The factor on a LoRA update, dW = s B A: alpha / r for plain LoRA (Hu et al., arXiv 2106.09685),
// alpha / sqrt(r) for the rank-stabilised form (Kalajdzievski, arXiv 2312.03732). The two differ by
// sqrt(r): a penalty tuned under one is not tuned under the other, so a run declares which it uses.
// Any thread; no LibTorch.
#pragma once

#include <cstdint>

#include "monitor/base/result.h"

namespace phaseguard::defenses {

enum class LoraScaling : std::uint8_t { kStandard, kRankStabilised };
[[nodiscard]] const char* name_of(LoraScaling scaling);  // "lora", "rs-lora"

// s > 0. rank >= 1; alpha finite and > 0; anything else is an error.
// (32, 64): 11.3137 rank-stabilised, 2 plain.
[[nodiscard]] Result<double> lora_scale(LoraScaling scaling, std::int64_t rank, double alpha);

}  // namespace phaseguard::defenses
