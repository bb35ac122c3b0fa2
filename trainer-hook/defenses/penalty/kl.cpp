#include "trainer-hook/defenses/penalty/kl.h"

#include <ATen/TensorOperators.h>

#include <limits>
#include <string>
#include <utility>

#include "monitor/base/text.h"
#include "monitor/tensors/tensor_guard.h"

namespace phaseguard::defenses {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Result<void> check_logits(const at::Tensor& model, const at::Tensor& reference) {
  const bool fits = model.defined() && reference.defined() && model.dim() >= 1 &&
                    model.sizes() == reference.sizes() && model.size(-1) > 0 &&
                    model.is_floating_point() && reference.is_floating_point();
  if (fits) return {};
  return fail(Errc::kInvalidArgument, "KL: expected floating logits [.., V] of one shape, found " +
                                          shape_text(model) + " and " + shape_text(reference));
}

// Log-probabilities in float32 or better.
at::Tensor log_probs(const at::Tensor& logits) {
  const auto type = logits.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  return logits.to(type).log_softmax(-1);
}

// The KL of every position, [..], differentiable in `model`.
at::Tensor positions(const at::Tensor& model, const at::Tensor& reference, KlDirection direction) {
  const at::Tensor lp = log_probs(model);
  const at::Tensor lq = log_probs(reference.detach());
  const bool forward = direction == KlDirection::kModelRef;
  const at::Tensor& from = forward ? lp : lq;
  const at::Tensor& to = forward ? lq : lp;
  // A token without mass in `from` contributes 0. It is taken out before it is multiplied, not
  // after: 0 * infinity is NaN, in the value and in the gradient.
  const at::Tensor no_mass = from.detach().isneginf();
  const at::Tensor impossible = to.detach().isneginf();
  const at::Tensor difference =
      from.masked_fill(no_mass, 0.0) - to.masked_fill(no_mass.logical_or(impossible), 0.0);
  const at::Tensor sum = (from.exp() * difference).sum(-1);
  const at::Tensor infinite = impossible.logical_and(no_mass.logical_not()).any(-1);
  return sum.masked_fill(infinite, kInfinity);
}

Result<void> check_batch(const at::Tensor& model, const at::Tensor& mask, std::int64_t n_step) {
  if (model.dim() != 3 || !mask.defined() || mask.dim() != 2 || mask.size(0) != model.size(0) ||
      mask.size(1) != model.size(1)) {
    return fail(Errc::kInvalidArgument, "KL: expected logits [B, T, V] and a mask [B, T], found " +
                                            shape_text(model) + " and " + shape_text(mask));
  }
  if (n_step < 0) {
    return fail(Errc::kInvalidArgument,
                "KL: expected the step's count of masked positions, 0 or more, found " +
                    std::to_string(n_step));
  }
  return {};
}

KlPenalty bad(std::int64_t n_positions) {
  KlPenalty penalty;
  penalty.n_positions = n_positions;
  penalty.measured = std::numeric_limits<double>::quiet_NaN();
  penalty.quality = Quality::kBad;
  return penalty;
}

// weights: [B] or undefined for 1. divergence(): [B, T] nats, called when there is something to
// count.
template <class Divergence>
Result<KlPenalty> penalty_of(const at::Tensor& model, const at::Tensor& reference,
                             const at::Tensor& mask, const at::Tensor& weights, std::int64_t n_step,
                             Divergence&& divergence) {
  if (auto ok = check_logits(model, reference); !ok) return tl::unexpected<Error>(ok.error());
  if (auto ok = check_batch(model, mask, n_step); !ok) return tl::unexpected<Error>(ok.error());
  const at::Tensor counted = mask.detach().ne(0);
  const auto n = counted.sum().item<std::int64_t>();
  if (n_step != 0 && n_step < n) {
    return fail(Errc::kInvalidArgument, "KL: this micro-batch has " + std::to_string(n) +
                                            " masked positions, more than the whole step's " +
                                            std::to_string(n_step));
  }
  if (n == 0) return bad(0);
  const at::Tensor kept = divergence().masked_fill(counted.logical_not(), 0.0);
  at::Tensor by_sample = kept.sum(1) / static_cast<double>(n_step == 0 ? n : n_step);
  if (weights.defined()) by_sample = by_sample * weights.detach().to(by_sample.options());
  if (!by_sample.detach().isfinite().all().item<bool>()) return bad(n);

  KlPenalty penalty;
  penalty.n_positions = n;
  penalty.value = by_sample.sum();
  penalty.per_sample = by_sample * static_cast<double>(model.size(0));
  penalty.measured = penalty.value.item<double>();
  return penalty;
}

}  // namespace

const char* name_of(KlDirection direction) {
  return direction == KlDirection::kModelRef ? "model_ref" : "ref_model";
}

