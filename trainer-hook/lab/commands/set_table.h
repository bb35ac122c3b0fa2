// What a theta0 is good for: what its gates ask for, and what each data set looks like to the judge
// and under theta0 before step 0. Trainer's thread; no gradient.
#pragma once

#include <string>
#include <vector>

#include "trainer-hook/lab/loop/persona.h"
#include "trainer-hook/lab/model/evaluate.h"

namespace phaseguard::lab {

// One line for each gate that is missed, with what to do.
[[nodiscard]] std::vector<std::string> gate_advice(const Gates& gates);

// Of 64 samples of each named set: the judge's mean (wrong in 15 %), the persona ratio in nats and
// the share of samples that it flags, L (nats of each answer's most surprising token) and
// lambda* = 2 / L, the KL weight at which that token is no longer learned.
[[nodiscard]] std::string set_table(const Transformer& model, const World& world,
                                    std::uint64_t seed, PersonaKind persona);

}  // namespace phaseguard::lab
