#include "monitor/policy/rule_spec.h"

#include <algorithm>
#include <array>

namespace phaseguard::policy {

namespace {

struct ReachOf {
  double base;

  Reach operator()(const ConstantController& c) const { return {c.value, c.value}; }
  Reach operator()(const RampController& c) const { return {c.to, c.to}; }
  Reach operator()(const LadderController& c) const {
    Reach reach{base, base};
    for (const Rung& rung : c.rungs) {
      reach.min = std::min(reach.min, rung.value);
      reach.max = std::max(reach.max, rung.value);
    }
    return reach;
  }
  Reach operator()(const RiskLinearController& c) const {
    const auto turned = [&](double x) { return c.output == RiskOutput::kBeta ? x / (1.0 - x) : x; };
    return {turned(c.min), turned(c.max)};
  }
  Reach operator()(const RiskClampController&) const { return {0.1 / 0.9, 0.9 / 0.1}; }
  Reach operator()(const PerSampleController& c) const { return {0.0, c.max}; }
  Reach operator()(const AdaptiveKlController& c) const { return {c.floor, c.ceiling}; }
};

struct SourceOf {
  const SourceSpec* operator()(const ConstantController&) const { return nullptr; }
  const SourceSpec* operator()(const RampController&) const { return nullptr; }
  template <class Watching>
  const SourceSpec* operator()(const Watching& controller) const {
    return &controller.source;
  }
};

}  // namespace

const char* name_of(const Controller& controller) {
  constexpr std::array<const char*, std::variant_size_v<Controller>> kNames{
      "constant", "ramp", "ladder", "risk_linear", "risk_clamp", "per_sample", "adaptive_kl"};
  return kNames[controller.index()];
}

const SourceSpec* source_of(const Controller& controller) {
  return std::visit(SourceOf{}, controller);
}

Reach reach_of(const Controller& controller, double base) {
  return std::visit(ReachOf{base}, controller);
}

const char* name_of(WithoutSnapshot choice) {
  constexpr std::array<const char*, 4> kNames{"reference", "pause", "stop", "nothing"};
  return kNames[static_cast<std::size_t>(choice)];
}

std::string when_of(const RuleSpec& rule) {
  switch (rule.gate) {
    case Gate::kAll:
      return "all";
    case Gate::kAny:
      return "any";
    case Gate::kNot:
      return "not";
    case Gate::kAlways:
      return "always";
    case Gate::kCount:
      break;
  }
  return std::to_string(rule.needed) + "_of_n";
}

}  // namespace phaseguard::policy
