#include "trainer-hook/defenses/penalty/weighted_loss.h"

#include <ATen/TensorOperators.h>

#include <string>

#include "monitor/tensors/tensor_guard.h"

namespace phaseguard::defenses {

Result<at::Tensor> weighted_token_mean(const at::Tensor& nll, const at::Tensor& row,
                                       const at::Tensor& weights, std::int64_t n_step) {
  return guarded([&]() -> Result<at::Tensor> {
    const bool shapes = nll.defined() && row.defined() && weights.defined() && nll.dim() == 1 &&
                        nll.size(0) > 0 && row.sizes() == nll.sizes() && weights.dim() == 1 &&
                        weights.size(0) > 0 && row.scalar_type() == at::kLong &&
                        nll.is_floating_point() && weights.is_floating_point();
    if (!shapes) {
      return fail(Errc::kInvalidArgument,
                  "weighted loss: expected losses [M], int64 rows [M] and weights [B], found " +
                      shape_text(nll) + ", " + shape_text(row) + ", " + shape_text(weights));
    }
    if (n_step != 0 && n_step < nll.size(0)) {
      return fail(Errc::kInvalidArgument,
                  "weighted loss: this micro-batch has " + std::to_string(nll.size(0)) +
                      " answer tokens, more than the whole step's " + std::to_string(n_step));
    }
    const at::Tensor w = weights.detach();
    const bool in_range = row.ge(0).logical_and(row.lt(w.size(0))).all().item<bool>();
    if (!in_range || !w.isfinite().logical_and(w.ge(0)).all().item<bool>()) {
      return fail(Errc::kInvalidArgument,
                  "weighted loss: expected rows of the batch's samples and finite weights >= 0, "
                  "found " +
                      std::string(in_range ? "another weight" : "a row outside the batch"));
    }
    const auto n = static_cast<double>(n_step == 0 ? nll.size(0) : n_step);
    return (nll * w.to(nll.options().requires_grad(false)).index_select(0, row)).sum() / n;
  });
}

}  // namespace phaseguard::defenses
