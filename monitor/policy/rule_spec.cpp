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

struct UnscoredOf {
  std::optional<Unscored> operator()(const ConstantController&) const { return {}; }
  std::optional<Unscored> operator()(const RampController&) const { return {}; }
  std::optional<Unscored> operator()(const AdaptiveKlController&) const { return {}; }
  template <class OfBatches>
  std::optional<Unscored> operator()(const OfBatches& controller) const {
    return controller.unscored;
  }
};

struct StarsOf {
  Stars operator()(const LadderController&) const { return {}; }
  Stars operator()(const RiskClampController&) const { return {}; }
  Stars operator()(const AdaptiveKlController&) const { return {}; }
  template <class Relative>
  Stars operator()(const Relative& controller) const {
    return controller.stars;
  }
};

struct PutStars {
  double star;

  void operator()(ConstantController& c) const { c.value = *c.stars * star; }
  void operator()(RampController& c) const { c.to = *c.stars * star; }
  void operator()(RiskLinearController& c) const { c.max = *c.stars * star; }
  void operator()(PerSampleController& c) const { c.max = *c.stars * star; }
  template <class Absolute>
  void operator()(Absolute&) const {}
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

std::optional<Unscored> unscored_of(const Controller& controller) {
  return std::visit(UnscoredOf{}, controller);
}

const char* name_of(Unscored choice) {
  constexpr std::array<const char*, 3> kNames{"hold", "base", "law"};
  return kNames[static_cast<std::size_t>(choice)];
}

Stars stars_of(const Controller& controller) { return std::visit(StarsOf{}, controller); }

void resolve_stars(Controller& controller, double star) {
  if (stars_of(controller)) std::visit(PutStars{star}, controller);
}

Reach reach_of(const Controller& controller, double base) {
  return std::visit(ReachOf{base}, controller);
}

const char* name_of(WithoutSnapshot choice) {
  constexpr std::array<const char*, 4> kNames{"reference", "pause", "stop", "nothing"};
  return kNames[static_cast<std::size_t>(choice)];
}

std::int64_t votes_of(const RuleSpec& rule) {
  std::int64_t votes = rule.groups.empty() ? static_cast<std::int64_t>(rule.of.size()) : 0;
  for (std::size_t i = 0; i < rule.groups.size(); ++i) votes += rule.groups[i] == i ? 1 : 0;
  return votes;
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
