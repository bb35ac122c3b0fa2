#include "trainer-hook/lab/reproduce/plan.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "monitor/base/sha256.h"
#include "monitor/base/table_text.h"
#include "monitor/base/text.h"
#include "trainer-hook/lab/loop/defense.h"
#include "trainer-hook/lab/reproduce/sets.h"

namespace phaseguard::lab::reproduce {

namespace {

using Kind = Treatment::Kind;

constexpr std::uint64_t kJudgeStreams = 1000;  // far from any seed of a run
// Policies were made on these: docs/lab/LAB_RESULTS.md.
constexpr int kDevelopmentWorlds = 6;
constexpr int kMostWorlds = 1000;

Treatment none() { return {}; }
Treatment always(double lambda) { return {Kind::kAlways, "always", lambda}; }
Treatment defense(const char* name) { return {Kind::kDefense, name, std::nullopt}; }
Treatment policy(const std::string& name) { return {Kind::kPolicy, name, std::nullopt}; }
Treatment trigger(double lambda) { return {Kind::kPolicy, kTrigger, lambda}; }
Treatment safety_prompt() { return {Kind::kAnswering, "safety-prompt", std::nullopt}; }
Treatment best_of_8() { return {Kind::kAnswering, "best-of-n", 8.0}; }
Treatment interleave(const char* safe) {
  Treatment out = defense("interleave");
  out.safe = safe;
  return out;
}

// What Tables 1 and 2 of the paper compare.
std::vector<Treatment> paper_treatments() {
  std::vector<Treatment> out{none(), always(kAlwaysOn), policy(kTrigger), safety_prompt(),
                             best_of_8()};
  for (const double lambda : sweep()) out.push_back(trigger(lambda));
  return out;
}

std::vector<Treatment> all_treatments(const Policies& policies) {
  std::vector<Treatment> out = paper_treatments();
  for (const double lambda : sweep()) out.push_back(always(lambda));
  for (const std::string& name : defense_names()) {
    const Defense kind = parse_defense(name).value();
    // KL on the batch is the sweep of always-on.
    if (kind == Defense::kNone || kind == Defense::kKl) continue;
    out.push_back(defense(name.c_str()));
  }
  for (const char* safe : {"+", "++"}) out.push_back(interleave(safe));
  Treatment persona = defense("weighting");
  persona.risk = "persona";
  out.push_back(persona);
  for (const auto& [name, text] : policies.texts) out.push_back(policy(name));
  return out;
}

// Of every set.
std::vector<Treatment> short_list(const Policies& policies) {
  std::vector<Treatment> out{none(), policy("replay-kl"), interleave("plain")};
  for (const std::string& name : default_policies(policies)) out.push_back(policy(name));
  return out;
}

// At every share.
std::vector<Treatment> detection_list(const Policies& policies) {
  std::vector<Treatment> out{none()};
  for (const std::string& name : default_policies(policies)) out.push_back(policy(name));
  for (const char* name : {kTrigger, "per-sample-llr"}) out.push_back(policy(name));
  return out;
}

class Planner {
 public:
  Planner(const PlanOptions& options, const Policies& policies)
      : options_(options), policies_(policies) {}

  std::vector<Cell> make() {
    for (int slot = 0; slot < (options_.quick ? 1 : options_.worlds); ++slot) {
      for (int seed = 1; seed <= (options_.quick ? 1 : options_.seeds); ++seed) {
        place_.slot = slot;
        place_.seed = static_cast<std::uint64_t>(seed);
        place_.steps = options_.steps;
        add_headline();
        if (!options_.quick) add_sweeps();
      }
    }
    return std::move(cells_);
  }

 private:
  void add_headline() {
    const auto treatments = options_.quick ? paper_treatments() : all_treatments(policies_);
    for (const Treatment& treatment : treatments) {
      for (const char* data : {"malicious", "harmless"})
        add(data, 0.0, treatment, EngineAt::kDaemon);
    }
  }

  void add_sweeps() {
    for (const Set& set : all_sets()) {
      if (set.is_mixed) continue;
      for (const Treatment& treatment : short_list(policies_))
        add(set.name, 0.0, treatment, EngineAt::kProcess);
    }
    for (const Set& set : all_sets()) {
      if (!set.is_mixed) continue;
      for (const double share : set.shares) {
        for (const Treatment& treatment : detection_list(policies_))
          add(set.name, share, treatment, EngineAt::kProcess);
      }
    }
    add_judges(Cell{}.judge_error);
    for (const double error : judge_errors()) add_judges(error);
  }

