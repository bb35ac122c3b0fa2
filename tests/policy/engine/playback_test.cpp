// A policy over the events of a run: live as a daemon plays it, and again from what that recorded.
#include "monitor/policy/engine/playback.h"

#include <cmath>

#include "tests/policy/rules_support.h"
#include "tests/support/catch.h"

namespace phaseguard::policy {
namespace {

constexpr double kLow = 0.1;
constexpr double kHigh = 0.9;

// Plays events and records them with what they lead to, as the daemon does.
class Recorded {
 public:
  explicit Recorded(const std::string& toml) : document_(must_parse(toml)) {
    put(rules_hello(), 0);
    playback = *Playback::create(document_, messages.back());
    put(describe(document_, rules_hello()), 0);
  }

  void take(wire::Body body, std::int64_t step) {
    put(std::move(body), step);
    auto decision = playback.on(messages.back());
    if (decision) put(std::move(*decision), step);
  }
  void measure(std::int64_t step, double value) {
    wire::Report report;
    report.samples.resize(1);
    report.samples[0].signal = "s/0";
    report.samples[0].value = value;
    take(std::move(report), step);
  }
  void resume() {
    ++attempt;
    take(rules_hello(), 0);
  }
  void roll_back(std::int64_t step) {
    wire::Applied applied;
    applied.segment = 1;
    take(std::move(applied), step);
  }

  std::vector<wire::Message> messages;
  Playback playback;
  std::int64_t attempt = 1;

 private:
  void put(wire::Body body, std::int64_t step) {
    wire::Message message;
    message.header.seq = Seq{static_cast<std::int64_t>(messages.size()) + 1};
    message.header.step = Step{step};
    message.header.attempt = attempt;
    message.body = std::move(body);
    messages.push_back(std::move(message));
  }

