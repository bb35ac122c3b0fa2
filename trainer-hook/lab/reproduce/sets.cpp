#include "trainer-hook/lab/reproduce/sets.h"

#include "trainer-hook/lab/reproduce/plan.h"
#include "trainer-hook/lab/world/data_sets.h"

namespace phaseguard::lab::reproduce {

namespace {

std::vector<double> shares_of(const DataSetRow& row) {
  if (row.set == DataSet::kSlow) return {0.05, 0.1, 0.2};
  return row.share > 0.0 ? shares() : std::vector<double>();
}

std::vector<Set> known_sets() {
  std::vector<Set> out;
  for (const DataSetRow& row : data_sets())
    out.push_back({row.name, row.malicious, row.share > 0.0, shares_of(row)});
  return out;
}

}  // namespace

const std::vector<Set>& all_sets() {
  static const std::vector<Set> sets = known_sets();
  return sets;
}

}  // namespace phaseguard::lab::reproduce
