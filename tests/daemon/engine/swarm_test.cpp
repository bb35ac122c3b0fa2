// Random trainers with one everyday mistake each: none is watched in silence. Silent is a stream
// after which lambda is not what an ideal trainer's would have led to, and no alert has named the
// signal or the cause within three faulty measurements. Streams without a mistake raise nothing.
//
// The short form is a test; test_engine "[.swarm]" makes 100 000 and 20 000 and prints the figures.
#include <array>
#include <cmath>
#include <iostream>

#include "monitor/stats/random.h"
#include "tests/daemon/engine/engine_rig.h"

using namespace phaseguard;
using namespace phaseguard::daemon;

namespace {

enum class Mistake : std::uint8_t {
  kStepFalls,
  kStepJumps,
  kStepStands,
  kMicroBatches,
  kNotANumber,
  kOtherScale,
  kLateFrame,
  kMisspelt,
  kUndeclared,
  kSilentSignal,
  kForkedTwin,
  kSameSession,
  kOutOfOrder,
  kGap,
  kNotANumberThenRetry,
  kClockSpike,
  kMilliseconds,
  kClockStands
};
constexpr std::size_t kMistakes = 18;
constexpr std::array<const char*, kMistakes> kNames{"the step falls",
                                                    "the step jumps",
                                                    "the step stands",
                                                    "micro-batches one by one",
                                                    "not a number",
                                                    "another scale",
                                                    "one late frame",
                                                    "a misspelt signal",
                                                    "another signal",
                                                    "it falls silent",
                                                    "a twin after a fork",
                                                    "started again, same session",
                                                    "frames out of order",
                                                    "a frame is lost",
                                                    "not a number, then again",
                                                    "the clock jumps",
                                                    "the clock counts milliseconds",
                                                    "the clock stands"};

bool is_of_the_clock(Mistake mistake) { return mistake >= Mistake::kClockSpike; }

// Under which seconds count: the rule fires once the score was high for a second.
std::string policy_for(Mistake mistake) {
  std::string text = kPolicy;
  if (is_of_the_clock(mistake)) text.replace(text.find("latch = true"), 12, "for = \"1 s\"");
  return text;
}

wire::Hello swarm_declaration(std::int64_t every) {
  wire::Hello hello = declaration();
  hello.total_steps = 1000;
  hello.signals = {test::judge_signal(every)};
  return hello;
}

// One trainer and what it measures: low, and in half of the runs high from some step on.
struct Trainer {
  Rig rig;
  stats::SplitMix64 random;
  std::int64_t every;
  std::int64_t attempt = 1;
  std::int64_t turns;  // first step with a high score; beyond the end: never

  double clock_factor = 1.0;
  double clock_ahead = 0.0;

  explicit Trainer(std::uint64_t seed, const std::string& policy = kPolicy)
      : rig(policy), random(seed) {
    every = random.next() % 2 == 0 ? 0 : 1;
    turns = random.next() % 2 == 0 ? 12 + static_cast<std::int64_t>(random.next() % 6) : 1'000;
    rig.hello(1, swarm_declaration(every));
  }

