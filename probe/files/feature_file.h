// Activation files: what any trainer in any language hands to phaseguard-probe. A safetensors file
// with the tensor `features` [n, H] (F16, BF16, F32 or F64), optionally `labels` [n] (0 or 1) and
// `labels/<trait>` [n] (1 has the trait, 0 has not, -1 is left out), and string metadata that say
// where the states come from (Site). docs/PROBE.md is the contract. No LibTorch. Any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/tensors/safetensors.h"
#include "probe/probe.h"

namespace phaseguard::probe {

struct FeatureFile {
  Site site;
  std::string data;                  // name of the data set; "" = not said
  Features x;                        // may hold values that are not finite: they score BAD
  std::vector<std::uint8_t> labels;  // 0 or 1 a row; empty: unlabelled
  std::map<std::string, std::vector<std::int8_t>> traits;  // 1, 0 or -1 a row

  [[nodiscard]] tensors::TensorFile to_file() const;  // features as F32
  // Errors: no tensor `features` [n, H] with n, H > 0; metadata missing; labels of another length
  // or with another value.
  [[nodiscard]] static Result<FeatureFile> from_file(const tensors::TensorFile& file,
                                                     const std::string& source);
  [[nodiscard]] static Result<FeatureFile> load(const std::filesystem::path& file);
  [[nodiscard]] Result<void> save(const std::filesystem::path& file) const;
};

// Rows with trait 1 and rows with trait 0. Error: the file has no such trait, or one side is empty.
struct TraitSides {
  Features with, without;
};
[[nodiscard]] Result<TraitSides> sides_of(const FeatureFile& file, const std::string& trait);

// Splits labelled rows within each class: about `held_share` of each go to `held`, at least one of
// each class to either side. The same seed gives the same split everywhere. Error: unlabelled, a
// class with fewer than two rows, a share outside (0, 1).
struct Split {
  Features fit_x, held_x;
  std::vector<std::uint8_t> fit_y, held_y;
};
[[nodiscard]] Result<Split> split_rows(const FeatureFile& file, double held_share,
                                       std::uint64_t seed);

}  // namespace phaseguard::probe
