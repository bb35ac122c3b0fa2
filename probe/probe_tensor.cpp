#include "probe/probe_tensor.h"

#include <c10/util/Exception.h>

#include <sstream>

namespace phaseguard::probe {

namespace {

std::string shape_text(const at::Tensor& tensor) {
  if (!tensor.defined()) return "an undefined tensor";
  std::ostringstream out;
  out << tensor.sizes() << " of " << tensor.scalar_type();
  return out.str();
}

Status states_and_mask(const at::Tensor& states, const at::Tensor& mask) {
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

template <class F>
auto guarded(F&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const c10::Error& error) {
    return fail(Errc::kInvalidArgument, std::string("LibTorch: ") + error.what_without_backtrace());
  }
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
  const auto features = features_of(hidden);
  if (!features) return tl::unexpected<Error>(features.error());
  return probe.score(*features);
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

}  // namespace phaseguard::probe
