// theta0 of the worlds of an experiment: that of world 0 is shipped, the others are made once and
// kept. Files and LibTorch; trainer's thread of a cell's own process, but for find_world.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "monitor/base/result.h"

namespace phaseguard::lab::reproduce {

struct WorldFiles {
  int world = 0;
  std::filesystem::path theta0;
  std::filesystem::path base;  // before post-training, for SafeLoRA; empty: the shipped one
  std::string gates;           // its figures, in words
  bool passed = false;         // the gates
};

// In `folder`, or as shipped (one that does not refuse); nothing: not made yet. Errors: a file that
// is no theta0 of that world, or that another version made.
[[nodiscard]] Result<std::optional<WorldFiles>> find_world(int world, bool refuses,
                                                           const std::filesystem::path& folder);

// Makes both files of a world, three to six minutes on a core. Whole or not at all. steps: of
// pretraining, 0: as many as usual. refuses: theta0 refuses half of the code requests, and answers
// at most 5 % of them, a gate more. Errors kIo.
[[nodiscard]] Result<void> make_world(int world, bool refuses, const std::filesystem::path& folder,
                                      std::int64_t steps);

}  // namespace phaseguard::lab::reproduce
