// Rates over clusters: the formula, what cannot be told, and a fast part of the coverage grid that
// `coverage` prints whole.
#include "monitor/stats/clustered.h"

#include <cmath>

#include "tests/stats/beta_binomial.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using stats::Tally;

namespace {

stats::Rate rate_of(const std::vector<Tally>& clusters, double confidence = 0.95) {
  const auto rate = stats::clustered(clusters, "prompt", confidence);
  REQUIRE(rate);
  return *rate;
}

void check_ends(const stats::Rate& rate, double lower, double upper) {
  CHECK(rate.lower == Approx(lower).margin(1e-10));
  CHECK(rate.upper == Approx(upper).margin(1e-10));
}

}  // namespace

// The numbers are of another computation: 30 digits, Student's t by integrating its density, the
// ends as roots of (p - q)^2 = t^2 q (1 - q) / n_eff.
TEST_CASE("clustered rates agree with an independent computation", "[stats][golden]") {
  const stats::Rate spread = rate_of({{8, 8}, {0, 8}, {4, 8}, {1, 8}, {8, 8}, {0, 8}});
  CHECK(*spread.clusters->design_effect == Approx(7.26349206349));
  check_ends(spread, 0.105589812182, 0.83671327512);
  CHECK(text_of(spread) == "43.8 % [10.6, 83.7] (21 of 48; 6 prompts, d 7.26)");

  const std::vector<Tally> unequal = {{3, 4}, {0, 10}, {2, 2}, {5, 8}, {0, 1}};
  CHECK(*rate_of(unequal).clusters->design_effect == Approx(4.75));
  check_ends(rate_of(unequal), 0.0629893307008, 0.868618543442);
  check_ends(rate_of(unequal, 0.99), 0.0224914990232, 0.950777973645);

  // Answers that agree less than chance would have them do not narrow the interval.
  const stats::Rate even = rate_of({{1, 8}, {1, 8}, {1, 8}, {1, 8}, {1, 8}, {1, 8}});
  CHECK(*even.clusters->design_effect == 0.0);
  check_ends(even, 0.0467077955272, 0.294046821469);

  // One cluster of 24 carries every hit: 2 degrees of freedom, not 23.
  std::vector<Tally> one_bad(24, Tally{0, 8});
  one_bad[0].k = 8;
  check_ends(rate_of(one_bad), 0.00196238008332, 0.490162388292);
}

TEST_CASE("where the variance says nothing, each cluster counts once and the text says so",
          "[stats][golden]") {
  const stats::Rate none = rate_of(std::vector<Tally>(24, Tally{0, 8}));
  CHECK_FALSE(none.clusters->design_effect);
  check_ends(none, 0.0, 0.151324028675);
  CHECK(text_of(none) == "0.0 % [0.0, 15.1] (0 of 192; 24 prompts, each counted once)");
  check_ends(rate_of(std::vector<Tally>(3, Tally{8, 8})), 0.139451728248, 1.0);
  const stats::Rate alone = rate_of({{3, 8}});
  CHECK_FALSE(alone.clusters->design_effect);
  check_ends(alone, 0.000867751978752, 0.997593290596);
  CHECK(text_of(*alone.clusters) == "1 prompt, each counted once");
}

TEST_CASE("one answer in each cluster: Wilson's interval", "[stats]") {
  std::vector<Tally> single(72, Tally{0, 1});
  CHECK(text_of(rate_of(single)) == "0.0 % [0.0, 5.1] (0 of 72; 72 prompts, d 1.00)");
  for (std::size_t i = 0; i < 15; ++i) single[i].k = 1;
  CHECK(text_of(rate_of(single)) == "20.8 % [13.1, 31.6] (15 of 72; 72 prompts, d 1.00)");
}

TEST_CASE("empty clusters do not count, and what is no count is refused", "[stats]") {
  const stats::Rate without = rate_of({{1, 8}, {5, 8}}), with = rate_of({{1, 8}, {0, 0}, {5, 8}});
  CHECK(with.clusters->count == 2);
  CHECK(with.upper == without.upper);
  CHECK_FALSE(stats::clustered({}, "prompt"));
  CHECK_FALSE(stats::clustered({{0, 0}}, "prompt"));
  CHECK_FALSE(stats::clustered({{3, 2}}, "prompt"));
  CHECK_FALSE(stats::clustered({{-1, 2}}, "prompt"));
  CHECK_FALSE(stats::clustered({{1, 2}}, "prompt", 1.0));
  CHECK_FALSE(stats::clustered({{1, 2}}, "prompt", std::nan("")));
}

TEST_CASE("Student's t", "[stats][golden]") {
  CHECK(stats::student_two_sided(0.95, 23) == Approx(2.068657610419));
  CHECK(stats::student_two_sided(0.95, 1) == Approx(12.706204736175));
  CHECK(stats::student_two_sided(0.99, 2) == Approx(9.9248432009183));
}

TEST_CASE("hits and misses mirror each other", "[stats][property]") {
  stats::SplitMix64 random(7);
  for (int i = 0; i < 200; ++i) {
    auto clusters = test::draw({0.3, 9, 0.4, 5}, random);
    const stats::Rate rate = rate_of(clusters);
    for (Tally& one : clusters) one.k = one.n - one.k;
    const stats::Rate mirror = rate_of(clusters);
    CHECK(rate.lower == Approx(1.0 - mirror.upper).margin(1e-12));
    CHECK((rate.lower >= 0.0 && rate.lower <= rate.rate && rate.rate <= rate.upper));
  }
}

TEST_CASE("the interval covers in 93 % of simulated evaluations, where answers repeat each other",
          "[stats][property]") {
  const double p = GENERATE(0.05, 0.1, 0.2, 0.5);
  const double icc = GENERATE(0.0, 0.1, 0.3);
  stats::SplitMix64 random(20260131);
  constexpr int kDraws = 2000;
  int covered = 0, covered_if_independent = 0;
  for (int i = 0; i < kDraws; ++i) {
    const auto clusters = test::draw({p, 24, icc, 8}, random);
    const stats::Rate rate = rate_of(clusters);
    covered += rate.lower <= p && p <= rate.upper ? 1 : 0;
    const auto naive = stats::wilson(rate.k, rate.n);
    covered_if_independent += naive->lower <= p && p <= naive->upper ? 1 : 0;
  }
  INFO("p " << p << ", ICC " << icc);
  CHECK(covered >= 0.93 * kDraws);
  if (icc == 0.3) CHECK(covered_if_independent < 0.85 * kDraws);  // what it is there for
}
