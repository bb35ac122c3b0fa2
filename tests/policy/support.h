// What the policy tests share: a trainer's declaration, reports, and a run that numbers its events.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "monitor/policy/document.h"
#include "monitor/policy/engine/machine.h"
#include "tests/support/declared.h"
#include "tests/support/folder.h"
#include "tests/support/source_dir.h"

namespace phaseguard::policy {

inline wire::SignalDecl signal_decl(std::string name, std::int64_t every_steps = 5) {
  wire::SignalDecl decl;
  decl.name = std::move(name);
  decl.unit = "1";
  decl.every_steps = every_steps;
  return decl;
}

// kl with the meaning that the shipped policies ask for.
inline wire::KnobDecl lab_kl() {
  wire::KnobDecl kl = test::kl_knob();
  kl.site = wire::Site::kBatch;
  kl.direction = wire::Direction::kModelRef;
  kl.mask = wire::Mask::kAnswer;
  kl.normaliser = wire::Normaliser::kTokenMeanStep;
  kl.form = wire::Form::kAdditive;
  return kl;
}

// Cadence 5, knob kl 0..4, canaries a and b, every request.
inline wire::Hello usual_hello() {
  wire::Hello hello;
  hello.total_steps = 200;
  hello.cadence_steps = 5;
  hello.canary_ids = {"a", "b"};
  hello.knobs = {lab_kl()};
  wire::SignalDecl js = signal_decl("canary/js", 0);  // by Hello::cadence_steps
  js.unit = "nats";
  js.min = 0.0;
  js.max = kLn2 + 1e-6;
  js.items = wire::Items::kCanary;
  js.variant = "full";
  wire::SignalDecl margin = signal_decl("canary/margin");
  margin.unit = "nats";
  hello.signals = {js, margin, signal_decl("data/llr_share"), signal_decl("judge/score"),
                   signal_decl("train/loss", 1)};
  hello.requests = {wire::RequestType::kRollback, wire::RequestType::kCheckpoint,
                    wire::RequestType::kPause, wire::RequestType::kStop};
  return hello;
}

// What hybrid-v2 asks for beyond: the drift, the judged canaries, every signal's noise, the KL on
// replay alone and the samples' weighting.
inline void add_second_defense(wire::Hello& hello) {
  wire::SignalDecl drift = signal_decl("drift/persona");
  drift.unit = "sd";
  hello.signals.push_back(drift);
  hello.signals.push_back(signal_decl("canary/misaligned", 25));
  for (wire::SignalDecl& signal : hello.signals) {
    if (signal.name == "data/llr_share") signal.items = wire::Items::kSample;
    signal.noise_mean = 0.1;
    signal.noise_sd = 0.05;
  }
  wire::KnobDecl replay = hello.knobs[0];
  replay.name = "kl_replay";
  replay.site = wire::Site::kReplay;
  hello.knobs.push_back(replay);
  wire::KnobDecl weighting = test::kl_knob();
  weighting.name = "weighting";
  weighting.max = 1.0;
  weighting.per_sample = true;
  hello.knobs.push_back(weighting);
}

inline std::string asset(const std::string& name) {
  return test::read_file(test::source_dir() + "/assets/policies/" + name + ".toml");
}

inline Document must_parse(const std::string& toml) {
  Parsed parsed = parse(toml, "test.toml");
  std::string all;
  for (const Diagnostic& d : parsed.diagnostics) all += to_text(d, "test.toml") + "\n";
  if (!parsed.document) throw std::runtime_error("the test's policy does not parse:\n" + all);
  return *parsed.document;
}

using Values = std::vector<std::pair<std::string, double>>;

// Events of one run, numbered as a daemon would.
class Run {
 public:
  explicit Run(const std::string& toml, const wire::Hello& hello = usual_hello())
      : machine(*Machine::create(must_parse(toml), hello)) {
    say(hello, hello.start_step.value);
  }

  std::optional<wire::Decision> say(wire::Body body, std::int64_t step) {
    wire::Message message;
    message.header.seq = Seq{++seq};
    message.header.step = Step{step};
    message.header.attempt = attempt;
    message.header.t = t;
    message.body = std::move(body);
    auto decision = machine.on(message);
    if (record == nullptr) return decision;
    record->push_back(message);
    if (!decision) return decision;
    message.header.seq = Seq{++seq};
    message.body = *decision;
    record->push_back(message);
    return decision;
  }
  std::optional<wire::Decision> at(std::int64_t step, const Values& values) {
    wire::Report report;
    for (const auto& [name, value] : values) {
      wire::Sample sample;
      sample.signal = name;
      sample.value = value;
      report.samples.push_back(std::move(sample));
    }
    return say(report, step);
  }
  std::optional<wire::Decision> rolled_back_to(std::int64_t step) {
    wire::Applied applied;
    applied.segment = ++segment;
    return say(applied, step);
  }
  [[nodiscard]] double value() const { return machine.settings().at(0).value; }
  [[nodiscard]] std::string cause() const { return machine.settings().at(0).cause.text(); }
  [[nodiscard]] std::string rule_state(std::size_t i = 0) const {
    return machine.rule_evidence().at(i).state.text();
  }

  Machine machine;
  std::int64_t seq = 0;
  std::int64_t attempt = 1;
  std::int64_t segment = 0;
  double t = wire::Header{}.t;                   // the trainer's clock at the next event
  std::vector<wire::Message>* record = nullptr;  // gets events and decisions, as a daemon would
};

}  // namespace phaseguard::policy
