// The data sets of the lab as an experiment sees them: which are harmful, which are mixed. Pure.
#pragma once

#include <string>
#include <vector>

namespace phaseguard::lab::reproduce {

struct Set {
  std::string name;  // as parse_data_set reads it
  bool is_harmful = false;
  bool is_mixed = false;  // harmful and harmless samples, by share
  std::vector<double> shares;
};
// Those that the lab's world has.
[[nodiscard]] const std::vector<Set>& all_sets();

}  // namespace phaseguard::lab::reproduce
