#include "trainer-hook/defenses/rules/lora_scale.h"

#include <cmath>
#include <string>

#include "monitor/base/text.h"

namespace phaseguard::defenses {

const char* name_of(LoraScaling scaling) {
  return scaling == LoraScaling::kRankStabilised ? "rs-lora" : "lora";
}

Result<double> lora_scale(LoraScaling scaling, std::int64_t rank, double alpha) {
  if (rank < 1 || !std::isfinite(alpha) || alpha <= 0.0) {
    return fail(Errc::kInvalidArgument,
                "LoRA scale: expected rank >= 1 and a finite alpha > 0, found rank " +
                    std::to_string(rank) + ", alpha " + number_text(alpha));
  }
  const auto r = static_cast<double>(rank);
  return alpha / (scaling == LoraScaling::kRankStabilised ? std::sqrt(r) : r);
}

}  // namespace phaseguard::defenses
