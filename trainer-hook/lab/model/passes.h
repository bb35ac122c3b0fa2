// What a run costs, whatever the machine: a count of this process.
#pragma once

#include <cstdint>

namespace phaseguard::lab {

// Sequences that have gone through any Transformer::hidden() so far.
[[nodiscard]] std::int64_t model_passes();

}  // namespace phaseguard::lab
