// Scoring a batch of [16, 4096] float32 states on one core: our probe beside what a trainer would
// write in ATen (standardise, multiply, sigmoid), and beside the bare matrix product. Prints one
// JSON object.
//   bench_probe [repeats]
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
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

#include "probe/probe_tensor.h"

namespace {

using phaseguard::Span;
namespace probe = phaseguard::probe;

constexpr std::int64_t kBatch = 16, kWidth = 4096, kFitRows = 64;

template <class F>
nlohmann::json timed(int repeats, F&& body) {
  std::vector<double> us;
  for (int i = 0; i < repeats + 20; ++i) {
    const auto start = std::chrono::steady_clock::now();
    body();
    const double taken =
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
    if (i >= 20) us.push_back(taken);  // the first calls fetch pages and caches
  }
  std::sort(us.begin(), us.end());
  return {{"best_us", us.front()},
          {"median_us", us[us.size() / 2]},
          {"p99_us", us[us.size() * 99 / 100]},
          {"n", repeats}};
}

at::Tensor column(const std::vector<double>& values) {
  return at::tensor(at::ArrayRef<double>(values), at::kDouble).to(at::kFloat);
}

}  // namespace

// What it throws ends it, and says why. NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  const int repeats = argc > 1 ? std::max(1, std::atoi(argv[1])) : 2000;
  at::set_num_threads(1);
  const c10::NoGradGuard no_grad;
  std::vector<std::uint8_t> labels(kFitRows);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = i % 2;
  probe::Site site;
  site.width = kWidth;
  const auto fitted =
      probe::ActivationProbe::fit(*probe::features_of(at::randn({kFitRows, kWidth})), labels,
                                  *probe::features_of(at::randn({kFitRows, kWidth})), labels, site);
  if (!fitted) std::abort();
  const at::Tensor states = at::randn({kBatch, kWidth});
  const Span<const float> span(states.data_ptr<float>(), static_cast<std::size_t>(states.numel()));
  const at::Tensor mean = column(fitted->model().mean), sd = column(fitted->model().sd),
                   weights = column(fitted->model().weights);

  std::vector<double> ours;
  at::Tensor aten;
  const auto tensors = timed(repeats, [&] { ours = *probe::score(*fitted, states); });
  const auto spans = timed(repeats, [&] {
    if (!fitted->score(span, kBatch)) std::abort();
  });
  const auto standardised = timed(repeats, [&] {
    const at::Tensor t = at::matmul((states - mean) / sd, weights) + fitted->model().bias;
    aten = at::sigmoid(t * fitted->calibration().slope + fitted->calibration().intercept);
  });
  at::Tensor product;
  const auto bare = timed(repeats, [&] { product = at::matmul(states, weights); });

  // Against the unfolded model in float64.
  const probe::Features rows = *probe::features_of(states);
  double ours_error = 0.0, aten_error = 0.0;
  for (std::size_t i = 0; i < rows.rows; ++i) {
    const double exact = fitted->risk_of(probe::logit(fitted->model(), rows.row(i)));
    ours_error = std::max(ours_error, std::fabs(ours[i] - exact));
    aten_error =
        std::max(aten_error, std::fabs(aten[static_cast<std::int64_t>(i)].item<double>() - exact));
  }
  const auto ratio = [&](const nlohmann::json& other) {
    return other["median_us"].get<double>() / tensors["median_us"].get<double>();
  };
  const nlohmann::json report = {
      {"what", "probe scoring of [16, 4096] float32, one core"},
      {"ours_tensor", tensors},
      {"ours_span", spans},
      {"aten_standardise_matmul_sigmoid", standardised},
      {"aten_bare_matmul_float32", bare},
      {"times_faster_than_aten", ratio(standardised)},
      {"times_of_bare_matmul", 1.0 / ratio(bare)},
      {"aim", {{"ours_us", 50.0}}},
      {"error_against_float64", {{"ours", ours_error}, {"aten", aten_error}}}};
  std::printf("%s\n", report.dump(2).c_str());
  return 0;
}
