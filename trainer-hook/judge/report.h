// A batch's scores as the signals a hook sends. No LibTorch: any trainer that links the reporter
// can use it. Pure. C++17-clean.
#pragma once

#include <vector>

#include "monitor/wire/messages.h"
#include "trainer-hook/judge/score.h"

namespace phaseguard::judge {

// Share of a batch whose replies may be lost, above which the daemon is to say so.
inline constexpr double kMostLost = 0.2;

// The declarations that go into Hello::signals: judge/score (risk 0..1, items per sample),
// judge/scored (share of the batch that has a score) and judge/held (1: judge/score is the value of
// an earlier batch, standing in during an outage; else 0). judge/scored is declared as 1 -
// `most_lost` to 1: below it is out of range, and the third such batch in a row is an alert.
[[nodiscard]] std::vector<wire::SignalDecl> signal_declarations(double most_lost = kMostLost);

// The samples of one batch report (Report::Origin::kBatch), in that order. A BAD batch sends a NaN,
// which the daemon takes as BAD. judge/score carries its items only when every sample has one.
[[nodiscard]] std::vector<wire::Sample> to_samples(const BatchScore& batch);

}  // namespace phaseguard::judge
