#include "probe/fit/logistic.h"

#include <cmath>
#include <random>

#include "monitor/stats/ranking.h"
#include "probe/fit/direction.h"
#include "probe/fit/scoring.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::probe;

namespace {

struct Data {
  Features x;
  std::vector<std::uint8_t> y;
};

Data clusters(std::size_t n, std::size_t width, double gap, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  Data data;
  std::vector<double> values;
  for (std::size_t i = 0; i < n; ++i) {
    data.y.push_back(i % 2);
    for (std::size_t j = 0; j < width; ++j)
      values.push_back(normal(random) + (i % 2 != 0 && j == 0 ? gap : 0.0));
  }
  data.x = *make_features(Span<const double>(values), n, width);
  return data;
}

}  // namespace

TEST_CASE("the fit is a stationary point: no small move lowers the objective",
          "[probe][property]") {
  const Data data = clusters(60, 4, 1.0, 1);
  const double l2 = 0.05;
  const auto fit = fit_logistic(data.x, data.y, l2);
  REQUIRE(fit);
  CHECK(fit->gradient_max <= 1e-8);
  const auto objective = [&](const LogisticModel& model) {
    double sum = 0.0, squares = 0.0;
    for (std::size_t i = 0; i < data.x.rows; ++i) {
      const double t = logit(model, data.x.row(i));
      sum += std::log1p(std::exp(data.y[i] != 0 ? -t : t));
    }
    for (double w : model.weights) squares += w * w;
    return sum / static_cast<double>(data.x.rows) + 0.5 * l2 * squares;
  };
  const double best = objective(fit->model);
  CHECK(best == Approx(fit->objective).epsilon(1e-12));
  for (std::size_t j = 0; j <= data.x.cols; ++j) {
    for (double step : {-1e-3, 1e-3}) {
      LogisticModel moved = fit->model;
      (j < data.x.cols ? moved.weights[j] : moved.bias) += step;
      CHECK(objective(moved) > best);
    }
  }
}

TEST_CASE("a fit does not care about the scale or offset of a column", "[probe][property]") {
  const Data data = clusters(40, 3, 1.0, 2);
  Features scaled = data.x;
  for (double& v : scaled.values) v = 1000.0 * v - 7.0;
  const auto a = fit_logistic(data.x, data.y, 0.1), b = fit_logistic(scaled, data.y, 0.1);
  for (std::size_t j = 0; j < 3; ++j)
    CHECK(a->model.weights[j] == Approx(b->model.weights[j]).epsilon(1e-9));
}

TEST_CASE("separable data stay finite; a constant column has weight 0", "[probe]") {
  const std::vector<double> x = {-2.0, 5.0, -1.0, 5.0, 1.0, 5.0, 2.0, 5.0};
  const std::vector<std::uint8_t> y = {0, 0, 1, 1};
  const auto fit = fit_logistic(*make_features(Span<const double>(x), 4, 2), y, 1e-3);
  REQUIRE(fit);
  CHECK(std::isfinite(fit->model.weights[0]));
  CHECK(fit->model.weights[1] == 0.0);
}

TEST_CASE("a fit refuses what it cannot fit", "[probe][hostile]") {
  const Data data = clusters(10, 2, 1.0, 3);
  const std::vector<std::uint8_t> ones(10, 1), short_labels(9, 1), twos(10, 2);
  CHECK_THAT(fit_logistic(data.x, ones, 0.1).error().message, Catch::Contains("both classes"));
  CHECK_FALSE(fit_logistic(data.x, short_labels, 0.1));
  CHECK_FALSE(fit_logistic(data.x, twos, 0.1));
  CHECK_FALSE(fit_logistic(data.x, data.y, 0.0));
  CHECK_FALSE(fit_logistic(data.x, data.y, std::nan("")));
  Features broken = data.x;
  broken.values[3] = std::nan("");
  CHECK_THAT(fit_logistic(broken, data.y, 0.1).error().message,
             Catch::Contains("row 1, column 1 (both from 0) is NaN"));
  CHECK_FALSE(make_features(Span<const double>(data.x.values), 3, 2));
}

TEST_CASE("a temperature that would be negative or infinite is refused", "[probe]") {
  const std::vector<double> right = {-1.0, 0.5, -0.5, 1.0}, wrong = {1.0, -0.5, 0.5, -1.0},
                            sharp = {-1.0, -2.0, 1.0, 2.0};
  const std::vector<std::uint8_t> mixed = {0, 0, 1, 1};
  CHECK(fit_temperature(right, mixed));
  CHECK_FALSE(fit_temperature(wrong, mixed));
  CHECK_FALSE(fit_temperature(sharp, mixed));  // separable: the best temperature is 0
}

