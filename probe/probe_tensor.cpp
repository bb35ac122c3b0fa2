#include "probe/probe_tensor.h"

#include <ATen/ops/tensor.h>

#include <cmath>

#include "monitor/base/text.h"
#include "monitor/tensors/tensor_guard.h"

namespace phaseguard::probe {

namespace {

Result<void> states_and_mask(const at::Tensor& states, const at::Tensor& mask) {
  if (!states.defined() || !mask.defined() || states.dim() != 3 || mask.dim() != 2 ||
      states.size(0) != mask.size(0) || states.size(1) != mask.size(1)) {
    return fail(Errc::kInvalidArgument, "expected states [B, T, H] and a mask [B, T], found " +
                                            shape_text(states) + " and " + shape_text(mask));
  }
  const at::Tensor counts = mask.detach().ne(0).sum(1);
  if (counts.numel() == 0 || counts.min().item<std::int64_t>() == 0) {
    return fail(Errc::kInvalidArgument, "a row of the mask has no position: nothing to score");
  }
  return {};
}

// Only [B] logits leave the device.
std::vector<double> score_on_device(const ActivationProbe& probe, const at::Tensor& hidden) {
  const FoldedModel& folded = probe.folded();
  const at::Tensor weights =
      at::tensor(at::ArrayRef<double>(folded.weights), at::kDouble).to(hidden.device());
  const at::Tensor logits = hidden.detach().to(at::kDouble).mv(weights).to(at::kCPU).contiguous();
  std::vector<double> risks(logits.data_ptr<double>(), logits.data_ptr<double>() + logits.numel());
  for (double& value : risks) value = probe.risk_of(value + folded.bias);
  return risks;
}

}  // namespace

Result<Features> features_of(const at::Tensor& hidden) {
  if (!hidden.defined() || hidden.dim() != 2 || !hidden.is_floating_point()) {
    return fail(Errc::kInvalidArgument,
                "features: expected a floating tensor [B, H], found " + shape_text(hidden));
  }
  return guarded([&]() -> Result<Features> {
    const at::Tensor wide = hidden.detach().to(at::kCPU, at::kDouble).contiguous();
    return make_features(
        Span<const double>(wide.data_ptr<double>(), static_cast<std::size_t>(wide.numel())),
        static_cast<std::size_t>(wide.size(0)), static_cast<std::size_t>(wide.size(1)));
  });
}

Result<std::vector<double>> score(const ActivationProbe& probe, const at::Tensor& hidden) {
  const auto width = probe.site().width;
  if (!hidden.defined() || hidden.dim() != 2 || !hidden.is_floating_point() ||
      hidden.size(0) == 0 || hidden.size(1) != width) {
    return fail(Errc::kInvalidArgument,
                "probe: expected a floating tensor [B, " + std::to_string(width) +
                    "] with at least one row, of layer " +
                    phaseguard::quoted(probe.site().layer, 60) + ", found " + shape_text(hidden));
  }
  return guarded([&]() -> Result<std::vector<double>> {
    if (!hidden.is_cpu()) return score_on_device(probe, hidden);
    if (hidden.scalar_type() == at::kDouble) {
      const auto features = features_of(hidden);
      if (!features) return tl::unexpected<Error>(features.error());
      return probe.score(*features);
    }
    // float16 and bfloat16 are exact in float32.
    const at::Tensor single = hidden.detach().to(at::kFloat).contiguous();
    return probe.score(
        Span<const float>(single.data_ptr<float>(), static_cast<std::size_t>(single.numel())),
        static_cast<std::size_t>(single.size(0)));
  });
}

Result<Drift> drift(const TraitDirection& direction, const at::Tensor& reference,
                    const at::Tensor& model) {
  const auto before = features_of(reference);
  if (!before) return tl::unexpected<Error>(before.error());
  const auto now = features_of(model);
  if (!now) return tl::unexpected<Error>(now.error());
  return direction.drift(*before, *now);
}

Result<at::Tensor> last_position(const at::Tensor& states, const at::Tensor& mask) {
  return guarded([&]() -> Result<at::Tensor> {
    if (auto ok = states_and_mask(states, mask); !ok) return tl::unexpected<Error>(ok.error());
    // Counting from the end: the first 1 of the flipped mask, so left and right padding both work.
    const at::Tensor from_end = mask.ne(0).to(at::kInt).flip({1}).argmax(1);
    const at::Tensor last = from_end.neg().add(states.size(1) - 1);
    const at::Tensor index = last.view({-1, 1, 1}).expand({-1, 1, states.size(2)});
    return states.gather(1, index).squeeze(1);
  });
}

Result<at::Tensor> mean_position(const at::Tensor& states, const at::Tensor& mask) {
  return guarded([&]() -> Result<at::Tensor> {
    if (auto ok = states_and_mask(states, mask); !ok) return tl::unexpected<Error>(ok.error());
    const at::Tensor counted = mask.ne(0).unsqueeze(2);
    // Masked positions are replaced, not multiplied by 0: padding may hold anything, NaN included.
    const at::Tensor kept = states.masked_fill(counted.logical_not(), 0.0);
    return kept.sum(1).div(counted.sum(1));
  });
}

Result<std::vector<std::vector<double>>> answer_log_probs(const at::Tensor& logits,
                                                          const at::Tensor& tokens,
                                                          const at::Tensor& answer) {
  if (!logits.defined() || !tokens.defined() || !answer.defined() || logits.dim() != 3 ||
      !logits.is_floating_point() || tokens.dim() != 2 ||
      !at::isIntegralType(tokens.scalar_type(), false) || tokens.sizes() != answer.sizes() ||
      tokens.sizes() != logits.sizes().slice(0, 2) || tokens.numel() == 0) {
    return fail(Errc::kInvalidArgument,
                "answers: expected logits [B, T, V], tokens and mask [B, T], found " +
                    shape_text(logits) + ", " + shape_text(tokens) + " and " + shape_text(answer));
  }
  return guarded([&]() -> Result<std::vector<std::vector<double>>> {
    const at::Tensor counted = answer.detach().ne(0).to(at::kCPU);
    const at::Tensor ids = tokens.detach().to(at::kCPU, at::kLong);
    if (counted.select(1, 0).any().item<bool>()) {
      return fail(Errc::kInvalidArgument,
                  "answers: an answer begins at position 0, where nothing predicts it");
    }
    std::vector<std::vector<double>> out;
    for (std::int64_t row = 0; row < ids.size(0); ++row) {
      // Position t - 1 predicts the token at t; only the answer's rows are made wide.
      const at::Tensor at_answer = counted[row].nonzero().squeeze(1);
      if (at_answer.numel() == 0) {
        return fail(Errc::kInvalidArgument,
                    "answers: sample " + std::to_string(row) + " has no answer token");
      }
      const at::Tensor wide = logits[row]
                                  .detach()
                                  .index_select(0, at_answer.sub(1).to(logits.device()))
                                  .to(at::kDouble)
                                  .log_softmax(-1);
      const at::Tensor chosen = ids[row].index_select(0, at_answer).unsqueeze(1);
      const at::Tensor picked =
          wide.gather(1, chosen.to(wide.device())).squeeze(1).to(at::kCPU).contiguous();
      out.emplace_back(picked.data_ptr<double>(), picked.data_ptr<double>() + picked.numel());
      for (double value : out.back()) {
        if (!std::isnan(value)) continue;
        return fail(Errc::kInvalidArgument, "answers: sample " + std::to_string(row) +
                                                ": its logits give no probability (NaN, "
                                                "+infinity or all -infinity)");
      }
    }
    return out;
  });
}

}  // namespace phaseguard::probe
