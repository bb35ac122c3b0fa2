// Snapshots whose hash is right and whose content is not: refused with a message, and the machine
// stays as it was.
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "monitor/base/sha256.h"
#include "monitor/policy/engine/machine_state.h"
#include "monitor/policy/engine/snapshot.h"
#include "monitor/policy/engine/tracks/joins.h"
#include "tests/policy/support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

constexpr std::size_t kHex = 64;
constexpr double kHigh = 0.9;

// Every kind of law that keeps a ring, a join, a ladder, a request, a constant.
const std::string kPolicy = R"(version = 1
name = "forged"
[knob.kl]
base = 0.0
max = 4.0
[detector.rate]
signal = "pair/a"
type = "rate"
window = 3
above = 0.5
[detector.zscore]
signal = "pair/a"
type = "zscore"
window = 3
above = 9
[detector.gap]
signal = "pair/a"
minus = "pair/b"
type = "level"
above = 0.5
[detector.dist]
signal = "canary/first_token"
type = "window_js"
window = 1
above = 0.5
[rule.trip]
of = ["gap"]
latch = true
set.kl = 1.0
request = "checkpoint"
[rule.steps]
of = ["rate"]
set.kl = { controller = "ladder", signal = "pair/a", rungs = [[0.5, 0.5], [0.75, 1.0]], hysteresis = 0.0 }
)";

wire::Hello forged_hello() {
  wire::Hello hello = usual_hello();
  hello.signals.push_back(signal_decl("pair/a"));
  hello.signals.push_back(signal_decl("pair/b"));
  wire::SignalDecl decl = signal_decl("canary/first_token");
  decl.items = wire::Items::kDistribution;
  decl.columns = 2;
  hello.signals.push_back(decl);
  return hello;
}

// At step 20: rings are full, the rule has tripped, one member of step 20 has come.
Run lively() {
  Run run(kPolicy, forged_hello());
  for (std::int64_t step = 5; step <= 15; step += 5) {
    run.at(step, {{"pair/a", kHigh}, {"pair/b", 0.1}});
    wire::Report report;
    wire::Sample sample;
    sample.signal = "canary/first_token";
    sample.value = 0.0;
    sample.items = {0.5, 0.5, 1.0, 0.0};
    report.samples = {sample};
    run.say(report, step);
  }
  run.at(20, {{"pair/a", kHigh}});
  return run;
}

MachineState state_of(const Run& run) {
  MachineState state;
  state.document = run.machine.document();
  const auto read = decode_state(run.machine.snapshot(), state);
  REQUIRE(read);
  return state;
}

std::string sealed(const std::string& body) {
  const std::string hash = hex(sha256(body));
  return body + hash;
}

void check_refused(Run& run, const std::string& bytes, const std::string& message) {
  const std::string before = run.machine.snapshot();
  const auto read = run.machine.restore(bytes);
  REQUIRE_FALSE(read);
  CHECK(read.error().message.find(message) != std::string::npos);
  CHECK(run.machine.snapshot() == before);
}

const char* const kNotThisPolicy = "the snapshot does not hold this policy's state";

TEST_CASE("a snapshot cut at every byte and sealed again is refused", "[policy][hostile]") {
  Run run = lively();
  const std::string bytes = run.machine.snapshot();
  const std::string body = bytes.substr(0, bytes.size() - kHex);
  REQUIRE(run.machine.restore(sealed(body)));
  for (std::size_t size = 0; size < body.size(); ++size) {
    Run fresh = run;
    const auto read = fresh.machine.restore(sealed(body.substr(0, size)));
    INFO("cut at " << size << " of " << body.size());
    REQUIRE_FALSE(read);
    REQUIRE_FALSE(read.error().message.empty());
    if (size % 257 == 0) CHECK(fresh.machine.snapshot() == bytes);
  }
  for (const std::size_t more : {1, 7, 8, 800}) {
    check_refused(run, sealed(body + std::string(more, '\0')), kNotThisPolicy);
  }
}

TEST_CASE("a snapshot of another policy, sealed anew, names both digests", "[policy][hostile]") {
  Run run = lively();
  MachineState state = state_of(run);
  state.document.digest = std::string(kHex, 'a');
  check_refused(run, encode_state(state), "of another policy: expected digest");
  check_refused(run, "", "expected a snapshot of a policy machine");
  check_refused(run, std::string(kHex, 'a'), "expected a snapshot of a policy machine");
  check_refused(run, sealed("phaseguard-machine 4\n"), "expected a snapshot of a policy machine");
}

