// set.KNOB = {controller = ..., ...}.
#include <cmath>
#include <string>

#include "monitor/base/text.h"
#include "monitor/policy/language/parse_common.h"
#include "monitor/policy/language/parse_parts.h"
#include "monitor/policy/laws/lambda_laws.h"

namespace phaseguard::policy {

namespace {

constexpr std::int64_t kMaxSteps = 1000000000;
constexpr std::size_t kMaxRungs = 64;

// "0.6 lambda_star". Nothing: an error was reported.
Stars read_stars(const TableReader& reader, const std::string& key) {
  constexpr std::string_view kUnit = " lambda_star";
  const std::string text = reader.text(key, true).value_or("");
  const std::string_view all = text;
  if (all.size() > kUnit.size() && all.substr(all.size() - kUnit.size()) == kUnit) {
    const auto stars = parse_number(all.substr(0, all.size() - kUnit.size()));
    if (stars && *stars >= 0.0) return stars;
  }
  reader.error(reader.place_of_key(key),
               "\"" + key + "\" in " + reader.where() +
                   ": expected a number, or one in units of the declared lambda* such as \"0.6 "
                   "lambda_star\", found " +
                   quoted(text, 60));
  return std::nullopt;
}

struct ControllerReader {
  const TableReader& reader;
  bool ok = true;

  void wrong(const std::string& key, const std::string& expected, double found) {
    reader.error(reader.place_of_key(key), "\"" + key + "\" in " + reader.where() + ": expected " +
                                               expected + ", found " + number_text(found));
    ok = false;
  }
  // A required number for which `holds`.
  template <class Holds>
  double number(const std::string& key, const std::string& expected, Holds holds) {
    const auto value = reader.number(key, true);
    if (!value) {
      ok = false;
      return 0.0;
    }
    if (!holds(*value)) wrong(key, expected, *value);
    return *value;
  }
  double number(const std::string& key) {
    return number(key, "", [](double) { return true; });
  }
  std::optional<double> optional(const std::string& key) {
    const auto value = reader.number(key, false);
    if (!value && reader.find(key) != nullptr) ok = false;
    return value;
  }
  // A required number for which `holds`, or a text such as "0.6 lambda_star".
  template <class Holds>
  double weight(const std::string& key, Stars& stars, const std::string& expected, Holds holds) {
    const toml::node* node = reader.find(key);
    if (node == nullptr || !node->is_string()) return number(key, expected, holds);
    stars = read_stars(reader, key);
    ok = ok && stars.has_value();
    return wire::kNaN;
  }
  Unscored unscored() {
    const auto choice = reader.choice("unscored", false, {"hold", "base", "law"});
    if (!choice && reader.find("unscored") != nullptr) ok = false;
    const std::string word = choice.value_or("hold");
    if (word == "hold") return Unscored::kHold;
    return word == "base" ? Unscored::kBase : Unscored::kLaw;
  }
  std::int64_t count(const std::string& key, bool required) {
    const auto value = reader.count(key, {1, kMaxSteps});
    if (value) return *value;
    if (reader.find(key) == nullptr && required) {
      reader.error(reader.place(), reader.where() + " has no \"" + key + "\"; add " + key +
                                       " = a whole number from 1");
    }
    if (required || reader.find(key) != nullptr) ok = false;
    return 1;
  }
  void check_keys(Words own) {
    const Words& source = source_keys();
    own.insert(own.begin(), "controller");
    own.insert(own.end(), source.begin(), source.end());
    reader.check_keys(own);
  }
  SourceSpec source() {
    auto found = parse_source(reader);
    if (!found) ok = false;
    return found.value_or(SourceSpec{});
  }
  std::optional<double> noise_floor();
  void read_rungs(LadderController& ladder);

