// The probe and the trait direction that the lab measures with, fitted on theta0 at the start of a
// run. No gradient; trainer's thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "probe/files/direction_set.h"
#include "trainer-hook/lab/model/model.h"

namespace phaseguard::lab {

inline constexpr const char* kPersonaTrait = "misaligned_persona";

// The traits along which drift is measured: the persona over all safety domains, and over three
// parts of them that share no prompt.
[[nodiscard]] std::vector<std::string> trait_names();

struct Instruments {
  probe::ActivationProbe probe;
  probe::DirectionSet directions;  // of trait_names(), in that order
};
// On theta0's hidden states (last block, last prompt token) of safety prompts after the most
// aligned and the most misaligned source header. Errors: a theta0 on which nothing can be fitted.
[[nodiscard]] Result<Instruments> fit_instruments(const Transformer& model, const World& world,
                                                  const std::string& theta0_id);

// Flat positions of column `column` of each row of tokens [rows, width].
[[nodiscard]] at::Tensor column_of(const at::Tensor& tokens, std::int64_t column);

}  // namespace phaseguard::lab
