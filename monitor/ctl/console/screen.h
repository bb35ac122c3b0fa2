// The picture of `phaseguard watch` as a function of what is known, what was chosen, the size and
// what the terminal can show. Pure.
#pragma once

#include <vector>

#include "monitor/ctl/console/sections.h"

namespace phaseguard::console {

struct Size {
  int columns = 80;
  int rows = 24;
};
inline constexpr Size kLeast{60, 20};  // below it one sentence says so
inline constexpr int kWide = 120;      // columns from which on two sections stand side by side

// As many rows as the size has.
[[nodiscard]] std::vector<Row> screen(const dashboard::Model& model, const Console& console,
                                      Size size, const Theme& theme);

}  // namespace phaseguard::console