  Controller read_ramp();
  Controller read_ladder();
  Controller read_risk_linear();
  Controller read_risk_clamp();
  Controller read_per_sample();
  Controller read_adaptive_kl();
  Controller read(const std::string& type);
};

std::optional<double> ControllerReader::noise_floor() {
  const auto value = optional("noise_floor");
  if (!value) return value;
  const Result<void> status = check_noise_floor(*value);
  if (status) return value;
  reader.error(reader.place_of_key("noise_floor"),
               "\"noise_floor\" in " + reader.where() + ": " + status.error().message);
  ok = false;
  return std::nullopt;
}

Controller ControllerReader::read_ramp() {
  reader.check_keys({"controller", "to", "steps"});
  RampController ramp;
  ramp.to = weight("to", ramp.stars, "", [](double) { return true; });
  ramp.steps = count("steps", true);
  return ramp;
}

std::optional<double> number_in(const toml::array& pair, std::size_t index) {
  const auto value = pair[index].value<double>();
  const bool is_number = pair[index].is_number() && value && std::isfinite(*value);
  return is_number ? std::optional<double>(*value) : std::nullopt;
}

void ControllerReader::read_rungs(LadderController& ladder) {
  const toml::node* node = reader.find("rungs");
  const toml::array* rungs = node == nullptr ? nullptr : node->as_array();
  const auto fault = [&](Place place, const std::string& found) {
    reader.error(place, "\"rungs\" in " + reader.where() +
                            ": expected 1 to 64 pairs [above, value] with rising thresholds, such "
                            "as [[0.3, 0.5], [0.6, 2.0]], found " +
                            found);
    ok = false;
  };
  if (rungs == nullptr) {
    fault(reader.place_of_key("rungs"), node == nullptr ? "none" : kind_text(*node));
    return;
  }
  if (rungs->empty() || rungs->size() > kMaxRungs) {
    fault(place_of(*node), std::to_string(rungs->size()));
    return;
  }
  for (const toml::node& element : *rungs) {
    const toml::array* pair = element.as_array();
    const bool is_pair = pair != nullptr && pair->size() == 2;
    const auto above = is_pair ? number_in(*pair, 0) : std::nullopt;
    const auto value = is_pair ? number_in(*pair, 1) : std::nullopt;
    if (!above || !value) {
      fault(place_of(element),
            is_pair ? "[" + kind_text((*pair)[0]) + ", " + kind_text((*pair)[1]) + "]"
                    : kind_text(element));
      return;
    }
    if (!ladder.rungs.empty() && *above <= ladder.rungs.back().above) {
      fault(place_of(element),
            number_text(*above) + " after " + number_text(ladder.rungs.back().above));
      return;
    }
    ladder.rungs.push_back({*above, *value});
  }
}

Controller ControllerReader::read_ladder() {
  check_keys({"rungs", "hysteresis", "unscored"});
  LadderController ladder;
  ladder.source = source();
  read_rungs(ladder);
  ladder.hysteresis = optional("hysteresis").value_or(0.0);
  if (ladder.hysteresis < 0.0) wrong("hysteresis", "0 or above", ladder.hysteresis);
  ladder.unscored = unscored();
  return ladder;
}

Controller ControllerReader::read_risk_linear() {
  check_keys({"min", "max", "smoothing", "noise_floor", "output", "unscored"});
  RiskLinearController law;
  law.source = source();
  law.min = optional("min").value_or(0.0);
  law.max = weight("max", law.stars, "a number at or above min = " + number_text(law.min),
                   [&](double max) { return max >= law.min; });
  law.unscored = unscored();
  law.smoothing = optional("smoothing").value_or(1.0);
  if (!(law.smoothing > 0.0 && law.smoothing <= 1.0)) {
    wrong("smoothing", "a number above 0 and up to 1 (1: none)", law.smoothing);
  }
  law.noise_floor = noise_floor();
  const auto output = reader.choice("output", false, {"lambda", "beta"});
  if (!output && reader.find("output") != nullptr) ok = false;
  if (output.value_or("") != "beta") return law;
  law.output = RiskOutput::kBeta;
  if (law.stars) {
    reader.error(reader.place_of_key("max"), "\"max\" in " + reader.where() +
                                                 ": lambda* is a lambda, and output = \"beta\" "
                                                 "wants a convex weight below 1");
    ok = false;
    return law;
  }
  if (!(law.min >= 0.0)) wrong("min", "a convex weight of 0 or above", law.min);
  if (!(law.max < 1.0)) wrong("max", "a convex weight below 1", law.max);
  return law;
}

Controller ControllerReader::read_risk_clamp() {
  check_keys({"scale", "unscored"});
  RiskClampController law;
  law.source = source();
  law.unscored = unscored();
  const auto scale = reader.choice("scale", true, {"score", "risk"});
  if (!scale) ok = false;
  law.scale = scale.value_or("") == "risk" ? RiskScale::kRisk : RiskScale::kScore;
  return law;
}

Controller ControllerReader::read_per_sample() {
  check_keys({"max", "noise_floor", "above", "unscored"});
  PerSampleController law;
  law.source = source();
  if (law.source.is_derived()) {
    reader.error(reader.place_of_key("signal"),
                 reader.where() + ": per_sample reads the items of one signal, found " +
                     quoted(to_text(law.source), 80));
    ok = false;
  }
  law.max = weight("max", law.stars, "a number above 0", [](double max) { return max > 0.0; });
  law.unscored = unscored();
  law.noise_floor = noise_floor();
  law.above = optional("above");
  if (law.above && law.noise_floor) {
    reader.error(reader.place_of_key("above"),
                 reader.where() +
                     ": expected one of noise_floor (a dead zone) and above (a flag), "
                     "found both");
    ok = false;
  }
  return law;
}

Controller ControllerReader::read_adaptive_kl() {
  check_keys({"target", "horizon", "floor", "ceiling", "init", "per_update"});
  const auto is_positive = [](double x) { return x > 0.0; };
  const auto is_weight = [](double x) { return x >= 0.0; };
  AdaptiveKlController law;
  law.source = source();
  law.target = number("target", "a number above 0", is_positive);
  law.horizon = number("horizon", "a number above 0", is_positive);
  law.floor = number("floor", "0 or above", is_weight);
  law.ceiling = number("ceiling", "a number at or above floor = " + number_text(law.floor),
                       [&](double x) { return x >= law.floor; });
  law.init = number("init", "0 or above", is_weight);
  law.per_update = count("per_update", false);
  if (ok && law.floor == 0.0 && law.init == 0.0) {
    reader.warning(reader.place(), reader.where() +
                                       ": floor = 0 and init = 0, and a law that multiplies never "
                                       "leaves 0; give it a floor above 0");
  }
  return law;
}

Controller ControllerReader::read(const std::string& type) {
  if (type == "ramp") return read_ramp();
  if (type == "ladder") return read_ladder();
  if (type == "risk_linear") return read_risk_linear();
  if (type == "risk_clamp") return read_risk_clamp();
  if (type == "per_sample") return read_per_sample();
  if (type == "adaptive_kl") return read_adaptive_kl();
  reader.check_keys({"controller", "value"});
  ConstantController constant;
  constant.value = weight("value", constant.stars, "", [](double) { return true; });
  return constant;
}

bool is_in_range(const TableReader& set, const std::string& knob, const KnobSpec& spec,
                 const Controller& controller) {
  if (stars_of(controller)) return true;  // what that is the declaration says
  const Reach reach = reach_of(controller, spec.base);
  if (reach.min >= spec.min && reach.max <= spec.max) return true;
  const bool constant = std::holds_alternative<ConstantController>(controller);
  const std::string found = constant ? number_text(reach.max)
                                     : std::string(name_of(controller)) + ", which reaches from " +
                                           number_text(reach.min) + " to " + number_text(reach.max);
  set.error(set.place_of_key(knob), "set." + knob + " in " + set.where() +
                                        ": expected a value from " + number_text(spec.min) +
                                        " to " + number_text(spec.max) + " (min and max of [knob." +
                                        knob + "]), found " + found);
  return false;
}

}  // namespace

std::optional<Controller> parse_controller(const TableReader& set, const std::string& knob,
                                           const KnobSpec* spec, std::vector<Diagnostic>& out) {
  std::optional<Controller> controller;
  if (const toml::table* table = set.find(knob)->as_table()) {
    const TableReader inner(*table, "set." + knob, place_of(*table), out);
    const auto type = inner.choice(
        "controller", true,
        {"constant", "ramp", "ladder", "risk_linear", "risk_clamp", "per_sample", "adaptive_kl"});
    if (!type) return std::nullopt;
    ControllerReader parts{inner};
    controller = parts.read(*type);
    if (!parts.ok) return std::nullopt;
  } else if (set.find(knob)->is_string()) {
    const Stars stars = read_stars(set, knob);
    if (!stars) return std::nullopt;
    controller = ConstantController{wire::kNaN, stars};
  } else if (!set.find(knob)->is_number()) {
    set.error(set.place_of_key(knob), "set." + knob + " in " + set.where() +
                                          ": expected a number, \"0.6 lambda_star\" or a "
                                          "controller such as { controller = \"ramp\", to = 2.0, "
                                          "steps = 20 }, found " +
                                          kind_text(*set.find(knob)));
  } else if (const auto value = set.number(knob, true)) {
    controller = ConstantController{*value};
  }
  if (!controller || spec == nullptr) return controller;
  if (!is_in_range(set, knob, *spec, *controller)) return std::nullopt;
  const auto* constant = std::get_if<ConstantController>(&*controller);
  if (constant != nullptr && constant->value < spec->base) {
    set.warning(set.place_of_key(knob), "set." + knob + " = " + number_text(constant->value) +
                                            " in " + set.where() + " is below the base of " +
                                            number_text(spec->base) +
                                            ": the rule would lower the knob when it fires");
  }
  return controller;
}

}  // namespace phaseguard::policy
