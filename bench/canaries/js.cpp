// Canary divergence of a whole measurement: 24 x 152064 float32 logits on one core, ours beside the
// usual ATen formulation. Prints one JSON object; compare.py adds SciPy.
//   bench_canaries [repeats]
#include "canaries/js.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/logaddexp.h>
#include <ATen/ops/randn.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <vector>

#include "canaries/js_tensor.h"

namespace {

using phaseguard::Span;
namespace canaries = phaseguard::canaries;

constexpr std::int64_t kCanaries = 24, kVocabulary = 152064;

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

}  // namespace

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
  const double exact =
      canaries::js_divergence(model.to(at::kDouble), reference.to(at::kDouble))->mean;

  const nlohmann::json report = {
      {"what", "canary divergence, 24 x 152064 float32, one core, full vocabulary"},
      {"ours_tensor", ours},
      {"ours_spans", spans},
      {"aten_log_softmax", aten},
      {"times_faster_than_aten", aten["median_ms"].get<double>() / ours["median_ms"].get<double>()},
      {"aim",
       {{"ours_ms", 4.0}, {"times_faster_than_aten", 5.0}, {"times_faster_than_scipy", 15.0}}},
      {"error_against_float64",
       {{"ours", std::fabs(ours_mean - exact)}, {"aten", std::fabs(baseline_mean - exact)}}}};
  std::printf("%s\n", report.dump(2).c_str());
  return 0;
}