TEST_CASE("ranking: perfect, reversed, all tied", "[probe]") {
  const std::vector<double> up = {1, 2, 3, 4}, down = {4, 3, 2, 1}, tied = {1, 1, 1, 1};
  const std::vector<std::uint8_t> y = {0, 0, 1, 1};
  CHECK(stats::rank_scores(up, y)->auroc == 1.0);
  CHECK(stats::rank_scores(up, y)->auprc == 1.0);
  CHECK(stats::rank_scores(down, y)->auroc == 0.0);
  CHECK(stats::rank_scores(tied, y)->auroc == 0.5);
  CHECK(stats::rank_scores(tied, y)->auprc == 0.5);
  const std::vector<double> broken = {1, std::nan(""), 3, 4};
  CHECK_FALSE(stats::rank_scores(broken, y));
  const auto interval = stats::bootstrap(up, y, 200, 1);
  CHECK(interval->auroc.lower == 1.0);
  CHECK(interval->auprc.upper == 1.0);
  CHECK(interval->resamples == 200);
  CHECK_FALSE(stats::bootstrap(up, y, 0, 1));
  CHECK_FALSE(stats::bootstrap(up, y, 200, 1, 1.0));
  const auto a = stats::bootstrap(std::vector<double>{1, 3, 2, 4}, y, 500, 9),
             b = stats::bootstrap(std::vector<double>{1, 3, 2, 4}, y, 500, 9);
  CHECK(a->auroc.lower == b->auroc.lower);
  CHECK(a->auroc.lower < a->auroc.upper);
  CHECK(a->auprc.lower == b->auprc.lower);
  CHECK(a->auprc.lower < a->auprc.upper);
}

TEST_CASE("the threshold keeps the false alarms within their rate", "[probe][property]") {
  std::mt19937 random(4);
  for (int round = 0; round < 100; ++round) {
    std::vector<double> scores(1 + random() % 40);
    for (double& s : scores) s = static_cast<double>(random() % 7);
    for (double rate : {0.0, 0.05, 0.3, 1.0}) {
      const auto found = stats::threshold_for_false_alarm_rate(scores, rate);
      REQUIRE(found);
      std::size_t alarms = 0;
      for (double s : scores) alarms += s > found->threshold ? 1 : 0;
      CHECK(alarms == found->false_alarms);
      CHECK(static_cast<double>(alarms) <= rate * static_cast<double>(scores.size()));
    }
  }
}

TEST_CASE("movement across a direction is no drift along it", "[probe]") {
  const Features trait{1, 2, {2.0, 0.0}}, other{1, 2, {0.0, 0.0}}, before{2, 2, {0, 0, 2, 0}},
      after{2, 2, {0, 9, 2, 9}};
  const auto direction = trait_direction(trait, other);
  CHECK(drift_along(direction->unit, before, after)->drift == 0.0);
  CHECK(trait_direction(trait, trait)->quality == Quality::kBad);
  CHECK_FALSE(drift_along(direction->unit, before, trait));
  const Features flat{2, 2, {1, 0, 1, 0}};
  CHECK_FALSE(drift_along(direction->unit, flat, after)->drift_in_sd);
}

TEST_CASE("conjugate gradients and Cholesky reach the same optimum", "[probe][property]") {
  for (unsigned seed : {5U, 6U}) {
    const Data data = clusters(50, 20, 1.0, seed);
    SoftProblem problem;
    problem.rows = data.x.rows;
    problem.cols = data.x.cols;
    problem.x = data.x.values;
    problem.targets.assign(data.y.begin(), data.y.end());
    problem.l2 = 0.02;
    problem.penalised = data.x.cols;
    const auto factorised = minimise(problem), iterated = minimise(problem, 0);
    REQUIRE(factorised);
    REQUIRE(iterated);
    CHECK(iterated->gradient_max <= kGradientTolerance);
    for (std::size_t j = 0; j < problem.cols; ++j) {
      CHECK(iterated->w[j] == Approx(factorised->w[j]).margin(1e-8));
    }
  }
}

TEST_CASE("the trace ends at the optimum and its objective never rises", "[probe][property]") {
  const Data data = clusters(80, 6, 1.5, 7);
  const auto fit = fit_logistic(data.x, data.y, 0.01);
  REQUIRE(fit);
  REQUIRE(fit->trace.size() == static_cast<std::size_t>(fit->iterations) + 1);
  CHECK(fit->trace.front().objective == Approx(std::log(2.0)));
  CHECK(fit->trace.back().gradient_max == fit->gradient_max);
  for (std::size_t i = 1; i < fit->trace.size(); ++i)
    CHECK(fit->trace[i].objective <= fit->trace[i - 1].objective + 1e-15);
}

TEST_CASE("a folded model scores as the model does", "[probe][property]") {
  const Data data = clusters(60, 37, 1.0, 8);
  Features far = data.x;
  for (double& v : far.values) v = 3.0 * v + 500.0;
  const auto fit = fit_logistic(far, data.y, 0.01);
  REQUIRE(fit);
  const FoldedModel folded = fold(fit->model);
  for (std::size_t i = 0; i < far.rows; ++i) {
    CHECK(logit(folded, far.row(i).data()) == Approx(logit(fit->model, far.row(i))).margin(1e-9));
  }
}

TEST_CASE("a wide fit needs no square matrix", "[probe]") {
  const Data data = clusters(40, 1500, 2.0, 9);
  const auto fit = fit_logistic(data.x, data.y, 0.01);
  REQUIRE(fit);
  CHECK(fit->gradient_max <= kGradientTolerance);
}
