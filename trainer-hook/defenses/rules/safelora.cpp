#include "trainer-hook/defenses/rules/safelora.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/linspace.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "monitor/base/text.h"
#include "monitor/tensors/tensor_guard.h"

namespace phaseguard::defenses {

namespace {

constexpr int kPowerSteps = 20000;
constexpr double kPowerTolerance = 1e-15;  // relative change of the eigenvalue, three times running

bool is_matrix(const at::Tensor& t) {
  return t.defined() && t.dim() == 2 && t.numel() > 0 && t.is_floating_point();
}

Result<void> check(const at::Tensor& aligned, const at::Tensor& unaligned, const LoraPair& lora) {
  const bool fits = is_matrix(aligned) && is_matrix(unaligned) && is_matrix(lora.a) &&
                    is_matrix(lora.b) && aligned.sizes() == unaligned.sizes() &&
                    lora.b.size(0) == aligned.size(0) && lora.a.size(1) == aligned.size(1) &&
                    lora.a.size(0) == lora.b.size(1);
  if (fits) return {};
  return fail(Errc::kInvalidArgument,
              "SafeLoRA, layer " + phaseguard::quoted(lora.name) +
                  ": expected floating weights [out, in] twice, A [r, in] and B [out, r], found " +
                  shape_text(aligned) + ", " + shape_text(unaligned) + ", " + shape_text(lora.a) +
                  ", " + shape_text(lora.b));
}

// The largest eigenvalue of V V^T. The start has every component and no symmetry, so that it is
// orthogonal to the leading one only by accident.
double leading_eigenvalue(const at::Tensor& v) {
  const std::int64_t n = v.size(0);
  at::Tensor x = at::linspace(1.0, 2.0, n, v.options()).sin() + 0.5;
  x = x / x.norm();
  double value = 0.0;
  for (int step = 0, settled = 0; step < kPowerSteps && settled < 3; ++step) {
    const at::Tensor y = v.matmul(v.t().matmul(x));
    const double next = y.norm().item<double>();
    if (!(next > 0.0)) return next;
    x = y / next;
    settled = std::abs(next - value) <= kPowerTolerance * next ? settled + 1 : 0;
    value = next;
  }
  return value;
}

// <X A, Y A> of X, Y [out, r], A [r, in], from [r, r] matrices.
double inner(const at::Tensor& x, const at::Tensor& y, const at::Tensor& aa) {
  return (x.t().matmul(y) * aa).sum().item<double>();
}

SafeLoraProjection measured(const at::Tensor& aligned, const at::Tensor& unaligned,
                            const LoraPair& lora) {
  SafeLoraProjection out;
  out.layer.name = lora.name;
  const at::Tensor v = aligned.to(at::kDouble) - unaligned.to(at::kDouble);
  const at::Tensor a = lora.a.to(at::kDouble), b = lora.b.to(at::kDouble);
  out.layer.v_norm = v.norm().item<double>();
  const bool finite = std::isfinite(out.layer.v_norm) && a.isfinite().all().item<bool>() &&
                      b.isfinite().all().item<bool>();
  if (!finite || out.layer.v_norm == 0.0) {
    out.layer.quality = Quality::kBad;
    return out;
  }
  out.layer.c_norm = leading_eigenvalue(v) / out.layer.v_norm;
  const at::Tensor projected = v.matmul(v.t().matmul(b)) / out.layer.v_norm;
  const at::Tensor aa = a.matmul(a.t());
  const double before = std::sqrt(std::max(0.0, inner(b, b, aa)));
  const double after = std::sqrt(std::max(0.0, inner(projected, projected, aa)));
  if (before > 0.0) out.layer.norm_ratio = after / before;
  if (before > 0.0 && after > 0.0) {
    out.layer.cosine = std::clamp(inner(projected, b, aa) / (before * after), 0.0, 1.0);
  }
  out.b_projected = projected.to(lora.b.scalar_type());
  return out;
}

Result<double> nth_smallest(std::vector<double> defined, double value) {
  if (!(value >= 1.0) || value != std::floor(value) || defined.empty()) {
    return fail(Errc::kInvalidArgument,
                "SafeLoRA, number mode: expected a whole number >= 1 and a layer with a defined "
                "cosine, found " +
                    number_text(value) + " and " + std::to_string(defined.size()) + " layers");
  }
  const std::size_t n = value >= static_cast<double>(defined.size())
                            ? defined.size()
                            : static_cast<std::size_t>(value);
  std::nth_element(defined.begin(), defined.begin() + static_cast<std::ptrdiff_t>(n - 1),
                   defined.end());
  return defined[n - 1];
}

}  // namespace

Result<SafeLoraProjection> safelora_layer(const at::Tensor& aligned, const at::Tensor& unaligned,
                                          const LoraPair& lora) {
  return guarded([&]() -> Result<SafeLoraProjection> {
    const at::NoGradGuard no_grad;
    if (auto ok = check(aligned, unaligned, lora); !ok) return tl::unexpected<Error>(ok.error());
    return measured(aligned, unaligned, lora);
  });
}

Result<SafeLoraChoice> safelora_select(const std::vector<std::optional<double>>& cosines,
                                       const SafeLoraSelection& selection) {
  SafeLoraChoice out;
  out.cut = selection.value;
  if (selection.mode == SafeLoraSelection::Mode::kNumber) {
    std::vector<double> defined;
    for (const auto& cosine : cosines) {
      if (cosine) defined.push_back(*cosine);
    }
    const auto cut = nth_smallest(std::move(defined), selection.value);
    if (!cut) return tl::unexpected<Error>(cut.error());
    out.cut = *cut;
  } else if (std::isnan(selection.value)) {
    return fail(Errc::kInvalidArgument,
                "SafeLoRA, threshold mode: expected a threshold in 0..1, found NaN");
  }
  for (const auto& cosine : cosines) out.project.push_back(cosine && *cosine <= out.cut);
  return out;
}

Result<SafeLoraReport> safelora_project(const std::vector<LoraPair>& layers,
                                        const NamedWeights& aligned, const NamedWeights& unaligned,
                                        const SafeLoraSelection& selection, bool write) {
  return guarded([&]() -> Result<SafeLoraReport> {
    const at::NoGradGuard no_grad;
    if (layers.empty())
      return fail(Errc::kInvalidArgument, "SafeLoRA: expected at least one layer");
    SafeLoraReport report;
    std::vector<at::Tensor> projected;
    std::vector<std::optional<double>> cosines;
    for (const LoraPair& lora : layers) {
      const auto from = aligned.find(lora.name), to = unaligned.find(lora.name);
      if (from == aligned.end() || to == unaligned.end()) {
        return fail(Errc::kNotFound, "SafeLoRA: expected the weights of layer " +
                                         phaseguard::quoted(lora.name) +
                                         " before and after alignment, found " +
                                         (from != aligned.end()   ? "only those after"
                                          : to != unaligned.end() ? "only those before"
                                                                  : "neither"));
      }
      auto one = safelora_layer(from->second, to->second, lora);
      if (!one) return tl::unexpected<Error>(one.error());
      cosines.push_back(one->layer.cosine);
      projected.push_back(one->b_projected);
      report.layers.push_back(std::move(one->layer));
    }
    const auto choice = safelora_select(cosines, selection);
    if (!choice) return tl::unexpected<Error>(choice.error());
    report.cut = choice->cut;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      if (!choice->project[i]) continue;
      report.layers[i].projected = true;
      ++report.n_projected;
      at::Tensor b = layers[i].b;
      if (write) b.copy_(projected[i]);
    }
    return report;
  });
}

}  // namespace phaseguard::defenses
