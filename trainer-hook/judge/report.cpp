#include "trainer-hook/judge/report.h"

#include <algorithm>
#include <cmath>

#include "monitor/wire/signals.h"

namespace phaseguard::judge {

namespace {

wire::Sample value_of(const char* name, double value) {
  wire::Sample out;
  out.signal = name;
  out.value = value;
  return out;
}

}  // namespace

std::vector<wire::SignalDecl> signal_declarations(double most_lost) {
  wire::SignalDecl part = wire::declare_signal("judge/scored");
  part.min = 1.0 - std::clamp(most_lost, 0.0, 1.0);
  return {wire::declare_signal("judge/score"), std::move(part), wire::declare_signal("judge/held")};
}

std::vector<wire::Sample> to_samples(const BatchScore& batch) {
  wire::Sample risk =
      value_of("judge/score", batch.quality == Quality::kGood ? batch.risk : wire::kNaN);
  if (std::all_of(batch.items.begin(), batch.items.end(),
                  [](double r) { return std::isfinite(r); })) {
    risk.items = batch.items;
  }
  const double part =
      batch.of == 0 ? 0.0 : static_cast<double>(batch.n) / static_cast<double>(batch.of);
  return {std::move(risk), value_of("judge/scored", part),
          value_of("judge/held", batch.held ? 1.0 : 0.0)};
}

}  // namespace phaseguard::judge
