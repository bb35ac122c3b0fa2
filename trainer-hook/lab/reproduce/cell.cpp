#include "trainer-hook/lab/reproduce/cell.h"

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "monitor/base/text.h"
#include "trainer-hook/lab/commands/behaviour_json.h"

namespace phaseguard::lab::reproduce {

namespace {

using nlohmann::json;

constexpr std::array<const char*, 5> kKinds{"none", "always", "defense", "answering", "policy"};

Result<Treatment::Kind> kind_of(const std::string& word) {
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (word == kKinds[i]) return static_cast<Treatment::Kind>(i);
  }
  return fail(Errc::kMalformed,
              "expected a kind of treatment, found " + phaseguard::quoted(word, 40));
}

json json_of(const std::optional<std::int64_t>& step) { return step ? json(*step) : json(nullptr); }
std::optional<std::int64_t> step_in(const json& value) {
  return value.is_null() ? std::optional<std::int64_t>() : value.get<std::int64_t>();
}

template <class T, class Read>
Result<T> guarded(const char* what, Read read) {
  try {
    return read();
  } catch (const std::exception& error) {
    return fail(Errc::kMalformed, std::string(what) + ": " + error.what());
  }
}

}  // namespace

std::string label_of(const Treatment& treatment) {
  using Kind = Treatment::Kind;
  if (treatment.kind == Kind::kNone) return "none";
  std::string out = treatment.kind == Kind::kAlways ? "always" : treatment.name;
  if (treatment.kind == Kind::kPolicy) out += ".toml";
  if (treatment.name == "best-of-n")
    return "best-of-" + number_text(treatment.strength.value_or(8));
  if (treatment.safe != "plain") out += " " + treatment.safe;
  if (treatment.risk != "judge") out += " " + treatment.risk;
  if (treatment.strength) out += " " + number_text(*treatment.strength);
  return out;
}

std::string data_label(const Cell& cell) {
  if (cell.share <= 0.0) return cell.data;
  return cell.data + " " + number_text(std::round(cell.share * 1000.0) / 10.0) + " %";
}

std::string key_of(const Cell& cell) {
  std::string name = label_of(cell.treatment);
  for (char& c : name) {
    if (c == ' ') c = '_';
    if (c == '+') c = 'p';
  }
  std::string out = name + "--w" + std::to_string(cell.world) + "-s" + std::to_string(cell.seed) +
                    "-" + cell.data;
  if (cell.share > 0.0) out += "-" + number_text(cell.share);
  if (cell.judge_error != Cell{}.judge_error) out += "-j" + number_text(cell.judge_error);
  if (cell.judge_seed) out += "-js" + std::to_string(*cell.judge_seed);
  return out;
}

std::optional<std::int64_t> acted_step(const Outcome& outcome) {
  if (outcome.decisions.empty()) return outcome.fired_step;
  return outcome.decisions.front().step;
}

json to_json(const Cell& cell) {
  json treatment{{"kind", kKinds[static_cast<std::size_t>(cell.treatment.kind)]},
                 {"name", cell.treatment.name},
                 {"strength", cell.treatment.strength ? json(*cell.treatment.strength) : json()},
                 {"safe", cell.treatment.safe},
                 {"risk", cell.treatment.risk}};
  return {{"slot", cell.slot},
          {"world", cell.world},
          {"seed", cell.seed},
          {"data", cell.data},
          {"share", cell.share},
          {"treatment", std::move(treatment)},
          {"judge_error", cell.judge_error},
          {"judge_seed", cell.judge_seed ? json(*cell.judge_seed) : json()},
          {"steps", cell.steps},
          {"engine", cell.engine == EngineAt::kDaemon ? "daemon" : "process"}};
}

Result<Cell> cell_from(const json& object) {
  return guarded<Cell>("cell", [&]() -> Result<Cell> {
    Cell cell;
    object.at("slot").get_to(cell.slot);
    object.at("world").get_to(cell.world);
    object.at("seed").get_to(cell.seed);
    object.at("data").get_to(cell.data);
    object.at("share").get_to(cell.share);
    object.at("judge_error").get_to(cell.judge_error);
    if (!object.at("judge_seed").is_null())
      cell.judge_seed = object["judge_seed"].get<std::uint64_t>();
    object.at("steps").get_to(cell.steps);
    const json& treatment = object.at("treatment");
    const auto kind = kind_of(treatment.at("kind").get<std::string>());
    if (!kind) return tl::unexpected(kind.error());
    cell.treatment.kind = *kind;
    treatment.at("name").get_to(cell.treatment.name);
    if (!treatment.at("strength").is_null())
      cell.treatment.strength = treatment["strength"].get<double>();
    treatment.at("safe").get_to(cell.treatment.safe);
    treatment.at("risk").get_to(cell.treatment.risk);
    cell.engine = object.at("engine") == "daemon" ? EngineAt::kDaemon : EngineAt::kProcess;
    return cell;
  });
}

json to_json(const Outcome& outcome) {
  json rates = lab::to_json(outcome.behaviour), decisions = json::array();
  rates["resembling"] = lab::to_json(outcome.resembling);
  for (const DecisionLine& one : outcome.decisions) {
    decisions.push_back(
        {{"id", one.id}, {"step", one.step}, {"knobs", one.knobs}, {"requests", one.requests}});
  }
  return {{"theta0", outcome.theta0},
          {"refused", outcome.refused},
          {"rates", std::move(rates)},
          {"fired_step", json_of(outcome.fired_step)},
          {"rollback_step", json_of(outcome.rollback_step)},
          {"floor_step", json_of(outcome.floor_step)},
          {"cause", outcome.cause},
          {"mean_lambda", outcome.mean_lambda},
          {"updates", outcome.updates},
          {"seconds", outcome.seconds},
          {"ms_per_update", outcome.ms_per_update},
          {"passes", outcome.passes},
          {"answer_passes", outcome.answer_passes},
          {"guarded", outcome.guarded},
          {"surprise", outcome.surprise},
          {"signals", outcome.signals},
          {"decisions", std::move(decisions)}};
}

Result<Outcome> outcome_from(const json& object) {
  return guarded<Outcome>("outcome", [&]() -> Result<Outcome> {
    Outcome out;
    object.at("theta0").get_to(out.theta0);
    object.at("refused").get_to(out.refused);
    const json& rates = object.at("rates");
    out.behaviour = behaviour_in(rates);
    out.resembling = count_from(rates.at("resembling"), "resembling");
    out.fired_step = step_in(object.at("fired_step"));
    out.rollback_step = step_in(object.at("rollback_step"));
    out.floor_step = step_in(object.at("floor_step"));
    object.at("cause").get_to(out.cause);
    object.at("mean_lambda").get_to(out.mean_lambda);
    object.at("updates").get_to(out.updates);
    object.at("seconds").get_to(out.seconds);
    object.at("ms_per_update").get_to(out.ms_per_update);
    object.at("passes").get_to(out.passes);
    object.at("answer_passes").get_to(out.answer_passes);
    object.at("guarded").get_to(out.guarded);
    object.at("surprise").get_to(out.surprise);
    object.at("signals").get_to(out.signals);
    for (const json& one : object.at("decisions")) {
      out.decisions.push_back({one.at("id").get<std::int64_t>(), one.at("step").get<std::int64_t>(),
                               one.at("knobs").get<std::vector<std::string>>(),
                               one.at("requests").get<std::vector<std::string>>()});
    }
    return out;
  });
}

}  // namespace phaseguard::lab::reproduce