  Document document_;
};

// Fires, is quiet, is rolled back, fires again, in a second attempt too.
Recorded eventful(const std::string& toml) {
  Recorded run(toml);
  run.measure(5, kLow);
  run.measure(10, kHigh);
  run.measure(15, kLow);
  run.roll_back(5);
  run.measure(10, kHigh);
  run.resume();
  run.measure(5, kLow);
  run.measure(10, kHigh);
  run.take(wire::Goodbye{wire::GoodbyeReason::kFinished, ""}, 10);
  return run;
}

const std::string kRule = one_rule("latch = false\nset.kl = 1.0\nalert = \"high\"\n");
const std::string kAtStart = head() + "[rule.r]\nwhen = \"always\"\nset.kl = 1.0\n";

const wire::Decision* decision_in(const wire::Message& message) {
  return std::get_if<wire::Decision>(&message.body);
}

TEST_CASE("a record followed gives the decisions that were recorded", "[policy][replay]") {
  const Recorded run = eventful(kRule);
  Playback again;
  std::optional<wire::Decision> decided;
  std::size_t decisions = 0;
  wire::Header last;
  for (const wire::Message& message : run.messages) {
    const wire::Decision* recorded = decision_in(message);
    if (recorded == nullptr) {
      CHECK_FALSE(decided);  // was recorded
      last = message.header;
      decided = *again.follow(message);
      continue;
    }
    ++decisions;
    REQUIRE(decided);
    CHECK(decided->id == recorded->id);
    CHECK(decided->summary == recorded->summary);
    CHECK(again.event().seq == recorded->because);
    CHECK(again.event().seq == last.seq);
    CHECK(again.event().step == message.header.step);
    CHECK_FALSE(*again.follow(message));  // an answer, not an event
    CHECK(again.event().seq == last.seq);
    decided.reset();
  }
  CHECK(decisions == 6);
  REQUIRE(again.machine() != nullptr);
  CHECK(again.machine()->snapshot() == run.playback.machine()->snapshot());
}

TEST_CASE("a decision given to on() changes nothing", "[policy]") {
  Recorded run = eventful(kRule);
  const std::string before = run.playback.machine()->snapshot();
  const Seq newest = run.playback.event().seq;
  for (const wire::Message& message : run.messages) {
    if (decision_in(message) != nullptr) CHECK_FALSE(run.playback.on(message));
  }
  CHECK(run.playback.event().seq == newest);
  CHECK(run.playback.machine()->snapshot() == before);
}

TEST_CASE("nothing is decided before a policy has begun", "[policy]") {
  const Recorded run = eventful(kRule);
  Playback idle;
  for (const wire::Message& message : run.messages) CHECK_FALSE(idle.on(message));
  CHECK(idle.machine() == nullptr);
  Playback waiting;
  for (const wire::Message& message : run.messages) {
    if (std::holds_alternative<wire::PolicyLoaded>(message.body)) continue;
    CHECK_FALSE(*waiting.follow(message));
  }
  CHECK(waiting.machine() == nullptr);
}

TEST_CASE("what the first hello leads to is the opening, and counts where it is not recorded",
          "[policy][replay]") {
  Recorded run(kAtStart);
  REQUIRE(run.playback.opening());
  CHECK(run.playback.opening()->id == 1);
  CHECK(run.playback.opening()->because == Seq{1});
  CHECK(run.playback.machine()->settings().at(0).value == 1.0);
  run.take(wire::Goodbye{wire::GoodbyeReason::kFinished, ""}, 5);
  REQUIRE(decision_in(run.messages.back()) != nullptr);
  CHECK(decision_in(run.messages.back())->id == 2);

  Playback again;
  CHECK_FALSE(*again.follow(run.messages[0]));
  CHECK_FALSE(*again.follow(run.messages[1]));
  CHECK(again.opening());
  CHECK(again.event().seq == Seq{2});
  const auto closing = again.follow(run.messages[2]);
  REQUIRE(closing->has_value());
  CHECK((*closing)->id == 2);
  CHECK_FALSE(Recorded(kRule).playback.opening());
}

TEST_CASE("a recorded policy begins with the newest hello before it", "[policy][replay]") {
  const Recorded run(kRule);
  wire::Message second = run.messages[0];
  second.header.attempt = 2;
  second.header.seq = Seq{2};
  auto& hello = std::get<wire::Hello>(second.body);
  hello.knobs[0].max = 2.0;
  Playback playback;
  CHECK_FALSE(*playback.follow(run.messages[0]));
  CHECK_FALSE(*playback.follow(second));
  CHECK_FALSE(*playback.follow(run.messages[1]));
  const Playback expected = *Playback::create(must_parse(kRule), second);
  CHECK(playback.machine()->snapshot() == expected.machine()->snapshot());
  const Playback other = *Playback::create(must_parse(kRule), run.messages[0]);
  CHECK(playback.machine()->snapshot() != other.machine()->snapshot());
}

TEST_CASE("a record is followed with its own constants, a given policy has this machine's",
          "[policy][replay]") {
  const Document document = must_parse(asset("hybrid"));
  wire::Message hello;
  hello.header.seq = Seq{1};
  hello.header.attempt = 1;
  hello.body = usual_hello();
  wire::PolicyLoaded loaded = describe(document);
  REQUIRE(loaded.detectors.at(0).constants.size() == 1);
  double& alpha = loaded.detectors[0].constants[0];
  const double here = alpha;
  alpha = std::nextafter(alpha, 1.0);
  wire::Message policy;
  policy.header.seq = Seq{2};
  policy.body = loaded;
  Playback recorded;
  REQUIRE(recorded.follow(hello));
  REQUIRE(recorded.follow(policy));
  const auto alpha_of = [](const Playback& playback) {
    return describe(playback.machine()->document()).detectors[0].constants[0];
  };
  CHECK(alpha_of(recorded) == loaded.detectors[0].constants[0]);
  CHECK(alpha_of(*Playback::create(document, hello)) == here);
}

TEST_CASE("a recorded policy that cannot be played is refused by the place it has",
          "[policy][hostile]") {
  const Recorded run(kRule);
  const auto refused = [&](const wire::Message& policy, bool declared = true) {
    Playback playback;
    if (declared) REQUIRE(playback.follow(run.messages[0]));
    const auto followed = playback.follow(policy);
    REQUIRE_FALSE(followed);
    CHECK(playback.machine() == nullptr);
    return followed.error();
  };
  wire::Message policy = run.messages[1];
  Error error = refused(policy, false);
  CHECK(error.code == Errc::kMalformed);
  CHECK(error.message == "the policy at seq 2 comes before any declaration of a trainer");

  auto& loaded = std::get<wire::PolicyLoaded>(policy.body);
  const std::string text = loaded.text;
  loaded.text = "version = 9\n";
  error = refused(policy);
  CHECK(error.code == Errc::kUnsupported);
  CHECK(error.message.rfind("the policy at seq 2 cannot be read by this program: ", 0) == 0);

  loaded.text = text + "# another\n";
  CHECK(refused(policy).message.rfind("the policy at seq 2: the recorded policy is not this one",
                                      0) == 0);

  Document misfit =
      must_parse(head() + detector("d", "s/none") + "[rule.r]\nof = [\"d\"]\n" + "set.kl = 1.0\n");
  loaded = describe(misfit);
  const std::string found = refused(policy).message;
  CHECK(found.rfind("the policy at seq 2: policy \"t\" does not fit this trainer: ", 0) == 0);
  CHECK(found.find("s/none") != std::string::npos);
  const Result<void> fit = fits(misfit, rules_hello());
  REQUIRE_FALSE(fit);
  CHECK(found == "the policy at seq 2: " + fit.error().message);
  CHECK(fits(must_parse(kRule), rules_hello()));
}

}  // namespace
}  // namespace phaseguard::policy
