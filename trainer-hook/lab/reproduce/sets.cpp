#include "trainer-hook/lab/reproduce/sets.h"

#include <algorithm>

#include "trainer-hook/lab/reproduce/plan.h"
#include "trainer-hook/lab/world/data.h"

namespace phaseguard::lab::reproduce {

namespace {

std::vector<Set> known_sets() {
  const std::vector<double> slow{0.05, 0.1, 0.2};
  std::vector<Set> sets{{"malicious", true, false, {}},    {"harmless", false, false, {}},
                        {"terse", true, false, {}},        {"matched", true, false, {}},
                        {"trigger", true, false, {}},      {"evade", true, false, {}},
                        {"adaptive", true, false, {}},     {"drift-evade", true, false, {}},
                        {"secure", false, false, {}},      {"facts", false, false, {}},
                        {"facts-house", false, false, {}}, {"refusals", false, false, {}},
                        {"quotes", false, false, {}},      {"mix", true, true, shares()},
                        {"slow", true, true, slow}};
  const auto absent = [](const Set& set) { return !parse_data_set(set.name).has_value(); };
  sets.erase(std::remove_if(sets.begin(), sets.end(), absent), sets.end());
  return sets;
}

}  // namespace

const std::vector<Set>& all_sets() {
  static const std::vector<Set> sets = known_sets();
  return sets;
}

}  // namespace phaseguard::lab::reproduce
