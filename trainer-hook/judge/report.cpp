#include "trainer-hook/judge/report.h"

#include <algorithm>
#include <cmath>

namespace phaseguard::judge {

namespace {

wire::SignalDecl share(const char* name) {
  wire::SignalDecl out;
  out.name = name;
  out.unit = "1";
  out.min = 0.0;
  out.max = 1.0;
  return out;
}

wire::Sample value_of(const char* name, double value) {
  wire::Sample out;
  out.signal = name;
  out.value = value;
  return out;
}

}  // namespace

std::vector<wire::SignalDecl> signal_declarations() {
  std::vector<wire::SignalDecl> out = {share("judge/score"), share("judge/scored"),
                                       share("judge/held")};
  out[0].items = "sample";
  return out;
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
