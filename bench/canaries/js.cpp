// Canary divergence of 24 x 152064 float32 logits on one core, ours beside the usual ATen
// formulation; canary/dist of the same logits, alone and with the divergence, beside ATen's softmax
// in float64; and the whole canary measurement (divergence from the reference cache, margin, probe
// risk and drift of [24, 4096] states, without the model's forward pass) beside the same in ATen.
// Prints one JSON object; compare.py adds SciPy.
//   bench_canaries [repeats]
#include "canaries/js/js.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/logaddexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <vector>

#include "canaries/cache/reference_cache.h"
#include "canaries/js/distribution.h"
#include "canaries/js/js_tensor.h"
#include "canaries/js/margin.h"
#include "probe/probe_tensor.h"

namespace {

using phaseguard::Span;
namespace canaries = phaseguard::canaries;

namespace probe = phaseguard::probe;

constexpr std::int64_t kCanaries = 24, kVocabulary = 152064, kWidth = 4096, kFitRows = 64;

// Best and median of `repeats` calls, in milliseconds.
template <class F>
nlohmann::json timed(int repeats, F&& body) {
  std::vector<double> ms;
  for (int i = 0; i < repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    body();
    ms.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
                     .count());
  }
  std::sort(ms.begin(), ms.end());
  return {{"best_ms", ms.front()}, {"median_ms", ms[ms.size() / 2]}, {"n", repeats}};
}

double aten_mean(const at::Tensor& model, const at::Tensor& reference) {
  const at::Tensor lp = model.log_softmax(-1), lq = reference.log_softmax(-1);
  const at::Tensor lm = at::logaddexp(lp, lq) - phaseguard::kLn2;
  const at::Tensor sum = (lp.exp() * (lp - lm)).sum(-1) + (lq.exp() * (lq - lm)).sum(-1);
  return sum.mul(0.5).mean().item<double>();
}

at::Tensor column(const std::vector<double>& values) {
  return at::tensor(at::ArrayRef<double>(values), at::kDouble).to(at::kFloat);
}

// What a trainer measures at each cadence besides the divergence itself.
struct Measurement {
  canaries::ReferenceCache cache;
  probe::ActivationProbe probe;
  probe::TraitDirection direction;
  at::Tensor reference_states, states;  // [24, 4096]
  std::vector<double> continuations;    // [24] log-probabilities

  void ours(Span<const float> logits) const {
    const Span<const double> c(continuations);
    if (!cache.compare(logits) || !canaries::canary_margin({c, c, c, c}) ||
        !probe::score(probe, states) || !probe::drift(direction, reference_states, states)) {
      std::abort();
    }
  }

  [[nodiscard]] at::Tensor in_aten(const at::Tensor& model, const at::Tensor& reference,
                                   const at::Tensor& weights, const at::Tensor& unit) const {
    const at::Tensor risk = at::sigmoid(at::matmul(states, weights));
    const at::Tensor drift = at::matmul(states - reference_states, unit);
    return risk.mean() + drift.mean() + aten_mean(model, reference);
  }
};

Measurement measurement(Span<const float> reference) {
  probe::Site site;
  site.width = kWidth;
  std::vector<std::uint8_t> labels(kFitRows);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = i % 2;
  const auto a = probe::features_of(at::randn({kFitRows, kWidth}));
  const auto b = probe::features_of(at::randn({kFitRows, kWidth}));
  auto fitted = probe::ActivationProbe::fit(*a, labels, *b, labels, site);
  auto direction = probe::TraitDirection::fit(*a, *b, "trait", site);
  std::vector<std::string> ids;
  for (std::int64_t i = 0; i < kCanaries; ++i) ids.push_back("canary-" + std::to_string(i));
  auto cache =
      canaries::ReferenceCache::create({"m", "w", "t", "c", "p", "float32"}, ids, reference);
  if (!fitted || !direction || !cache) std::abort();
  return {std::move(*cache),
          std::move(*fitted),
          std::move(*direction),
          at::randn({kCanaries, kWidth}),
          at::randn({kCanaries, kWidth}),
          std::vector<double>(kCanaries, -1.0)};
}

}  // namespace

// What it throws ends it, and says why. NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  const int repeats = argc > 1 ? std::max(1, std::atoi(argv[1])) : 11;
  at::set_num_threads(1);
  const c10::NoGradGuard no_grad;
  const at::Tensor reference = at::randn({kCanaries, kVocabulary}).mul(3.0);
  const at::Tensor model = reference + at::randn({kCanaries, kVocabulary});
  const auto count = static_cast<std::size_t>(model.numel());
  const Span<const float> p(model.data_ptr<float>(), count);
  const Span<const float> q(reference.data_ptr<float>(), count);

  double ours_mean = 0.0, baseline_mean = 0.0;
  const auto ours =
      timed(repeats, [&] { ours_mean = canaries::js_divergence(model, reference)->mean; });
  const auto spans = timed(repeats, [&] {
    if (!canaries::js_divergence_rows(p, q, kCanaries)) std::abort();
  });
  const auto aten =
      timed(std::max(3, repeats / 3), [&] { baseline_mean = aten_mean(model, reference); });
  const Measurement all = measurement(q);
  const at::Tensor weights = column(all.probe.model().weights);
  const at::Tensor unit = column(all.direction.direction().unit);
  const auto whole = timed(repeats, [&] { all.ours(p); });
  const auto columns = canaries::TokenColumns::create(q, kCanaries, 16);
  const auto distribution = timed(repeats, [&] {
    if (!columns || !columns->distribution(p)) std::abort();
  });
  const auto both = timed(repeats, [&] {
    if (!columns || !columns->compared(p, q)) std::abort();
  });
  at::Tensor aten_softmax;
  const auto softmax =
      timed(std::max(3, repeats / 3), [&] { aten_softmax = model.softmax(-1, at::kDouble); });
  at::Tensor aten_value;
  const auto whole_aten = timed(std::max(3, repeats / 3),
                                [&] { aten_value = all.in_aten(model, reference, weights, unit); });
  const double exact =
      canaries::js_divergence(model.to(at::kDouble), reference.to(at::kDouble))->mean;

  const nlohmann::json report = {
      {"what", "canary divergence, 24 x 152064 float32, one core, full vocabulary"},
      {"ours_tensor", ours},
      {"ours_spans", spans},
      {"aten_log_softmax", aten},
      {"distribution", distribution},
      {"divergence_and_distribution", both},
      {"aten_softmax_float64", softmax},
      {"distribution_times_faster_than_aten",
       softmax["median_ms"].get<double>() / distribution["median_ms"].get<double>()},
      {"whole_measurement", whole},
      {"whole_measurement_in_aten", whole_aten},
      {"times_faster_than_aten", aten["median_ms"].get<double>() / ours["median_ms"].get<double>()},
      {"aim",
       {{"ours_ms", 4.0},
        {"distribution_ms", 6.0},
        {"whole_measurement_ms", 6.0},
        {"times_faster_than_aten", 5.0},
        {"times_faster_than_scipy", 15.0}}},
      {"error_against_float64",
       {{"ours", std::fabs(ours_mean - exact)}, {"aten", std::fabs(baseline_mean - exact)}}}};
  std::printf("%s\n", report.dump(2).c_str());
  return 0;
}
