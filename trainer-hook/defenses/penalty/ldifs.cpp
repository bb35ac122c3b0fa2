#include "trainer-hook/defenses/penalty/ldifs.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <string>

#include "monitor/tensors/tensor_guard.h"

namespace phaseguard::defenses {

namespace {

Result<void> check(const std::vector<at::Tensor>& model, const std::vector<at::Tensor>& reference,
                   const at::Tensor& mask, std::int64_t n_step) {
  if (model.empty() || model.size() != reference.size()) {
    return fail(Errc::kInvalidArgument,
                "LDIFS: expected the same layers of model and reference, at least one, found " +
                    std::to_string(model.size()) + " and " + std::to_string(reference.size()));
  }
  for (std::size_t i = 0; i < model.size(); ++i) {
    const at::Tensor &x = model[i], &y = reference[i];
    const bool fits = x.defined() && y.defined() && x.dim() == 3 && x.sizes() == y.sizes() &&
                      x.numel() > 0 && x.is_floating_point() && y.is_floating_point() &&
                      x.size(0) == model[0].size(0);
    if (!fits) {
      return fail(Errc::kInvalidArgument, "LDIFS: layer " + std::to_string(i) +
                                              ": expected floating features [B, T, H] of one "
                                              "shape, found " +
                                              shape_text(x) + " and " + shape_text(y));
    }
    if (mask.defined() &&
        (mask.dim() != 2 || mask.size(0) != x.size(0) || mask.size(1) != x.size(1)))
      return fail(Errc::kInvalidArgument, "LDIFS: expected a mask [B, T] for " + shape_text(x) +
                                              ", found " + shape_text(mask));
    if (at::GradMode::is_enabled() && !x.requires_grad()) {
      return fail(Errc::kInvalidArgument,
                  "LDIFS: layer " + std::to_string(i) +
                      ": the model's features have no graph (detached, or computed under no-grad): "
                      "the penalty would have no effect; to measure only, call under no-grad");
    }
  }
  if (n_step >= 0) return {};
  return fail(
      Errc::kInvalidArgument,
      "LDIFS: expected the step's count of samples, 0 or more, found " + std::to_string(n_step));
}

at::Tensor flat(const at::Tensor& features, const at::Tensor& padding) {
  const auto type = features.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  at::Tensor x = features.to(type);
  // Filled, not multiplied: NaN behind padding times 0 is NaN, in the gradient too.
  if (padding.defined()) x = x.masked_fill(padding, 0.0);
  return x.flatten(1);
}

}  // namespace

Result<std::vector<std::int64_t>> ldifs_layers(std::int64_t blocks, std::int64_t points) {
  if (blocks < 1 || points < 1) {
    return fail(Errc::kInvalidArgument,
                "LDIFS layers: expected at least one block and one point, found " +
                    std::to_string(blocks) + " and " + std::to_string(points));
  }
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < points; ++i) {
    const std::int64_t index = points == 1 ? blocks - 1 : i * (blocks - 1) / (points - 1);
    if (out.empty() || out.back() != index) out.push_back(index);
  }
  return out;
}

Result<LdifsPenalty> ldifs_distance(const std::vector<at::Tensor>& model,
                                    const std::vector<at::Tensor>& reference,
                                    const at::Tensor& mask, std::int64_t n_step) {
  return guarded([&]() -> Result<LdifsPenalty> {
    if (auto ok = check(model, reference, mask, n_step); !ok)
      return tl::unexpected<Error>(ok.error());
    const at::Tensor padding = mask.defined() ? mask.detach().eq(0).unsqueeze(-1) : at::Tensor();
    at::Tensor sum;
    for (std::size_t i = 0; i < model.size(); ++i) {
      const at::Tensor x = flat(model[i], padding);
      const at::Tensor y = flat(reference[i].detach(), padding).to(x.scalar_type());
      const at::Tensor nx = x.norm(2, {1}, true), ny = y.norm(2, {1}, true);
      const at::Tensor usable = nx.detach().isfinite().logical_and(ny.isfinite());
      if (!usable.logical_and(nx.detach().gt(0)).logical_and(ny.gt(0)).all().item<bool>())
        return LdifsPenalty{};
      const at::Tensor distance = (x / nx - y / ny).square().sum(1);
      sum = sum.defined() ? sum + distance : distance;
    }
    const std::int64_t n = model[0].size(0);
    LdifsPenalty out;
    out.per_sample =
        n_step == 0 ? sum : sum * (static_cast<double>(n) / static_cast<double>(n_step));
    out.value = out.per_sample.mean();
    out.measured = out.value.item<double>();
    out.quality = Quality::kGood;
    return out;
  });
}

}  // namespace phaseguard::defenses