using Forge = std::function<void(MachineState&)>;

void check_forged(const std::vector<Forge>& forges) {
  Run run = lively();
  for (std::size_t i = 0; i < forges.size(); ++i) {
    MachineState state = state_of(run);
    forges[i](state);
    INFO("forgery " << i);
    check_refused(run, encode_state(state), kNotThisPolicy);
  }
}

// Tracks in the order of the declaration: pair/a, pair/b, canary/first_token after the usual five,
// then the difference.
constexpr std::size_t kA = 5;
constexpr std::size_t kDifference = 8;

TEST_CASE("forged lists: of another length than the policy's", "[policy][hostile]") {
  check_forged({[](MachineState& s) { s.detectors.pop_back(); },
                [](MachineState& s) { s.track_of.push_back(0); },
                [](MachineState& s) { s.least_points.clear(); },
                [](MachineState& s) { s.rules.resize(3); },
                [](MachineState& s) { s.knobs.clear(); },
                [](MachineState& s) { s.rules[0].controllers.clear(); },
                [](MachineState& s) { s.tracks[kDifference].partials.pop_back(); },
                [](MachineState& s) { s.tracks[kDifference].partials[0].values.pop_back(); },
                [](MachineState& s) { s.tracks[kDifference].partials[0].qualities.clear(); }});
}

TEST_CASE("forged indices: out of range", "[policy][hostile]") {
  const auto big = std::numeric_limits<std::int64_t>::max();
  check_forged({[](MachineState& s) { s.track_of[0] = -2; },
                [&](MachineState& s) { s.track_of[0] = big; },
                [](MachineState& s) { s.track_of[0] = 9; },  // there are nine
                [](MachineState& s) { s.tracks[kA].watchers[0] = -1; },
                [](MachineState& s) { s.tracks[kA].watchers[0] = 4; },
                [](MachineState& s) { s.tracks[kA].joins[0] = 9; },
                [](MachineState& s) { s.tracks[kDifference].members[1] = -1; },
                [](MachineState& s) { s.tracks[kDifference].members[1] = 9; },
                [](MachineState& s) { s.tracks[kDifference].waiting = -1; },
                [](MachineState& s) { s.tracks[kDifference].waiting = kMaxPartials + 1; },
                [](MachineState& s) { s.tracks[kA].waiting = 1; },  // has no partials
                [](MachineState& s) { s.rules[1].controllers[0].track = -2; },
                [](MachineState& s) { s.rules[1].controllers[0].track = 9; },
                [](MachineState& s) { s.rules[1].controllers[0].rung = -2; },
                [](MachineState& s) { s.rules[1].controllers[0].rung = 2; },
                [](MachineState& s) { s.rules[0].controllers[0].rung = 0; },  // no ladder
                [](MachineState& s) { s.knobs[0].cause_rule = -1; },
                [](MachineState& s) { s.knobs[0].cause_rule = 2; },
                [](MachineState& s) { s.requests.at(0).rule = -1; },
                [](MachineState& s) { s.requests.at(0).rule = 2; }});
}

TEST_CASE("forged joins: a series that would tell itself", "[policy][hostile]") {
  check_forged({[](MachineState& s) { s.tracks[kDifference].joins = {kDifference}; },
                [](MachineState& s) { s.tracks[kDifference].joins = {kA}; }});
}

TEST_CASE("forged rings: places that are not there", "[policy][hostile]") {
  check_forged({[](MachineState& s) { s.detectors[0].law.next = 3; },
                [](MachineState& s) { s.detectors[0].law.next = -1; },
                [](MachineState& s) { s.detectors[0].law.values.pop_back(); },
                [](MachineState& s) { s.detectors[0].law.steps.push_back(1); },
                [](MachineState& s) { s.detectors[1].law.next = 3; },
                [](MachineState& s) { s.detectors[1].law.values.push_back(1.0); },
                [](MachineState& s) { s.detectors[3].law.next = 2; },
                [](MachineState& s) { s.detectors[3].law.values.pop_back(); },
                [](MachineState& s) { s.detectors[3].law.steps.push_back(1); },
                [](MachineState& s) {
                  s.detectors[3].law.columns = 0;
                  s.detectors[3].law.next = 1;
                }});
}

