// A batch that waits for the value of its own report, and a daemon that is late, gone, or never
// gave the trainer a guard.
#include <cmath>

#include "tests/held/pair.h"

using namespace phaseguard;
using namespace phaseguard::test;

namespace {

// kl follows the judge of each batch, 0 to 2.
std::string law(const std::string& link_loss = "local") {
  return R"(version = 1
name = "law"
mode = "enforce"

[knob.kl]
base = 0.0
min = 0.0
max = 4.0

[rule.follow]
when = "always"
set.kl = { controller = "risk_linear", signal = "judge/score", max = 2.0 }

[on]
link_loss = ")" +
         link_loss + "\"\n";
}

// A latched rule at 0.5 beside the law.
std::string law_with_trip() {
  std::string text = law();
  text.insert(text.find("[on]"), R"([detector.judge]
signal = "judge/score"
type = "level"
above = 0.9

[rule.trip]
of = ["judge"]
latch = true
set.kl = 0.5

)");
  return text;
}

// One value per sample, 2 where the score is above 0.5.
std::string weights() {
  std::string text = law();
  const std::string whole = R"({ controller = "risk_linear", signal = "judge/score", max = 2.0 })";
  const std::string each =
      R"({ controller = "per_sample", signal = "judge/score", above = 0.5, max = 2.0 })";
  text.replace(text.find(whole), whole.size(), each);
  return text;
}

bool near(double a, double b) { return std::fabs(a - b) < 1e-12; }

Pair linked(const std::string& policy) {
  Pair pair(policy);
  pair.declaration().knobs[0].per_sample = true;
  pair.declaration().signals[0].items = wire::Items::kSample;
  pair.start();
  pair.pass(0.5);
  REQUIRE(pair.link() == reporter::LinkState::kLinked);
  return pair;
}

}  // namespace

TEST_CASE("the daemon says which batch gave a value, and of which values none did",
          "[held][batch]") {
  Pair pair = linked(law_with_trip());
  const reporter::Latched first = pair.decide(0.5);
  REQUIRE(first.answered);
  CHECK(near(first.value, 1.0));
  CHECK(first.knobs[0].batch == 1);
  CHECK(pair.decide(0.25).knobs[0].batch == 2);
  REQUIRE(near(pair.decide(0.95).value, 1.9));
  CHECK(near(pair.decide(0.1).value, 0.5));  // what the trip holds is of no batch
  CHECK(pair.latched().knobs[0].batch == -1);
  for (const wire::Decision& decision : pair.recorded<wire::Decision>()) {
    for (const wire::KnobSetting& setting : decision.knobs) CHECK(setting.batch == -1);
  }
}

TEST_CASE("a batch whose answer is late gets the guard's value for it, up or down",
          "[held][batch]") {
  const bool killed = GENERATE(false, true);
  Pair pair = linked(law());
  REQUIRE(near(pair.decide(1.0).value, 2.0));
  if (killed) {
    pair.kill();
    pair.pass(0.5);
  } else {
    pair.freeze();
  }
  for (const double judge : {0.25, 0.75, 0.1}) {
    const reporter::Latched late = pair.decide(judge);
    INFO("killed: " << killed << ", judge " << judge);
    CHECK_FALSE(late.answered);
    CHECK(near(late.value, 2.0 * judge));
    CHECK(late.source == reporter::Source::kGuard);
    CHECK(near(pair.kl(), 2.0));  // who does not wait keeps what was commanded last
  }
}

TEST_CASE("a late batch's own value does not go below what is held", "[held][batch]") {
  const bool tripped = GENERATE(false, true);
  Pair pair = linked(law_with_trip());
  REQUIRE(near(pair.decide(0.2).value, 0.4));
  double floor = 0.75;
  if (tripped) {
    REQUIRE(near(pair.decide(0.95).value, 1.9));
    floor = 0.5;
  } else {
    REQUIRE(pair.command(forced(floor)).status == "logged");
  }
  pair.freeze();
  INFO("tripped: " << tripped);
  CHECK(near(pair.decide(0.05).value, floor));
  CHECK(near(pair.decide(0.6).value, 1.2));
}

TEST_CASE("nor below what was adopted, whoever gave the last value", "[held][batch]") {
  const double before = GENERATE(0.1, 0.9);  // the floor, or the law is above
  Pair pair(with_max("2.0"));
  pair.start();
  pair.updates(4, 0.1);
  pair.updates(2, 0.9);
  REQUIRE(pair.kl() == 0.5);
  pair.kill();
  pair.revive(kOtherRecord, 0, law());
  pair.pass(2.0);
  REQUIRE(pair.link() == reporter::LinkState::kLinked);
  REQUIRE(near(pair.decide(before).value, std::max(0.5, 2.0 * before)));
  pair.freeze();
  INFO("before " << before);
  CHECK(near(pair.decide(0.05).value, 0.5));
  CHECK(near(pair.decide(0.8).value, 1.6));
}

TEST_CASE("stalls of 0.6 s at each batch of a law do not ratchet", "[held][batch]") {
  Pair pair = linked(law());
  REQUIRE(near(pair.decide(0.5).value, 1.0));
  for (int i = 0; i < 20; ++i) {
    const double judge = i % 2 == 0 ? 0.9 : 0.1;
    pair.freeze();
    CHECK(near(pair.decide(judge).value, 2.0 * judge));
    pair.pass(0.6);
    pair.thaw();
    pair.pass(0.2);
    CHECK(near(pair.kl(), 2.0 * judge));
    CHECK(near(pair.decide(0.2).value, 0.4));
  }
}

TEST_CASE("without a guard a late batch gets the most of the last eight answers", "[held][batch]") {
  Pair pair = linked(law("hold"));
  REQUIRE(near(pair.decide(1.0).value, 2.0));
  REQUIRE(near(pair.decide(0.8).value, 1.6));
  for (int i = 0; i < 7; ++i) REQUIRE(near(pair.decide(0.1).value, 0.2));
  pair.freeze();
  const reporter::Latched late = pair.decide(0.1);
  CHECK_FALSE(late.answered);
  CHECK(near(late.value, 1.6));
  CHECK(late.source == reporter::Source::kHold);
  pair.thaw();
  pair.pass(0.2);
  CHECK(near(pair.kl(), 0.2));
}

TEST_CASE("a late batch gets the guard's value for each of its samples", "[held][batch]") {
  Pair pair = linked(weights());
  REQUIRE(pair.decide(0.5, {0.9, 0.1}).items == std::vector<double>{2.0, 0.0});
  pair.freeze();
  const reporter::Latched late = pair.decide(0.5, {0.1, 0.2, 0.9});
  CHECK(late.items == std::vector<double>{0.0, 0.0, 2.0});
  CHECK(near(late.value, 2.0 / 3.0));
  pair.thaw();
  pair.pass(0.2);
  REQUIRE(pair.command(forced(1.0)).status == "logged");
  pair.freeze();
  CHECK(pair.decide(0.5, {0.1, 0.9}).items == std::vector<double>{1.0, 2.0});
}

TEST_CASE("under a policy in shadow a late batch gets what is in force", "[held][batch]") {
  Pair pair = linked(shadow_of(law()));
  pair.freeze();
  CHECK(near(pair.decide(1.0).value, 0.0));
}