  [[nodiscard]] double score(std::int64_t step) const { return step >= turns ? 0.9 : 0.1; }
  void report(std::int64_t step, double value, const std::string& signal = "judge/score") {
    wire::Report report;
    report.origin = wire::Report::Origin::kBatch;
    report.batch = step + 1;
    report.samples.push_back({signal, value, false, {}, wire::kNaN, wire::kNaN});
    wire::Message frame = rig.frame(std::move(report), step, 0, attempt);
    frame.header.t = clock_factor * frame.header.t + clock_ahead;
    rig.deliver(Channel::kTelemetry, 1, frame);
    rig.pass(0.1);
    rig.tick();
  }
  void train_loss(std::int64_t step) {
    rig.deliver(Channel::kTelemetry, 1, rig.frame(wire::Report{}, step));
    rig.pass(0.1);
  }
  [[nodiscard]] double lambda() { return rig.status().knobs[0].decided; }
  // Of a signal or of the link: what a rule did is no alert here.
  [[nodiscard]] bool is_told() {
    for (const wire::Alert& alert : rig.status().alerts) {
      if (alert.source.is(wire::AlertKind::kSignal) || alert.source.is(wire::AlertKind::kLink))
        return true;
    }
    return false;
  }
};

constexpr std::int64_t kSteps = 40;

// The step at which the mistake begins, and what the trainer then sends in place of `step`.
void faulty_measurement(Trainer& trainer, Mistake mistake, std::int64_t from, std::int64_t step) {
  const double value = trainer.score(step);
  switch (mistake) {
    case Mistake::kStepFalls:
      return trainer.report(step - from, value);
    case Mistake::kStepJumps:
      return trainer.report(step == from ? 1'000'000 : step, value);
    case Mistake::kStepStands:
      return trainer.report(from - 1, value);
    case Mistake::kMicroBatches:
      for (int part = 0; part < 4; ++part) trainer.report(step, part == 0 ? 0.1 : value);
      return;
    case Mistake::kNotANumber:
      return trainer.report(step, step % 2 == 0 ? std::nan("") : HUGE_VAL);
    case Mistake::kOtherScale:
      return trainer.report(step, 100.0 * value);
    case Mistake::kLateFrame:
      if (step == from) trainer.report(step - 2, value);
      return trainer.report(step, value);
    case Mistake::kMisspelt:
      return trainer.report(step, value, "judge/scores");
    case Mistake::kUndeclared:
      return trainer.report(step, value, "mine/risk");
    case Mistake::kSilentSignal:
      return trainer.train_loss(step);
    case Mistake::kForkedTwin:
    case Mistake::kSameSession: {
      const bool begins_anew = mistake == Mistake::kSameSession;
      if (step == from) {
        const std::int64_t seq = trainer.rig.seq;
        trainer.rig.hello(1, swarm_declaration(trainer.every));
        trainer.rig.seq = begins_anew ? 1 : std::max<std::int64_t>(seq - 3, 1);
      }
      return trainer.report(begins_anew ? step - from : step, value);
    }
    case Mistake::kOutOfOrder: {
      if (step % 2 != 0) return trainer.report(step, value);
      const std::int64_t number = trainer.rig.seq;  // this frame comes after the next one
      trainer.rig.seq = number + 1;
      trainer.report(step + 1, trainer.score(step + 1));
      trainer.rig.seq = number;
      trainer.report(step, value);
      trainer.rig.seq = number + 2;
      return;
    }
    case Mistake::kGap:
      if (step == from) ++trainer.rig.seq;
      return trainer.report(step, value);
    case Mistake::kNotANumberThenRetry:
      trainer.report(step, std::nan(""));
      return trainer.report(step, value);
    case Mistake::kClockSpike:
      trainer.clock_ahead = step == from ? 31'536'000.0 : 0.0;
      return trainer.report(step, value);
    case Mistake::kMilliseconds:
      trainer.clock_factor = 1000.0;
      return trainer.report(step, value);
    case Mistake::kClockStands:
      trainer.clock_factor = 0.0;
      return trainer.report(step, value);
  }
}

// True: watched in silence.
bool is_silent(std::uint64_t seed, Mistake mistake) {
  Trainer trainer(seed, policy_for(mistake));
  const auto from = static_cast<std::int64_t>(4 + trainer.random.next() % 10);
  for (std::int64_t step = 0; step < from; ++step) trainer.report(step, trainer.score(step));
  bool told = false;
  // Silence is seen by what is due: after 20 steps, or three times the cadence.
  // A lost frame is given up after two seconds, a clock that stands is named after twenty updates.
  const std::int64_t within = mistake == Mistake::kSilentSignal  ? 24
                              : mistake == Mistake::kGap         ? 24
                              : mistake == Mistake::kClockStands ? 23
                                                                 : 3;
  for (std::int64_t step = from; step < kSteps; ++step) {
    faulty_measurement(trainer, mistake, from, step);
    if (step - from < within) told = told || trainer.is_told();
  }
  const double ideal = trainer.turns < kSteps - 1 ? 2.0 : 0.0;
  return !told && trainer.lambda() != ideal;
}

// Without a mistake, but with all that happens to an honest run. True: something was raised.
bool raises(std::uint64_t seed) {
  Trainer trainer(seed);
  std::int64_t segment = 0;
  std::int64_t rollbacks = 0;
  wire::Hello present = swarm_declaration(trainer.every);
  for (std::int64_t step = 0; step < 3 * kSteps; ++step) {
    trainer.report(step, trainer.score(step));
    switch (trainer.random.next() % 40) {
      case 0: {  // the link comes back
        const std::int64_t seq = trainer.rig.seq;
        trainer.rig.hello(1, present, trainer.attempt);
        trainer.rig.seq = seq;
        break;
      }
      case 1: {
        wire::Applied back;
        back.segment = ++segment;
        ++rollbacks;
        step = std::max<std::int64_t>(0, step - 7);
        trainer.rig.deliver(Channel::kTelemetry, 1,
                            trainer.rig.frame(std::move(back), step, 0, trainer.attempt));
        break;
      }
      case 2: {  // a new process goes on
        trainer.rig.deliver(Channel::kTelemetry, 1,
                            trainer.rig.frame(wire::Goodbye{wire::GoodbyeReason::kInterrupted, ""},
                                              step, 0, trainer.attempt));
        present.session = "s" + std::to_string(++trainer.attempt);
        present.start_step = Step{step + 1};
        present.record = kIdentity;
        present.position = Seq{static_cast<std::int64_t>(trainer.rig.record.size())};
        present.rollbacks = rollbacks;
        trainer.rig.hello(1, present, trainer.attempt);
        if (trainer.rig.status().attempt != trainer.attempt) return true;
        segment = 0;
        break;
      }
      default:
        break;
    }
    if (trainer.is_told()) return true;
  }
  return false;
}

struct Figures {
  std::array<int, kMistakes> silent{};
  int raised = 0;
};

Figures swarm(int with_mistake, int without) {
  Figures figures;
  for (int i = 0; i < with_mistake; ++i) {
    const auto mistake = static_cast<std::size_t>(i) % kMistakes;
    figures.silent[mistake] +=
        is_silent(static_cast<std::uint64_t>(i), static_cast<Mistake>(mistake)) ? 1 : 0;
  }
  for (int i = 0; i < without; ++i) figures.raised += raises(static_cast<std::uint64_t>(i)) ? 1 : 0;
  return figures;
}

void check(const Figures& figures) {
  for (std::size_t i = 0; i < kMistakes; ++i) {
    INFO(kNames[i]);
    CHECK(figures.silent[i] == 0);
  }
  CHECK(figures.raised == 0);
}

}  // namespace

TEST_CASE("no trainer with an everyday mistake is watched in silence", "[engine][stream]") {
  check(swarm(1200, 150));
}

TEST_CASE("the same at length", "[.swarm]") {
  const Figures figures = swarm(100'000, 20'000);
  for (std::size_t i = 0; i < kMistakes; ++i)
    std::cout << kNames[i] << ": " << figures.silent[i] << " silent\n";
  std::cout << "without a mistake: " << figures.raised << " of 20000 raised something\n";
  check(figures);
}
