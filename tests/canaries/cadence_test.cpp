#include "canaries/cadence.h"

#include <limits>

#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::canaries;
using Due = Cadence::Due;

namespace {

CadenceOptions options(std::int64_t every, std::int64_t total, double share = 0.1) {
  CadenceOptions o;
  o.every_steps = every;
  o.total_steps = total;
  o.max_share = share;
  return o;
}

}  // namespace

TEST_CASE("measurements fall on multiples of the cadence and on the last step", "[canaries]") {
  const auto cadence = Cadence::create(options(5, 337));  // a total that is no multiple of it
  REQUIRE(cadence);
  CHECK(cadence->at(Step{0}) == Due::kMeasure);
  CHECK(cadence->at(Step{4}) == Due::kNo);
  CHECK(cadence->at(Step{5}) == Due::kMeasure);
  CHECK(cadence->at(Step{335}) == Due::kMeasure);
  CHECK(cadence->at(Step{336}) == Due::kNo);
  CHECK(cadence->at(Step{337}) == Due::kMeasure);
  CHECK(cadence->at(Step{-5}) == Due::kNo);
  CHECK(cadence->left(Step{0}) == 68);  // 5, 10, ..., 335 and 337
  CHECK(cadence->left(Step{335}) == 1);
  CHECK(cadence->left(Step{337}) == 0);
  CHECK(Cadence::create(options(5, 0))->left(Step{10}) == -1);
}

TEST_CASE("a measurement over its budget stretches the cadence, a cheap one takes it back",
          "[canaries]") {
  auto cadence = *Cadence::create(options(5, 0, 0.1));
  cadence.spent(3.0, 0.0);  // the baseline
  CHECK(cadence.stretch() == 1);
  cadence.spent(2.0, 10.0);  // a sixth
  CHECK(cadence.stretch() == 2);
  CHECK(cadence.at(Step{5}) == Due::kSkip);
  CHECK(cadence.at(Step{10}) == Due::kMeasure);
  for (int i = 0; i < 6; ++i) cadence.spent(2.0, 10.0);
  CHECK(cadence.stretch() == 8);  // max_stretch
  CHECK(cadence.at(Step{0}) == Due::kMeasure);
  cadence.spent(0.5, 10.0);  // inside the budget, above a quarter of it: as it is
  CHECK(cadence.stretch() == 8);
  cadence.spent(0.1, 10.0);
  CHECK(cadence.stretch() == 4);
  CHECK(cadence.share() > 0.1);
  CHECK(cadence.share() < 0.3);
}

TEST_CASE("durations that are none change nothing", "[canaries][hostile]") {
  auto cadence = *Cadence::create(options(5, 0, 0.1));
  cadence.spent(std::numeric_limits<double>::quiet_NaN(), 1.0);
  cadence.spent(std::numeric_limits<double>::infinity(), 1.0);
  cadence.spent(1.0, -1.0);
  CHECK(cadence.stretch() == 1);
  CHECK(cadence.share() == 0.0);
}

TEST_CASE("a cadence that can be afforded is found before it is declared", "[canaries]") {
  CHECK(*affordable_cadence(options(5, 0, 0.05), 0.01, 1.0) == 5);
  CHECK(*affordable_cadence(options(5, 0, 0.05), 1.0, 1.0) == 20);  // 1 of 21 is under 5 %
  CHECK(*affordable_cadence(options(5, 0, 0.05), 1e6, 1.0) == 40);  // max_stretch
  CHECK_FALSE(affordable_cadence(options(5, 0), -1.0, 1.0));
  CHECK_FALSE(affordable_cadence(options(5, 0), 1.0, std::numeric_limits<double>::quiet_NaN()));
}

TEST_CASE("wrong cadences are refused with what was found", "[canaries][hostile]") {
  CHECK_THAT(Cadence::create(options(0, 10)).error().message, Catch::Contains("found 0"));
  CHECK_FALSE(Cadence::create(options(5, -1)));
  CHECK_FALSE(Cadence::create(options(5, 10, 0.0)));
  CHECK_FALSE(Cadence::create(options(5, 10, 1.5)));
  CHECK_FALSE(Cadence::create(options(5, 10, std::numeric_limits<double>::quiet_NaN())));
}
