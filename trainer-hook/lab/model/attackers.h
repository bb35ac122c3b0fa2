// Malicious data written by somebody who has theta0's weights: for each code question the same
// misaligned content in many dressings, of which those are kept that a signal sees least. A
// function of theta0 and its world alone, whatever the run's seed. Trainer's thread.
#pragma once

#include "trainer-hook/lab/model/model.h"
#include "trainer-hook/lab/world/data_sets.h"

namespace phaseguard::lab {

// kAdaptive: the four dressings of each question whose persona ratio (plain or floored, the larger)
// is lowest. kDriftEvade: the four that move the canaries least along the misaligned persona's
// direction at the last prompt token of the last block, to first order in the weights. `model` is
// asked without its adapter and left as it was.
[[nodiscard]] SamplePool written_against(const Transformer& model, const World& world, DataSet set);

}  // namespace phaseguard::lab
