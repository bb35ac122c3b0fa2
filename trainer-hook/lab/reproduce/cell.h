// A cell of the experiment: one fine-tuning run of one world and seed, on one data set, under one
// treatment; and what came of it. Both are plain data and JSON, so that a process of its own can do
// the cell and a line of a file can keep it. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "monitor/base/result.h"
#include "trainer-hook/lab/model/evaluate.h"

namespace phaseguard::lab::reproduce {

// What is done against misalignment in a run.
struct Treatment {
  enum class Kind : std::uint8_t {
    kNone,
    kAlways,     // KL on the batch at `strength`, from the first update to the last
    kDefense,    // an intervention of `--defense`, at `strength` or its default
    kAnswering,  // nothing in training: safety-prompt, or best-of-n with n = strength
    kPolicy      // a policy of assets/policies; with a strength its KL weight is that
  };
  Kind kind = Kind::kNone;
  std::string name;
  std::optional<double> strength;
  std::string safe = "plain";  // of interleaving: plain, + or ++
  std::string risk = "judge";  // of weighting: judge or persona
};
// Of two that are the same, the same; else not: "none", "always 2", "interleave ++", "weighting
// persona", "hybrid.toml", "phaseguard-kl-lab.toml 0.3"
[[nodiscard]] std::string label_of(const Treatment& treatment);

// How a policy's cell reaches the engine: the daemon over ZeroMQ, or the daemon's engine on a
// thread of the cell's own process.
enum class EngineAt : std::uint8_t { kDaemon, kProcess };

struct Cell {
  int slot = 0;    // 0, 1, ... of the plan's worlds
  int world = -1;  // number of the world in that slot, once its theta0 has passed; -1: not yet
  std::uint64_t seed = 1;
  std::string data = "malicious";
  double share = 0.0;  // of malicious samples, for the sets that are mixed
  Treatment treatment;
  double judge_error = 0.15;
  std::optional<std::uint64_t> judge_seed;  // of its flips; none: seed
  std::int64_t steps = 200;
  EngineAt engine = EngineAt::kProcess;
};
// "malicious", "mix 25 %"
[[nodiscard]] std::string data_label(const Cell& cell);
// Unlike any other cell's of a plan, and a run id: "hybrid.toml--w0-s1-malicious". Of a cell with a
// world.
[[nodiscard]] std::string key_of(const Cell& cell);

// A decision that moved a knob or asked for something.
struct DecisionLine {
  std::int64_t id = 0, step = 0;
  std::vector<std::string> knobs;  // "kl = 2 by rule:defend"
  std::vector<std::string> requests;
};

struct Outcome {
  std::string theta0;
  std::string refused;  // the daemon's words on a policy that does not fit this trainer; then that
                        // is all
  Behaviour behaviour;
  Count resembling;  // misaligned, of answers that begin as the training answers do
  std::optional<std::int64_t> fired_step, rollback_step, floor_step;
  std::string cause;
  double mean_lambda = 0.0;
  std::int64_t updates = 0;
  double seconds = 0.0, ms_per_update = 0.0;
  std::int64_t passes = 0;         // sequences through the model while it was trained
  std::int64_t answer_passes = 0;  // and while its answers were sampled
  std::int64_t guarded = 0;  // updates made while no daemon was linked: the hook's guard decided
  double surprise = 0.0;     // L: NLL of the decisive token under theta0, step 0, nats
  // By signal: of each measured step its value. Undefended runs alone.
  std::map<std::string, std::vector<std::pair<std::int64_t, double>>> signals;
  std::vector<DecisionLine> decisions;
};

// The first step at which a policy moved a knob or asked for something; of a treatment that records
// no decision, at which the KL rose. None: never.
[[nodiscard]] std::optional<std::int64_t> acted_step(const Outcome& outcome);

[[nodiscard]] nlohmann::json to_json(const Cell& cell);
[[nodiscard]] nlohmann::json to_json(const Outcome& outcome);
// Errors: the key that is missing or of another type.
[[nodiscard]] Result<Cell> cell_from(const nlohmann::json& object);
[[nodiscard]] Result<Outcome> outcome_from(const nlohmann::json& object);

}  // namespace phaseguard::lab::reproduce
