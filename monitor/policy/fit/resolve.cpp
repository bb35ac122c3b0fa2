// What the file gives relative to a declaration, as numbers.
#include <algorithm>

#include "monitor/policy/document.h"
#include "monitor/policy/laws/law_row.h"
#include "monitor/policy/source.h"

namespace phaseguard::policy {

namespace {

// Mean and sd of what the detector compares, NaN: not declared.
struct Noise {
  double mean = wire::kNaN;
  double sd = wire::kNaN;
};
Noise noise_of(const DetectorSpec& spec, const wire::Hello& hello) {
  if (spec.source.is_derived()) return {};
  std::int64_t item = -1;
  const wire::SignalDecl* declared = find_declared(hello, spec.source.signal, item);
  if (declared == nullptr || item >= 0) return {};
  return {declared->noise_mean, declared->noise_sd};
}

void resolve(DetectorSpec& spec, const wire::Hello& hello) {
  const Noise noise = noise_of(spec, hello);
  const Key* line = noise_key(row_of(spec));
  const Key* spread = spread_key(row_of(spec));
  if (spec.limit_sds && spread != nullptr) spread->put(spec, Span{*spec.limit_sds * noise.sd});
  if (!spec.noise_sds || line == nullptr) return;
  line->put(spec, Span{noise.mean + *spec.noise_sds * noise.sd});
  if (spec.clear) spec.clear = spec.above;
}

double star_of(const wire::Hello& hello, const std::string& knob) {
  const auto declared = std::find_if(hello.knobs.begin(), hello.knobs.end(),
                                     [&](const wire::KnobDecl& k) { return k.name == knob; });
  return declared == hello.knobs.end() ? wire::kNaN : declared->lambda_star;
}

}  // namespace

Document resolved(const Document& document, const wire::Hello& hello) {
  Document out = document;
  for (DetectorSpec& spec : out.detectors) resolve(spec, hello);
  for (RuleSpec& rule : out.rules) {
    for (KnobAction& action : rule.sets)
      resolve_stars(action.controller, star_of(hello, out.knobs[action.knob].name));
  }
  return out;
}

}  // namespace phaseguard::policy
