// What there is to say of one canary prompt among all that a signal runs over. Pure.
#pragma once

#include <string>
#include <vector>

#include "monitor/run/plots.h"

namespace phaseguard::dashboard {

struct ItemValue {
  std::string label;
  double value = 0.0;
};

struct ItemStory {
  bool measured = false;        // it has points in the present segment
  double at = wire::kNaN;       // of the point that is nearest to where was asked for
  double value = wire::kNaN;    // there; NaN: bad
  std::size_t place = 0;        // among the values there, 1: the largest; 0: it has none
  std::size_t of = 0;           // how many have one
  double largest = wire::kNaN;  // of the present segment, and where
  double largest_at = wire::kNaN;
  std::vector<ItemValue> worst;  // the largest there, at most five
};

// Of the item `row` of `plan` at `raw`, a step or a time.
[[nodiscard]] ItemStory story_of(const run::PlotSpec& plan, std::size_t row, double raw,
                                 run::By by);

}  // namespace phaseguard::dashboard
