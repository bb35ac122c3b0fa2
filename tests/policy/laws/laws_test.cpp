// Every law against values worked out by hand or recomputed from the whole history.
#include "monitor/policy/laws/laws.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "monitor/policy/laws/detector.h"
#include "tests/support/catch.h"

namespace phaseguard::policy {
namespace {

const double kNaN = std::numeric_limits<double>::quiet_NaN();

DetectorSpec with(DetectorLaw law, double above = 0.0, BadSignal bad = BadSignal::kAlarm) {
  DetectorSpec spec;
  spec.law = law;
  spec.above = above;
  spec.bad = bad;
  return spec;
}

// Steps 1, 2, ...; NaN is BAD. Gives the statistic after each.
struct Fed {
  DetectorState state;
  std::vector<double> statistics;
  std::vector<bool> votes;
};
Fed feed_all(const DetectorSpec& spec, const std::vector<double>& values) {
  Fed fed;
  std::int64_t step = 0;
  for (const double value : values) {
    feed(spec, fed.state, Step{++step}, quality_of(value), value);
    fed.statistics.push_back(fed.state.statistic);
    fed.votes.push_back(is_voting(spec, fed.state));
  }
  return fed;
}

double next_up(double x) { return std::nextafter(x, 1e300); }

TEST_CASE("mad_shift: a calibration that is no number never votes", "[policy][hostile]") {
  const double most = std::numeric_limits<double>::max();
  // Both increments are so low that their mean is -inf, and the threshold inf - inf.
  Fed fed = feed_all(with(MadShiftLaw{0.5, 2, 3.0}), {most, -0.8 * most, -most, most, most, most});
  CHECK(fed.state.law.threshold == std::numeric_limits<double>::infinity());
  CHECK(fed.votes == std::vector<bool>(6, false));
}

// ---- rate

TEST_CASE("rate: slope per step over real steps, strict", "[policy][golden]") {
  const DetectorSpec spec = with(RateLaw{3}, 0.5);
  DetectorState state;
  feed(spec, state, Step{2}, Quality::kGood, 1.0);
  feed(spec, state, Step{4}, Quality::kGood, 2.0);
  CHECK(std::isnan(state.statistic));  // the window is not full
  feed(spec, state, Step{8}, Quality::kGood, 4.0);
  CHECK(state.statistic == 0.5);
  CHECK_FALSE(is_voting(spec, state));  // exactly at the threshold
  feed(spec, state, Step{10}, Quality::kGood, 5.5);
  // Points (4, 2), (8, 4), (10, 5.5): mean step 22/3, products 64.5 - 3 * (22/3) * (11.5/3).
  CHECK(state.statistic ==
        Approx((2.0 * 4 + 4.0 * 8 + 5.5 * 10 - 22.0 * 11.5 / 3) / (16 + 64 + 100 - 22.0 * 22 / 3)));
  CHECK(is_voting(spec, state));
}

TEST_CASE("rate: BAD keeps the window and ends the streak", "[policy]") {
  const Fed fed = feed_all(with(RateLaw{2}, 0.9), {0.0, 1.0, kNaN, 2.0});
  CHECK(fed.votes == std::vector<bool>{false, true, false, false});
  CHECK(fed.statistics[3] == 0.5);  // from step 2 to step 4
}

TEST_CASE("rate: measured again after a resume, the same step twice gives no slope", "[policy]") {
  const DetectorSpec spec = with(RateLaw{2}, 0.0);
  DetectorState state;
  feed(spec, state, Step{10}, Quality::kGood, 0.0);
  carry_over(spec, state, Step{9});
  feed(spec, state, Step{10}, Quality::kGood, 5.0);
  CHECK(state.n == 2);
  CHECK(std::isnan(state.statistic));
  CHECK_FALSE(is_voting(spec, state));
}

// ---- zscore

TEST_CASE("zscore: of the window before, population sd, silent on a flat one", "[policy][golden]") {
  const DetectorSpec spec = with(ZscoreLaw{2}, 3.0);
  const Fed fed = feed_all(spec, {1.0, 3.0, 5.0, 5.0, 9.0, 9.0});
  CHECK(std::isnan(fed.statistics[1]));
  CHECK(fed.statistics[2] == 3.0);  // (5 - 2) / 1: at the threshold, not above
  CHECK_FALSE(fed.votes[2]);
  CHECK(fed.statistics[3] == 1.0);       // (5 - 4) / 1
  CHECK(std::isnan(fed.statistics[4]));  // 5, 5: sd 0
  CHECK_FALSE(fed.votes[4]);
  CHECK(fed.statistics[5] == 1.0);  // (9 - 7) / 2
  CHECK(feed_all(with(ZscoreLaw{2}, std::nextafter(3.0, 0.0)), {1.0, 3.0, 5.0}).votes[2]);
}

TEST_CASE("zscore: a window of many, against two passes over the history", "[policy][property]") {
  constexpr int kWindow = 7;
  DetectorState state;
  const DetectorSpec spec = with(ZscoreLaw{kWindow}, 1.0);
  std::vector<double> past;
  for (int i = 0; i < 60; ++i) {
    const double x = static_cast<double>((i * 37 + 11) % 23) / 7.0;
    feed(spec, state, Step{i + 1}, Quality::kGood, x);
    if (i >= kWindow) {
      double mean = 0.0, squares = 0.0;
      for (int j = i - kWindow; j < i; ++j) mean += past[static_cast<std::size_t>(j)];
      mean /= kWindow;
      for (int j = i - kWindow; j < i; ++j) {
        squares += std::pow(past[static_cast<std::size_t>(j)] - mean, 2);
      }
      CHECK(state.statistic == Approx((x - mean) / std::sqrt(squares / kWindow)).epsilon(1e-12));
    }
    past.push_back(x);
  }
}

// ---- mad_shift

TEST_CASE("mad_shift: calibrates on the first increments, then wants two in a row",
          "[policy][golden]") {
  MadShiftLaw law;
  law.keep = 0.5;
  law.calibrate = 3;
  law.mads = 1.0;
  DetectorSpec spec = with(law);
  spec.consecutive = 2;
  spec.warmup = 4;
  // E: 0, 1, 3, 4.5; increments 1, 2, 1.5: median 1.5, MAD 0.5, threshold 2.
  const Fed fed = feed_all(spec, {0.0, 2.0, 5.0, 6.0, 8.5, 12.5, 16.5, 20.5});
  CHECK(fed.statistics[1] == 1.0);
  CHECK(threshold_of(spec, fed.state.law) == 2.0);
  CHECK(fed.statistics[4] == 2.0);  // at the threshold
  CHECK(fed.state.streak == 3);
  CHECK(fed.votes == std::vector<bool>{false, false, false, false, false, false, true, true});
  CHECK(fed.state.first_vote == Step{7});
}

TEST_CASE("mad_shift: a jump inside calibration silences it; MAD 0 makes any rise count",
          "[policy][golden]") {
  DetectorSpec spec = with(MadShiftLaw{});
  spec.consecutive = 2;
  spec.warmup = 6;
  const Fed plateau = feed_all(spec, {0.28, 0.31, 0.33, 0.32, 0.33, 0.33, 0.33, 0.34, 0.34, 0.34});
  CHECK(plateau.state.first_vote == Step{-1});
  Fed flat = feed_all(spec, {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.100001, 0.100002});
  CHECK(flat.state.first_vote == Step{8});
}

TEST_CASE("mad_shift: BAD keeps the average, ends the streak, does not calibrate", "[policy]") {
  MadShiftLaw law;
  law.keep = 0.5;
  law.calibrate = 2;
  DetectorSpec spec = with(law);
  spec.consecutive = 2;
  spec.warmup = 3;
  const Fed fed = feed_all(spec, {0.0, kNaN, 0.0, 0.0, 1.0, kNaN, 2.0, 4.0});
  CHECK(fed.state.law.values.size() == 2);
  CHECK(fed.statistics[4] == 0.5);
  CHECK(fed.votes == std::vector<bool>{false, false, false, false, false, false, false, true});
}

TEST_CASE("mad_shift: increments too large for a double end calibration all the same",
          "[policy][hostile]") {
  MadShiftLaw law;
  law.calibrate = 3;
  law.mads = 0.0;
  const DetectorSpec spec = with(law);
  const double huge = std::numeric_limits<double>::max();
  const Fed fed = feed_all(spec, {huge, -huge, huge, -huge, huge, huge});
  CHECK_FALSE(std::isnan(fed.state.law.threshold));
}

// ---- cusum and page_hinkley

TEST_CASE("cusum: never below 0, strict, BAD leaves a vote standing", "[policy][golden]") {
  const DetectorSpec spec = with(CusumLaw{1.0, 0.5, 2.0});
  const Fed fed = feed_all(spec, {0.0, 2.5, 2.5, 1.75, kNaN, 0.0});
  CHECK(fed.statistics == std::vector<double>{0.0, 1.0, 2.0, 2.25, 2.25, 0.75});
  CHECK(fed.votes == std::vector<bool>{false, false, false, true, true, false});
  CHECK(threshold_of(spec, fed.state.law) == 2.0);
}

TEST_CASE("page_hinkley: the mean includes the measurement; a step is found", "[policy][golden]") {
  const DetectorSpec spec = with(PageHinkleyLaw{0.0, 0.75});
  const Fed fed = feed_all(spec, {0.0, 0.0, 1.5, 2.5});
  // Means 0, 0, 0.5, 1: m = 0, 0, 1, 2.5.
  CHECK(fed.statistics == std::vector<double>{0.0, 0.0, 1.0, 2.5});
  CHECK(fed.state.first_vote == Step{3});
  // At the limit it does not vote.
  CHECK(feed_all(with(PageHinkleyLaw{0.0, 1.0}), {0.0, 0.0, 1.5}).state.first_vote == Step{-1});
  // m is measured from its minimum, m_0 = 0 included.
  const Fed drop = feed_all(with(PageHinkleyLaw{1.0, 100.0}), {0.0, 0.0, 3.0});
  CHECK(drop.statistics == std::vector<double>{0.0, 0.0, 1.0});
  CHECK(drop.state.law.low == -2.0);
}

TEST_CASE("page_hinkley: overflow starts it again", "[policy][hostile]") {
  const double huge = std::numeric_limits<double>::max();
  const DetectorSpec spec = with(PageHinkleyLaw{0.0, 0.75});
  const Fed fed = feed_all(spec, {huge, huge, -huge, 0.0, 0.0, 1.5});
  CHECK(fed.votes.back());
}

TEST_CASE("ewma: overflow starts it again", "[policy][hostile]") {
  const double huge = std::numeric_limits<double>::max();
  const Fed fed = feed_all(with(EwmaLaw{1.0, 0.5}, 0.5), {huge, -huge, 0.0, 0.0});
  CHECK(std::isfinite(fed.statistics[1]));
  CHECK(std::isfinite(fed.statistics[3]));
}

// ---- eprocess

EprocessLaw bets(EForm form, double null_mean, double bet, double alpha) {
  return {form, null_mean, bet, alpha};
}

TEST_CASE("eprocess: votes at exactly 1/alpha, and one ulp below does not", "[policy][golden]") {
  const DetectorSpec at = with(bets(EForm::kVille, 0.5, 2.0, 0.125));
  CHECK(feed_all(at, {1.0, 1.0, 1.0}).statistics == std::vector<double>{2.0, 4.0, 8.0});
  CHECK(feed_all(at, {1.0, 1.0, 1.0}).state.first_vote == Step{3});
  const DetectorSpec beyond = with(bets(EForm::kVille, 0.5, 2.0, std::nextafter(0.125, 0.0)));
  CHECK(threshold_of(beyond, {}) == next_up(8.0));
  CHECK(feed_all(beyond, {1.0, 1.0, 1.0}).state.first_vote == Step{-1});
}

TEST_CASE("eprocess: the three forms", "[policy][golden]") {
  // Gains 2, 0.5, 2.
  const std::vector<double> values{1.0, 0.25, 1.0};
  CHECK(feed_all(with(bets(EForm::kVille, 0.5, 2.0, 0.01)), values).statistics ==
        std::vector<double>{2.0, 1.0, 2.0});
  CHECK(feed_all(with(bets(EForm::kEsr, 0.5, 2.0, 0.01)), values).statistics ==
        std::vector<double>{2.0, 1.5, 5.0});
  CHECK(feed_all(with(bets(EForm::kEcusum, 0.5, 2.0, 0.01)), {0.25, 0.25, 1.0}).statistics ==
        std::vector<double>{0.5, 0.5, 2.0});
}

TEST_CASE("eprocess: wealth is kept off 0 and off infinity", "[policy][golden]") {
  const DetectorSpec spec = with(bets(EForm::kVille, 0.5, 2.0, 0.125));
  const Fed ruined = feed_all(spec, {0.0, 1.0});
  CHECK(ruined.statistics == std::vector<double>{1e-200, 2e-200});
  Fed rich = feed_all(spec, std::vector<double>(700, 1.0));
  CHECK(rich.state.statistic == 1e200);
  feed(spec, rich.state, Step{701}, Quality::kGood, 0.0);
  CHECK(rich.state.statistic == 1e-200);
}

TEST_CASE("eprocess: outside 0..1 is BAD, the ends are GOOD", "[policy]") {
  const DetectorSpec spec = with(bets(EForm::kVille, 0.25, 2.0, 0.1), 0.0, BadSignal::kVote);
  DetectorState state;
  feed(spec, state, Step{1}, Quality::kGood, next_up(1.0));
  CHECK(state.quality == Quality::kBad);
  CHECK(std::isnan(state.statistic));
  feed(spec, state, Step{2}, Quality::kGood, -1e-300);
  CHECK_FALSE(is_voting(spec, state));
  feed(spec, state, Step{3}, Quality::kMissing, kNaN);
  CHECK(is_voting(spec, state));  // three in a row
  CHECK(state.first_vote == Step{3});
  feed(spec, state, Step{4}, Quality::kGood, -0.0);
  CHECK(state.quality == Quality::kGood);
  CHECK_FALSE(is_voting(spec, state));
  CHECK(state.n == 1);
}

// ---- laws without streak

TEST_CASE("bad = alarm: three lost points do not make a law without streak vote", "[policy]") {
  const DetectorSpec spec = with(CusumLaw{0.0, 0.0, 1.0});
  CHECK(feed_all(spec, {kNaN, kNaN, kNaN, kNaN}).state.first_vote == Step{-1});
}

TEST_CASE("step 0, a duplicate and a late point leave every law alone", "[policy][property]") {
  const std::vector<DetectorLaw> laws{LevelLaw{},
                                      EwmaLaw{1.0, 0.5},
                                      RateLaw{2},
                                      ZscoreLaw{2},
                                      MadShiftLaw{},
                                      CusumLaw{0.0, 0.0, 1.0},
                                      PageHinkleyLaw{0.0, 1.0},
                                      bets(EForm::kEsr, 0.5, 2.0, 0.1)};
  for (const DetectorLaw& law : laws) {
    INFO(name_of(law));
    const DetectorSpec spec = with(law, 0.5);
    DetectorState once, twice;
    feed(spec, twice, Step{0}, Quality::kGood, 1.0);
    CHECK(twice.n == 0);
    CHECK(std::isnan(twice.statistic));
    CHECK_FALSE(is_voting(spec, twice));
    std::int64_t step = 0;
    for (const double x : {0.25, 0.75, 0.5, 1.0, 0.125, 0.875}) {
      step += 5;
      feed(spec, once, Step{step}, Quality::kGood, x);
      feed(spec, twice, Step{step}, Quality::kGood, x);
      feed(spec, twice, Step{step}, Quality::kGood, 1.0);
      feed(spec, twice, Step{step - 1}, Quality::kBad, kNaN);
    }
    CHECK(once.n == twice.n);
    CHECK(once.streak == twice.streak);
    CHECK((once.statistic == twice.statistic ||
           (std::isnan(once.statistic) && std::isnan(twice.statistic))));
    CHECK(twice.ignored == 12);
    CHECK(once.law.values == twice.law.values);
  }
}

// ---- how soon

TEST_CASE("least points: nothing votes sooner, and constant alarm votes then",
          "[policy][property]") {
  std::vector<DetectorSpec> specs;
  for (const std::int64_t consecutive : {1, 2, 5}) {
    for (const std::int64_t warmup : {0, 3, 12}) {
      for (const DetectorLaw& law : {DetectorLaw{LevelLaw{}}, DetectorLaw{EwmaLaw{}},
                                     DetectorLaw{RateLaw{4}}, DetectorLaw{ZscoreLaw{3}}}) {
        DetectorSpec spec = with(law, 0.1);
        spec.consecutive = consecutive;
        spec.warmup = warmup;
        specs.push_back(spec);
      }
    }
  }
  specs.push_back(with(CusumLaw{0.25, 0.25, 1.4}));
  specs.push_back(with(CusumLaw{0.25, 0.25, 1.5}));
  for (const EForm form : {EForm::kVille, EForm::kEsr, EForm::kEcusum}) {
    specs.push_back(with(bets(form, 0.5, 1.0, 0.01)));
  }
  for (const DetectorSpec& spec : specs) {
    const std::int64_t least = least_points(spec, 1.0);
    // Growing faster and faster, so that slopes and z-scores are above the line all the time.
    const bool growing =
        std::holds_alternative<RateLaw>(spec.law) || std::holds_alternative<ZscoreLaw>(spec.law);
    DetectorState state;
    double x = 1.0;
    for (std::int64_t i = 1; i <= 40; ++i) {
      feed(spec, state, Step{i}, Quality::kGood, x);
      if (growing) x *= 3.0;
    }
    INFO(name_of(spec.law) << " consecutive " << spec.consecutive << " warmup " << spec.warmup);
    CHECK(state.first_vote == Step{least});
  }
}

TEST_CASE("least points: never, long roads and lost data", "[policy]") {
  CHECK(least_points(with(CusumLaw{0.75, 0.25, 1.0}), 1.0) == -1);
  CHECK(least_points(with(CusumLaw{0.0, 0.0, 1e9}), 1.0) == 4096);  // a lower bound
  CHECK(least_points(with(CusumLaw{0.0, 0.0, 1.0}), std::numeric_limits<double>::infinity()) == 1);
  CHECK(least_points(with(bets(EForm::kVille, 0.5, 0.0, 0.1)), 1.0) == -1);
  CHECK(least_points(with(bets(EForm::kVille, 0.5, 1.0, 0.1)), 0.5) == -1);
  CHECK(least_points(with(bets(EForm::kEsr, 0.5, 0.0, 0.1)), 1.0) == 10);
  CHECK(least_points(with(PageHinkleyLaw{0.0, 1.0}), 1.0) == 2);
  CHECK(least_points(with(WindowJsLaw{3}, 0.1), 1.0) == 6);
  CHECK(least_points(with(ZscoreLaw{20}, 3.0, BadSignal::kVote), 1.0) == 1);
  CHECK(least_points(with(WindowJsLaw{3}, 0.1, BadSignal::kVote), 1.0) == 3);
  MadShiftLaw law;
  DetectorSpec mad = with(law);
  mad.warmup = 1 + law.calibrate;
  mad.consecutive = 2;
  CHECK(least_points(mad, 1.0) == 8);
}

}  // namespace
}  // namespace phaseguard::policy