TEST_CASE("edges that are sound: the last place, no series, no rung", "[policy]") {
  Run run = lively();
  const std::vector<Forge> sound = {[](MachineState& s) { s.track_of[0] = -1; },
                                    [](MachineState& s) { s.track_of[0] = 8; },
                                    [](MachineState& s) { s.rules[1].controllers[0].track = -1; },
                                    [](MachineState& s) { s.rules[1].controllers[0].track = 8; },
                                    [](MachineState& s) { s.rules[1].controllers[0].rung = -1; },
                                    [](MachineState& s) { s.rules[1].controllers[0].rung = 1; },
                                    [](MachineState& s) { s.detectors[0].law.next = 2; },
                                    [](MachineState& s) { s.detectors[3].law.next = 1; },
                                    [](MachineState& s) { s.tracks[kDifference].waiting = 0; },
                                    [](MachineState& s) {
                                      for (PartialJoin& partial : s.tracks[kDifference].partials) {
                                        partial = s.tracks[kDifference].partials[0];
                                      }
                                      s.tracks[kDifference].waiting = kMaxPartials;
                                    },
                                    [](MachineState& s) { s.knobs[0].cause_rule = 1; },
                                    [](MachineState& s) { s.requests.at(0).rule = 1; },
                                    [](MachineState& s) {
                                      s.knobs[0].cause = MovedBy::kBase;
                                      s.knobs[0].cause_rule = -1;
                                    }};
  for (std::size_t i = 0; i < sound.size(); ++i) {
    MachineState state = state_of(run);
    sound[i](state);
    Run fresh = run;
    INFO("edge " << i);
    const std::string bytes = encode_state(state);
    REQUIRE(fresh.machine.restore(bytes));
    CHECK(fresh.machine.snapshot() == bytes);
    fresh.at(20, {{"pair/b", 0.1}});
    fresh.at(25, {{"pair/a", kHigh}, {"pair/b", 0.1}});
    CHECK(fresh.machine.state_version() >= run.machine.state_version());
  }
}

TEST_CASE("numbers that name no enumerator are read as the first one", "[policy][hostile]") {
  Run run = lively();
  MachineState state = state_of(run);
  state.tracks[kA].quality = static_cast<Quality>(3);
  state.tracks[kA].form = static_cast<TrackForm>(9);
  state.rules[1].mode = static_cast<RuleMode>(200);
  state.knobs[0].cause = static_cast<MovedBy>(4);
  REQUIRE(run.machine.restore(encode_state(state)));
  const MachineState read = state_of(run);
  CHECK(read.tracks[kA].quality == Quality{});
  CHECK(read.tracks[kA].form == TrackForm::kValue);
  CHECK(read.rules[1].mode == RuleMode::kQuiet);
  CHECK(read.knobs[0].cause == MovedBy::kBase);
}

// Each word of the bytes replaced by what a count, an index or a step might be at its worst.
TEST_CASE("any word forged: refused, or restored and shown", "[policy][hostile]") {
  const Run run = lively();
  const std::string bytes = run.machine.snapshot();
  const std::string body = bytes.substr(0, bytes.size() - kHex);
  const std::size_t start = body.find('\n') + 1 + kHex;
  std::size_t accepted = 0, refused = 0;
  for (std::size_t at = start; at + 8 <= body.size(); at += 4) {
    for (const std::uint64_t word : {std::uint64_t{1} << 31, ~std::uint64_t{0}, std::uint64_t{3}}) {
      std::string forged = body;
      std::memcpy(forged.data() + at, &word, 8);
      Run fresh = run;
      if (!fresh.machine.restore(sealed(forged))) {
        ++refused;
        continue;
      }
      ++accepted;
      REQUIRE(fresh.machine.settings().size() == 1);
      REQUIRE(fresh.machine.detector_evidence().size() == 4);
      REQUIRE(fresh.machine.rule_evidence().size() == 2);
    }
  }
  CHECK(accepted > 100);
  CHECK(refused > 100);
}

}  // namespace
}  // namespace phaseguard::policy
