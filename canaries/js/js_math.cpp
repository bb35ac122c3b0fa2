#include "canaries/js/js_math.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "monitor/base/types.h"

namespace phaseguard::canaries::detail {

namespace {

// 1/2 [(1+delta) ln(1+delta) + (1-delta) ln(1-delta)] with delta = tanh(d/2), without cancellation.
double excess(double d) {
  const double a = std::fabs(d);
  if (!(a < 745.0)) return kLn2;  // e^-a is 0; also keeps 0 * infinity out
  if (a >= 1.0) {
    const double s = std::exp(-a);
    return kLn2 - std::log1p(s) - s * a / (1.0 + s);
  }
  const double delta = std::tanh(0.5 * a);
  if (delta > 0.25) {
    return 0.5 * ((1.0 + delta) * std::log1p(delta) + (1.0 - delta) * std::log1p(-delta));
  }
  const double square = delta * delta;  // sum over k of delta^(2k) / (k (2k - 1)), halved
  double sum = 0.0;
  for (int k = 14; k >= 1; --k) sum = sum * square + 1.0 / (k * (2.0 * k - 1.0));
  return 0.5 * square * sum;
}

struct Scan {
  double max = -std::numeric_limits<double>::infinity();
  double sum = 0.0;
  bool bad = false;
};

Scan scan(Span<const double> z) {
  Scan out;
  for (double v : z) {
    if (std::isnan(v)) out.bad = true;
    if (v > out.max) out.max = v;
  }
  out.bad = out.bad || !std::isfinite(out.max);
  if (out.bad) return out;
  for (double v : z) out.sum += std::exp(v - out.max);
  return out;
}

}  // namespace

double Pair::p(std::size_t i) const { return std::exp(model[i] - max_model) / sum_model; }
double Pair::q(std::size_t i) const {
  return std::exp(reference[i] - max_reference) / sum_reference;
}
double Pair::d(std::size_t i) const { return (model[i] - reference[i]) - shift; }

Pair prepare(Span<const double> model, Span<const double> reference) {
  Pair pair;
  pair.model = model;
  pair.reference = reference;
  const Scan p = scan(model), q = scan(reference);
  pair.bad = p.bad || q.bad;
  if (pair.bad) return pair;
  pair.max_model = p.max;
  pair.max_reference = q.max;
  pair.sum_model = p.sum;
  pair.sum_reference = q.sum;
  pair.shift = (p.max - q.max) + (std::log(p.sum) - std::log(q.sum));
  return pair;
}

double share(double p, double q, double d) {
  if (p == 0.0 || q == 0.0) return 0.5 * (p + q) * kLn2;
  return 0.5 * (p + q) * excess(d);
}

double share(double p, double q) {
  if (p == 0.0 || q == 0.0) return share(p, q, 0.0);
  // A ratio near 1 keeps its digits through log1p.
  const bool near = p < 2.0 * q && q < 2.0 * p;
  return share(p, q, near ? std::log1p((p - q) / q) : std::log(p) - std::log(q));
}

double full(const Pair& pair) {
  double sum = 0.0;
  for (std::size_t i = 0; i < pair.model.size(); ++i) {
    sum += share(pair.p(i), pair.q(i), pair.d(i));
  }
  return clamped(sum);
}

double clamped(double js) { return std::min(std::max(js, 0.0), kLn2); }

}  // namespace phaseguard::canaries::detail
