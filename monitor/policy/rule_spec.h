// What the file says about knobs and rules. Part of document.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "monitor/policy/place.h"

namespace phaseguard::policy {

struct ConstantController {
  double value = 0.0;
};
using Controller = std::variant<ConstantController>;

struct KnobSpec {
  std::string name;
  double base = 0.0;
  double min = 0.0;
  double max = 0.0;
  std::optional<double> slew_per_step;  // bound on moves that are not a trip's; none: at once
  std::optional<double> substitute;     // for link_loss = "substitute"
  Place place;
};

struct KnobAction {
  std::size_t knob = 0;  // index into Document::knobs
  Controller controller;
};

enum class Gate : std::uint8_t { kAll, kAny, kCount };

struct RuleSpec {
  std::string name;
  Gate gate = Gate::kAll;
  std::int64_t needed = 1;      // votes; all: every detector, any: 1
  std::vector<std::size_t> of;  // indices into Document::detectors, no duplicates, not empty
  bool latch = false;
  std::vector<KnobAction> sets;
  std::vector<std::string> requests;  // "rollback" | "checkpoint" | "pause" | "stop"
  std::string alert;                  // "info" | "medium" | "high" | "critical" | ""
  Place place;
};

}  // namespace phaseguard::policy
