#include "canaries/js/js_tensor.h"

#include <utility>
#include <vector>

#include "canaries/js/js_device.h"
#include "canaries/js/tensor_checks.h"
#include "monitor/tensors/tensor_guard.h"

namespace phaseguard::canaries {

Result<void> check_logits(const at::Tensor& model, const at::Tensor& reference) {
  const bool fits = model.defined() && reference.defined() && model.dim() == 2 &&
                    model.sizes() == reference.sizes() && model.numel() > 0 &&
                    model.is_floating_point() && reference.is_floating_point();
  if (fits) return {};
  return fail(Errc::kInvalidArgument,
              "divergence: expected floating logits [P, V] of one shape, found " +
                  shape_text(model) + " and " + shape_text(reference));
}

namespace {

std::vector<JsValue> rows_in_double(const at::Tensor& model, const at::Tensor& reference,
                                    JsVariant variant, std::size_t k, Result<void>& status) {
  const at::Tensor p = model.to(at::kCPU, at::kDouble).contiguous();
  const at::Tensor q = reference.to(at::kCPU, at::kDouble).contiguous();
  const auto width = static_cast<std::size_t>(p.size(1));
  std::vector<JsValue> values;
  for (std::int64_t i = 0; i < p.size(0); ++i) {
    const auto value =
        js_divergence(Span<const double>(p.data_ptr<double>() + i * p.size(1), width),
                      Span<const double>(q.data_ptr<double>() + i * q.size(1), width), variant, k);
    if (!value) {
      status = tl::unexpected<Error>(value.error());
      break;
    }
    values.push_back(*value);
  }
  return values;
}

}  // namespace

Result<JsSummary> js_divergence(const at::Tensor& model, const at::Tensor& reference,
                                JsVariant variant, std::size_t k) {
  return guarded([&]() -> Result<JsSummary> {
    if (auto ok = check_logits(model, reference); !ok) return tl::unexpected<Error>(ok.error());
    if (!model.device().is_cpu()) return js_divergence_aten(model, reference, variant, k);
    const at::Tensor a = model.detach(), b = reference.detach().to(at::kCPU);
    if (a.scalar_type() == at::kDouble || b.scalar_type() == at::kDouble) {
      Result<void> status;
      std::vector<JsValue> values = rows_in_double(a, b, variant, k, status);
      if (!status) return tl::unexpected<Error>(status.error());
      return summarise(std::move(values));
    }
    const at::Tensor p = a.to(at::kCPU, at::kFloat).contiguous();
    const at::Tensor q = b.to(at::kCPU, at::kFloat).contiguous();
    const auto count = static_cast<std::size_t>(p.numel());
    auto values = js_divergence_rows(Span<const float>(p.data_ptr<float>(), count),
                                     Span<const float>(q.data_ptr<float>(), count),
                                     static_cast<std::size_t>(p.size(0)), variant, k);
    if (!values) return tl::unexpected<Error>(values.error());
    return summarise(std::move(*values));
  });
}

Result<JsSummary> js_divergence_first_k(const at::Tensor& model, const at::Tensor& reference,
                                        JsVariant variant, std::size_t k) {
  if (!model.defined() || !reference.defined() || model.dim() != 3 ||
      model.sizes() != reference.sizes() || model.size(1) == 0) {
    return fail(Errc::kInvalidArgument,
                "divergence over first positions: expected floating logits [P, K, V] of one shape, "
                "found " +
                    shape_text(model) + " and " + shape_text(reference));
  }
  auto rows = js_divergence(model.flatten(0, 1), reference.flatten(0, 1), variant, k);
  if (!rows) return rows;
  return first_k_mean(rows->per_canary, static_cast<std::size_t>(model.size(1)));
}

Result<at::Tensor> last_unmasked(const at::Tensor& logits, const at::Tensor& attention) {
  return guarded([&]() -> Result<at::Tensor> {
    if (logits.defined() && logits.dim() == 2) return logits;
    if (!logits.defined() || !attention.defined() || logits.dim() != 3 || attention.dim() != 2 ||
        logits.size(0) != attention.size(0) || logits.size(1) != attention.size(1)) {
      return fail(Errc::kInvalidArgument,
                  "canary logits: expected [P, T, V] and attention [P, T], found " +
                      shape_text(logits) + " and " + shape_text(attention));
    }
    const at::Tensor kept = attention.ne(0).to(at::kInt);
    if (kept.numel() == 0 || kept.sum(1).min().item<std::int64_t>() == 0) {
      return fail(Errc::kInvalidArgument, "canary logits: a row of the attention mask is all 0");
    }
    // The first 1 of the flipped mask: right whichever side the padding is on.
    const at::Tensor last = kept.flip({1}).argmax(1).neg().add(logits.size(1) - 1);
    const at::Tensor index = last.view({-1, 1, 1}).expand({-1, 1, logits.size(2)});
    return logits.gather(1, index).squeeze(1);
  });
}

}  // namespace phaseguard::canaries
