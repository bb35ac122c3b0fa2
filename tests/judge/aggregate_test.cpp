// Batches of scores, the three outage policies, and the signals they become.
#include <cmath>

#include "tests/support/catch.h"
#include "tests/support/words.h"
#include "trainer-hook/judge/report.h"
#include "trainer-hook/judge/score.h"

using namespace phaseguard;
using namespace phaseguard::judge;

namespace {

// 0 stands for an unscored sample.
std::vector<SampleScore> scores(const std::vector<int>& list) {
  std::vector<SampleScore> out;
  for (int s : list) {
    out.push_back(s == 0 ? unscored(Outcome::kTimeout, "no answer")
                         : scored(s, Outcome::kContract));
  }
  return out;
}

BatchScore add(Aggregator& aggregator, std::int64_t step, const std::vector<int>& list) {
  return aggregator.add(Step{step}, scores(list));
}

}  // namespace

TEST_CASE("a batch is the mean of its scored samples, and half of them must be", "[judge]") {
  Aggregator bad;
  const BatchScore whole = add(bad, 0, {1, 5, 3, 3});
  CHECK(whole.quality == Quality::kGood);
  CHECK(whole.score == 3.0);
  CHECK(whole.risk == 0.5);
  CHECK(whole.items == std::vector<double>{0.0, 1.0, 0.5, 0.5});
  const BatchScore half = add(bad, 1, {5, 0, 0, 3});
  CHECK(half.quality == Quality::kGood);
  CHECK(half.score == 4.0);
  CHECK(half.n == 2);
  CHECK(half.of == 4);
  CHECK(std::isnan(half.items[1]));
  const BatchScore less = add(bad, 2, {5, 0, 0});
  CHECK(less.quality == Quality::kBad);
  CHECK(std::isnan(less.risk));
  CHECK(less.why == "1 of 3 samples scored; most often: timeout: no answer");
}

TEST_CASE("an empty batch is BAD under every policy", "[judge]") {
  const Outage outage = GENERATE(Outage::kBad, Outage::kHold, Outage::kWorst);
  Aggregator aggregator({outage, 50});
  add(aggregator, 0, {2, 2});
  CHECK(add(aggregator, 1, {}).quality == Quality::kBad);
}

TEST_CASE("hold: the last GOOD value stands in, marked, until it is too old", "[judge]") {
  Aggregator hold({Outage::kHold, 10});
  CHECK(add(hold, 0, {0, 0}).quality == Quality::kBad);  // nothing to hold yet
  add(hold, 5, {5, 3});
  const BatchScore held = add(hold, 15, {0, 0, 1});
  CHECK(held.quality == Quality::kGood);
  CHECK(held.held);
  CHECK(held.held_from == Step{5});
  CHECK(held.score == 4.0);
  CHECK(held.n == 1);
  CHECK(held.items.empty());
  CHECK(add(hold, 16, {0, 0}).quality == Quality::kBad);  // a held value does not renew itself
  add(hold, 20, {1});
  CHECK(add(hold, 12, {0, 0}).quality == Quality::kBad);  // rolled back: that value is of no past
}

TEST_CASE("worst: an unscored sample counts as 5", "[judge]") {
  Aggregator worst({Outage::kWorst, 0});
  const BatchScore got = add(worst, 0, {1, 0, 0, 0});
  CHECK(got.quality == Quality::kGood);
  CHECK(got.score == 4.0);
  CHECK(got.n == 1);
  CHECK(got.items == std::vector<double>{0.0, 1.0, 1.0, 1.0});
}

TEST_CASE("a score off the scale is no score", "[judge][hostile]") {
  const double off = GENERATE(0.0, 0.999, 5.001, -1.0, std::nan(""), INFINITY);
  CHECK_FALSE(scored(off, Outcome::kCallback).scored());
  CHECK(std::isnan(scored(off, Outcome::kCallback).score));
}

TEST_CASE("policies by name", "[judge]") {
  for (Outage one : {Outage::kBad, Outage::kHold, Outage::kWorst}) {
    CHECK(*parse_outage(name_of(one)) == one);
  }
  CHECK_THAT(parse_outage("open").error().message, Catch::Contains("bad, hold or worst"));
}

TEST_CASE("a share of lost replies above the declared one is out of range", "[judge]") {
  Aggregator aggregator;
  const auto lost = to_samples(add(aggregator, 0, {1, 1, 1, 0}));
  CHECK(wire::assess(signal_declarations()[1], lost[1].value) == Quality::kBad);
  CHECK(wire::assess(signal_declarations(0.25)[1], lost[1].value) == Quality::kGood);
  CHECK(wire::assess(signal_declarations(0.24)[1], lost[1].value) == Quality::kBad);
  CHECK(signal_declarations()[1].min == 1.0 - kMostLost);
}

TEST_CASE("a batch as the hook sends it", "[judge]") {
  const auto declared = signal_declarations(1.0);
  Aggregator hold({Outage::kHold, 10});
  const auto good = to_samples(add(hold, 0, {1, 5}));
  REQUIRE(good.size() == declared.size());
  for (std::size_t i = 0; i < good.size(); ++i) {
    CHECK(good[i].signal == declared[i].name);
    CHECK(wire::assess(declared[i], good[i].value) == Quality::kGood);
  }
  CHECK(good[0].items == std::vector<double>{0.0, 1.0});
  CHECK(good[1].value == 1.0);
  CHECK(good[2].value == 0.0);
  const auto part = to_samples(add(hold, 1, {1, 5, 0}));
  CHECK(part[0].value == 0.5);
  CHECK(part[0].items.empty());
  const auto held = to_samples(add(hold, 2, {0}));
  CHECK(held[0].value == 0.5);
  CHECK(held[1].value == 0.0);
  CHECK(held[2].value == 1.0);
  const auto bad = to_samples(add(hold, 99, {0}));
  CHECK(wire::assess(declared[0], bad[0].value) == Quality::kBad);
}
