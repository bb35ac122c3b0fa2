// What a detector or a controller looks at: one signal, the maximum or mean of a group, or the
// difference or ratio of two. Part of document.h; plain data, read by parse_source
// (parse_common.h).
#pragma once

#include <cstdint>
#include <string>

namespace phaseguard::policy {

enum class Combine : std::uint8_t { kNone, kMax, kMean };

// At most one of `combine`, `minus` and `over` is set; `combine` goes with a group and only with
// it.
struct SourceSpec {
  std::string signal;                // "judge/score", "canary/js/<id>", or a group "canary/js/*"
  Combine combine = Combine::kNone;  // of the group's members
  std::string minus;                 // signal - minus
  std::string over;                  // signal / over, BAD where that is 0

  [[nodiscard]] bool is_group() const { return combine != Combine::kNone; }
  [[nodiscard]] bool is_derived() const { return is_group() || !minus.empty() || !over.empty(); }
};

// How evidence names it: "judge/score", "max(canary/js/*)", "judge/score - data/risk",
// "train/loss / eval/loss". Two sources of the same text are the same series.
[[nodiscard]] std::string to_text(const SourceSpec& source);

}  // namespace phaseguard::policy
