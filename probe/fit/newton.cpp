#include "probe/fit/newton.h"

#include <algorithm>
#include <cmath>

#include "monitor/base/text.h"
#include "probe/fit/logistic.h"
#include "probe/fit/scoring.h"

namespace phaseguard::probe {

namespace {

constexpr int kMaxIterations = 100;
constexpr double kAimedGradient = 1e-13;  // Newton is quadratic: the last digits cost one more step

double log1p_exp(double t) {
  return t > 0.0 ? t + std::log1p(std::exp(-t)) : std::log1p(std::exp(t));
}

struct Point {
  double objective = 0.0;
  double gradient_max = 0.0;
  std::vector<double> gradient;
  std::vector<double> probability;  // [rows]
};

Point evaluate(const SoftProblem& problem, const std::vector<double>& w) {
  Point point;
  point.gradient.assign(problem.cols, 0.0);
  point.probability.resize(problem.rows);
  const double n = static_cast<double>(problem.rows);
  for (std::size_t i = 0; i < problem.rows; ++i) {
    const double* row = problem.x.data() + i * problem.cols;
    double t = 0.0;
    for (std::size_t j = 0; j < problem.cols; ++j) t += row[j] * w[j];
    point.probability[i] = sigmoid(t);
    point.objective += log1p_exp(t) - problem.targets[i] * t;
    const double residual = (point.probability[i] - problem.targets[i]) / n;
    for (std::size_t j = 0; j < problem.cols; ++j) point.gradient[j] += residual * row[j];
  }
  point.objective /= n;
  for (std::size_t j = 0; j < problem.penalised; ++j) {
    point.objective += 0.5 * problem.l2 * w[j] * w[j];
    point.gradient[j] += problem.l2 * w[j];
  }
  for (double g : point.gradient) {
    point.gradient_max = std::isfinite(g) ? std::max(point.gradient_max, std::fabs(g)) : HUGE_VAL;
  }
  return point;
}

// Lower triangle of X' diag(p(1-p)/n) X + l2.
std::vector<double> hessian(const SoftProblem& problem, const Point& point) {
  const std::size_t d = problem.cols;
  std::vector<double> h(d * d, 0.0);
  for (std::size_t i = 0; i < problem.rows; ++i) {
    const double* row = problem.x.data() + i * d;
    const double p = point.probability[i];
    const double weight = p * (1.0 - p) / static_cast<double>(problem.rows);
    for (std::size_t a = 0; a < d; ++a) {
      const double scaled = weight * row[a];
      for (std::size_t b = 0; b <= a; ++b) h[a * d + b] += scaled * row[b];
    }
  }
  for (std::size_t j = 0; j < problem.penalised; ++j) h[j * d + j] += problem.l2;
  return h;
}

// In place Cholesky of the lower triangle; false when not positive definite.
bool factorise(std::vector<double>& h, std::size_t d) {
  for (std::size_t a = 0; a < d; ++a) {
    for (std::size_t b = 0; b <= a; ++b) {
      double sum = h[a * d + b];
      for (std::size_t c = 0; c < b; ++c) sum -= h[a * d + c] * h[b * d + c];
      if (a == b) {
        if (!(sum > 0.0)) return false;
        h[a * d + a] = std::sqrt(sum);
      } else {
        h[a * d + b] = sum / h[b * d + b];
      }
    }
  }
  return true;
}

// Solves H step = -gradient; a ridge is added until H is positive definite.
std::vector<double> newton_step(const SoftProblem& problem, const Point& point) {
  const std::size_t d = problem.cols;
  const std::vector<double> exact = hessian(problem, point);
  double scale = 0.0;
  for (std::size_t j = 0; j < d; ++j) scale = std::max(scale, exact[j * d + j]);
  std::vector<double> h = exact;
  for (double ridge = 1e-14 * scale + 1e-300; !factorise(h, d); ridge *= 10.0) {
    h = exact;
    for (std::size_t j = 0; j < d; ++j) h[j * d + j] += ridge;
  }
  std::vector<double> step(d);
  for (std::size_t a = 0; a < d; ++a) {
    double sum = -point.gradient[a];
    for (std::size_t b = 0; b < a; ++b) sum -= h[a * d + b] * step[b];
    step[a] = sum / h[a * d + a];
  }
  for (std::size_t a = d; a-- > 0;) {
    double sum = step[a];
    for (std::size_t b = a + 1; b < d; ++b) sum -= h[b * d + a] * step[b];
    step[a] = sum / h[a * d + a];
  }
  return step;
}

double dot(const double* a, const double* b, std::size_t n) { return summed_products(a, b, n); }

// H v without H.
std::vector<double> curvature_times(const SoftProblem& problem, const Point& point,
                                    const std::vector<double>& v) {
  const std::size_t d = problem.cols;
  std::vector<double> out(d, 0.0);
  for (std::size_t i = 0; i < problem.rows; ++i) {
    const double* row = problem.x.data() + i * d;
    const double p = point.probability[i];
    const double along = p * (1.0 - p) / static_cast<double>(problem.rows) * dot(row, v.data(), d);
    for (std::size_t j = 0; j < d; ++j) out[j] += along * row[j];
  }
  for (std::size_t j = 0; j < problem.penalised; ++j) out[j] += problem.l2 * v[j];
  return out;
}

// The same step by conjugate gradients, as exact as its distance from the optimum deserves: the
// relative residual falls with the gradient, so that convergence stays faster than linear.
std::vector<double> conjugate_step(const SoftProblem& problem, const Point& point) {
  const std::size_t d = problem.cols;
  std::vector<double> step(d, 0.0), residual(d);
  for (std::size_t j = 0; j < d; ++j) residual[j] = -point.gradient[j];
  std::vector<double> direction = residual;
  double squares = dot(residual.data(), residual.data(), d);
  const double wanted =
      squares * std::min(0.01, point.gradient_max) * std::min(0.01, point.gradient_max);
  for (std::size_t i = 0; i < 2 * d && squares > wanted; ++i) {
    const std::vector<double> image = curvature_times(problem, point, direction);
    const double bend = dot(direction.data(), image.data(), d);
    if (!(bend > 0.0)) break;
    const double length = squares / bend;
    for (std::size_t j = 0; j < d; ++j) {
      step[j] += length * direction[j];
      residual[j] -= length * image[j];
    }
    const double next = dot(residual.data(), residual.data(), d);
    for (std::size_t j = 0; j < d; ++j) {
      direction[j] = residual[j] + next / squares * direction[j];
    }
    squares = next;
  }
  return step;
}

std::vector<double> moved(const std::vector<double>& w, const std::vector<double>& step,
                          double length) {
  std::vector<double> out = w;
  for (std::size_t j = 0; j < w.size(); ++j) out[j] += length * step[j];
  return out;
}

}  // namespace

Result<Minimum> minimise(const SoftProblem& problem, std::size_t max_factorised) {
  Minimum minimum;
  minimum.w.assign(problem.cols, 0.0);
  Point point = evaluate(problem, minimum.w);
  minimum.trace.push_back({point.objective, point.gradient_max});
  while (point.gradient_max > kAimedGradient && minimum.iterations < kMaxIterations) {
    const std::vector<double> step = problem.cols <= max_factorised
                                         ? newton_step(problem, point)
                                         : conjugate_step(problem, point);
    bool better = false;
    for (double length = 1.0; length > 1e-10 && !better; length *= 0.5) {
      std::vector<double> w = moved(minimum.w, step, length);
      Point next = evaluate(problem, w);
      // Near the optimum the objective no longer resolves a step, the gradient still does.
      if (next.objective < point.objective ||
          (next.objective <= point.objective + 1e-15 && next.gradient_max < point.gradient_max)) {
        minimum.w = std::move(w);
        point = std::move(next);
        better = true;
      }
    }
    if (!better) break;
    ++minimum.iterations;
    minimum.trace.push_back({point.objective, point.gradient_max});
  }
  minimum.objective = point.objective;
  minimum.gradient_max = point.gradient_max;
  if (!(point.gradient_max <= kGradientTolerance)) {
    return fail(Errc::kInvalidArgument,
                "the fit did not converge: largest gradient " + number_text(point.gradient_max) +
                    " after " + std::to_string(minimum.iterations) +
                    " Newton steps, expected at most " + number_text(kGradientTolerance) +
                    "; use a larger l2 or more samples");
  }
  return minimum;
}

}  // namespace phaseguard::probe
