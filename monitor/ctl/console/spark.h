// A signal in one row: its points in the order in which they came, as many to a column as fit, from
// its smallest to its largest value. Pure.
#pragma once

#include <string>

#include "monitor/run/series.h"

namespace phaseguard::console {

// At most `columns` characters. A column shows the largest value of its points; one without a good
// value is marked "x".
[[nodiscard]] std::string sparkline(const run::Series& series, int columns, bool utf8);

}  // namespace phaseguard::console