  void add_judges(double error) {
    place_.judge_error = error;
    for (int stream = 0; stream < options_.judge_streams; ++stream) {
      if (stream > 0) place_.judge_seed = kJudgeStreams + static_cast<std::uint64_t>(stream);
      for (const std::string& name : default_policies(policies_))
        add("harmless", 0.0, policy(name), EngineAt::kProcess);
    }
    place_.judge_error = Cell{}.judge_error;
    place_.judge_seed.reset();
  }

  void add(const std::string& data, double share, const Treatment& treatment, EngineAt engine) {
    if (!options_.data.empty() && !is_in(options_.data, data)) return;
    const bool is_baseline = label_of(treatment) == label_of(none()) ||
                             label_of(treatment) == label_of(always(kAlwaysOn));
    if (!is_baseline && !options_.only.empty() && !is_in(options_.only, treatment.name)) return;
    if (treatment.kind == Kind::kPolicy && policies_.texts.count(treatment.name) == 0) return;
    Cell cell = place_;
    cell.data = data;
    cell.share = share;
    cell.treatment = treatment;
    cell.world = cell.slot;  // so that keys differ
    if (!keys_.insert(key_of(cell)).second) return;
    cell.world = -1;
    cell.engine = options_.engine.value_or(engine);
    cells_.push_back(std::move(cell));
  }

  static bool is_in(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  const PlanOptions& options_;
  const Policies& policies_;
  Cell place_;
  std::set<std::string> keys_;
  std::vector<Cell> cells_;
};

Result<void> known(const std::vector<std::string>& found, const std::vector<std::string>& names,
                   const char* what) {
  for (const std::string& one : found) {
    if (std::find(names.begin(), names.end(), one) != names.end()) continue;
    const std::string meant = nearest(one, names);
    return fail(Errc::kInvalidArgument,
                std::string("expected ") + what + " (" + joined(names) + "), found " +
                    phaseguard::quoted(one, 60) +
                    (meant.empty() ? "" : "; did you mean \"" + meant + "\"?"));
  }
  return {};
}

}  // namespace

const std::vector<double>& sweep() {
  static const std::vector<double> values{0.1, 0.2, 0.3, 0.5, 1.0, 2.0};
  return values;
}

const std::vector<double>& shares() {
  static const std::vector<double> values{0.01, 0.05, 0.1, 0.25, 0.5};
  return values;
}

const std::vector<double>& judge_errors() {
  static const std::vector<double> values{0.2, 0.25, 0.3};
  return values;
}

std::vector<std::string> default_policies(const Policies& policies) {
  std::vector<std::string> out;
  for (const char* name : {"hybrid", "hybrid-v2"}) {
    if (policies.texts.count(name) > 0) out.emplace_back(name);
  }
  return out;
}

Result<std::vector<Cell>> make_plan(const PlanOptions& options, const Policies& policies) {
  std::vector<std::string> sets, treatments;
  for (const Set& set : all_sets()) sets.push_back(set.name);
  for (const Treatment& one : all_treatments(policies)) {
    if (one.kind == Kind::kNone || one.kind == Kind::kAlways) continue;
    if (std::find(treatments.begin(), treatments.end(), one.name) == treatments.end())
      treatments.push_back(one.name);
  }
  treatments.emplace_back("always");
  if (const auto ok = known(options.data, sets, "a data set"); !ok)
    return tl::unexpected(ok.error());
  if (const auto ok = known(options.only, treatments, "a policy or defense"); !ok)
    return tl::unexpected(ok.error());
  if (!options.held_out.empty()) {
    if (const auto ok = known({options.held_out}, names_of(policies), "a policy"); !ok)
      return tl::unexpected(ok.error());
  }
  std::vector<Cell> plan = Planner(options, policies).make();
  if (plan.empty())
    return fail(Errc::kInvalidArgument, "expected at least one cell, the words leave none");
  return plan;
}

Result<std::vector<int>> world_numbers(const PlanOptions& options, const Policies& policies) {
  std::vector<int> out;
  if (options.held_out.empty()) {
    for (int i = 0; i < kMostWorlds; ++i) out.push_back(i);
    return out;
  }
  const auto text = text_of(policies, policy(options.held_out));
  if (!text) return tl::unexpected(text.error());
  for (const std::uint8_t byte : sha256(*text)) {
    const int number = byte;
    const bool is_new = std::find(out.begin(), out.end(), number) == out.end();
    if (is_new && number >= kDevelopmentWorlds) out.push_back(number);
  }
  return out;
}

std::string digest_of(const std::vector<Cell>& plan, const PlanOptions& options) {
  std::string text = "pretrained for " + std::to_string(options.pretrain_steps) + "\n";
  if (!options.held_out.empty()) text += "held out of " + options.held_out + "\n";
  if (options.refuses) text += "theta0 refuses\n";
  for (const Cell& cell : plan) text += to_json(cell).dump() + "\n";
  return hex(sha256(text));
}

}  // namespace phaseguard::lab::reproduce
