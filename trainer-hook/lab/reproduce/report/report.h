// What an experiment leaves: one HTML page that needs nothing else, and the same as JSON. Pure.
#pragma once

#include <string>
#include <vector>

#include "trainer-hook/lab/reproduce/report/tables.h"

namespace phaseguard::lab::reproduce {

// What was run, in a line: "3 worlds x 3 seeds, 200 updates".
[[nodiscard]] std::string extent_text(const Results& results);
// "theta0 of world 3 is discarded: ..."; empty: none was.
[[nodiscard]] std::vector<std::string> discard_lines(const Results& results);

[[nodiscard]] std::string page_of(const Results& results, const std::vector<Table>& tables);
[[nodiscard]] std::string json_of(const Results& results, const std::vector<Standing>& standings,
                                  const std::vector<Table>& tables);

}  // namespace phaseguard::lab::reproduce