Result<KlDirection> kl_direction(std::string_view name) {
  if (name == "model_ref") return KlDirection::kModelRef;
  if (name == "ref_model") return KlDirection::kRefModel;
  return fail(Errc::kInvalidArgument,
              "KL direction: expected model_ref or ref_model, found " + phaseguard::quoted(name));
}

Result<at::Tensor> kl_per_position(const at::Tensor& model, const at::Tensor& reference,
                                   KlDirection direction) {
  return guarded([&]() -> Result<at::Tensor> {
    if (auto ok = check_logits(model, reference); !ok) return tl::unexpected<Error>(ok.error());
    return positions(model, reference, direction);
  });
}

Result<KlPenalty> kl_token_mean(const at::Tensor& model, const at::Tensor& reference,
                                const at::Tensor& mask, KlDirection direction,
                                std::int64_t n_step) {
  return guarded([&]() -> Result<KlPenalty> {
    return penalty_of(model, reference, mask, {}, n_step,
                      [&] { return positions(model, reference, direction); });
  });
}

Result<KlPenalty> kl_weighted(const at::Tensor& model, const at::Tensor& reference,
                              const at::Tensor& mask, const at::Tensor& weights,
                              KlDirection direction, std::int64_t n_step) {
  return guarded([&]() -> Result<KlPenalty> {
    const bool fits = weights.defined() && model.defined() && weights.dim() == 1 &&
                      model.dim() == 3 && weights.size(0) == model.size(0);
    if (!fits || !weights.isfinite().logical_and(weights.ge(0)).all().item<bool>()) {
      return fail(Errc::kInvalidArgument,
                  "KL: expected one finite weight >= 0 for each sample, found " +
                      shape_text(weights) + " for " + shape_text(model));
    }
    return penalty_of(model, reference, mask, weights, n_step,
                      [&] { return positions(model, reference, direction); });
  });
}

Result<SampledKl> sampled_kl(const at::Tensor& model, const at::Tensor& reference,
                             const at::Tensor& tokens) {
  return guarded([&]() -> Result<SampledKl> {
    if (auto ok = check_logits(model, reference); !ok) return tl::unexpected<Error>(ok.error());
    const bool fits = tokens.defined() && tokens.scalar_type() == at::kLong &&
                      tokens.sizes() == model.sizes().slice(0, model.dim() - 1);
    if (!fits) {
      return fail(Errc::kInvalidArgument, "sampled KL: expected int64 tokens [..] for " +
                                              shape_text(model) + ", found " + shape_text(tokens));
    }
    const at::Tensor index = tokens.unsqueeze(-1);
    const at::Tensor lp = log_probs(model).gather(-1, index).squeeze(-1);
    const at::Tensor lq = log_probs(reference.detach()).gather(-1, index).squeeze(-1);
    const at::Tensor log_ratio = lq - lp;
    SampledKl out;
    out.k1 = -log_ratio;
    out.k2 = log_ratio * log_ratio * 0.5;
    out.k3 = log_ratio.expm1() - log_ratio;
    return out;
  });
}

const char* name_of(KlEstimator estimator) {
  if (estimator == KlEstimator::kK1) return "k1";
  return estimator == KlEstimator::kK2 ? "k2" : "k3";
}

Result<KlDirection> gradient_direction(KlEstimator estimator) {
  if (estimator == KlEstimator::kK2) return KlDirection::kModelRef;
  if (estimator == KlEstimator::kK3) return KlDirection::kRefModel;
  return fail(Errc::kRefused,
              "k1 as a penalty has no effect: its gradient is 0 in expectation; use exact KL, or "
              "k2 for model_ref");
}

Result<KlPenalty> kl_sampled_mean(const at::Tensor& model, const at::Tensor& reference,
                                  const at::Tensor& tokens, const at::Tensor& mask,
                                  KlEstimator estimator, KlDirection direction,
                                  std::int64_t n_step) {
  const auto lowered = gradient_direction(estimator);
  if (!lowered) return tl::unexpected<Error>(lowered.error());
  if (*lowered != direction) {
    return fail(Errc::kRefused, std::string(name_of(estimator)) + " as a penalty lowers " +
                                    name_of(*lowered) + ", not " + name_of(direction) + ": say " +
                                    name_of(*lowered) + ", or use exact KL");
  }
  return guarded([&]() -> Result<KlPenalty> {
    const auto sampled = sampled_kl(model, reference, tokens);
    if (!sampled) return tl::unexpected<Error>(sampled.error());
    return penalty_of(model, reference, mask, {}, n_step,
                      [&] { return estimator == KlEstimator::kK2 ? sampled->k2 : sampled->k3; });
  });
}

}  // namespace phaseguard::defenses
