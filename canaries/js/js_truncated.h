// Truncated variants and their certified interval for one k. Internal to the canaries room. Pure.
#pragma once

#include "canaries/js/js.h"
#include "canaries/js/js_math.h"

namespace phaseguard::canaries::detail {

// 1 <= k <= V, pair not BAD.
[[nodiscard]] JsTruncated truncated(const Pair& pair, std::size_t k);

}  // namespace phaseguard::canaries::detail
