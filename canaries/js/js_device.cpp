#include "canaries/js/js_device.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <initializer_list>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

#include "canaries/js/tensor_checks.h"
#include "monitor/tensors/tensor_guard.h"

namespace phaseguard::canaries {

namespace {

constexpr double kHuge = 1e37;  // beyond it differences of float32 logits overflow

// Two rows prepared: p and q [P, V], d = ln p - ln q (NaN where both logits are -infinity).
struct Prepared {
  at::Tensor p, q, d;
  at::Tensor bad;  // [P] bool: a NaN, a +infinity, or no finite logit
};

at::Tensor bad_rows(const at::Tensor& z) {
  return z.isnan().logical_or(z.isposinf()).any(-1).logical_or(z.isneginf().all(-1));
}

Prepared prepare(const at::Tensor& model, const at::Tensor& reference) {
  Prepared out;
  out.bad = bad_rows(model).logical_or(bad_rows(reference));
  const at::Tensor max_p = model.amax(-1, true), max_q = reference.amax(-1, true);
  const at::Tensor e_p = (model - max_p).exp(), e_q = (reference - max_q).exp();
  const at::Tensor sum_p = e_p.sum(-1, true, at::kDouble), sum_q = e_q.sum(-1, true, at::kDouble);
  out.p = e_p / sum_p.to(e_p.scalar_type());
  out.q = e_q / sum_q.to(e_q.scalar_type());
  // The shift in two parts, so that near-identical rows keep their digits.
  const at::Tensor shift =
      (max_p.to(at::kDouble) - max_q.to(at::kDouble)) + (sum_p.log() - sum_q.log());
  const at::Tensor high = shift.to(model.scalar_type());
  const at::Tensor low = (shift - high.to(at::kDouble)).to(model.scalar_type());
  out.d = ((model - reference) - high) - low;
  return out;
}

at::Tensor polynomial(const at::Tensor& x, std::initializer_list<double> descending) {
  at::Tensor y;
  for (const double c : descending) y = y.defined() ? y * x + c : at::full_like(x, c);
  return y;
}

// Shares per token [P, V]: with a = |d|, m = (p + q)/2, s = min(p, q)/max(p, q)
//   a < 1/2: m (d^2/8 - d^4/64 + d^6/576 - 17 d^8/92160 + ...), to d^14
//   else:    m (ln 2 - ln(1 + s)) - a min(p, q)/2
at::Tensor shares(const at::Tensor& p, const at::Tensor& q, const at::Tensor& d) {
  const at::Tensor a = at::where(d.isnan(), at::zeros_like(d), d.abs().clamp_max(800.0));
  const at::Tensor m = (p + q) * 0.5;
  const at::Tensor u = a * a;
  const at::Tensor near =
      m * u *
      polynomial(u, {5461.0 / 26824089600.0, -691.0 / 348364800.0, 31.0 / 1612800.0,
                     -17.0 / 92160.0, 1.0 / 576.0, -1.0 / 64.0, 1.0 / 8.0});
  const at::Tensor low = at::minimum(p, q), high = at::maximum(p, q);
  const at::Tensor s = at::where(high.gt(0), low / high, at::zeros_like(high));
  const at::Tensor far = m * (kLn2 - s.log1p()) - a * low * 0.5;
  return at::where(a < 0.5, near, far);
}

// The full divergence of each row [P], float64, clamped to 0..ln 2; NaN where the row is BAD.
at::Tensor full_rows(const Prepared& rows) {
  const at::Tensor js = shares(rows.p, rows.q, rows.d).sum(-1, false, at::kDouble).clamp(0.0, kLn2);
  return js.masked_fill(rows.bad, std::numeric_limits<double>::quiet_NaN());
}

// Marks the k largest logits of each row: value descending, then lower index first.
void mark_top(const at::Tensor& z, std::int64_t k, at::Tensor& in_set) {
  const at::Tensor order = std::get<1>(at::sort(z, /*stable=*/true, -1, /*descending=*/true));
  in_set.scatter_(-1, order.slice(-1, 0, k), true);
}

struct Values {
  at::Tensor value, lower, upper;  // [P] float64
};

at::Tensor bucket_share(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor d = a.log() - b.log();  // 0 on one side: +-infinity; on both: NaN, share 0
  return shares(a, b, d);
}

Values truncated_rows(const at::Tensor& model, const at::Tensor& reference, const Prepared& rows,
                      JsVariant variant, std::int64_t k) {
  at::Tensor in_set = at::zeros_like(reference, at::kBool);
  mark_top(reference, k, in_set);
  const bool by_union = variant == JsVariant::kUnionTopkTail ||
                        variant == JsVariant::kUnionTopkRaw ||
                        variant == JsVariant::kUnionTopkRenorm;
  if (by_union) mark_top(model, k, in_set);
  const at::Tensor outside = in_set.logical_not();
  const at::Tensor f = shares(rows.p, rows.q, rows.d).masked_fill(outside, 0.0);
  const at::Tensor raw = f.sum(-1, false, at::kDouble);
  const at::Tensor a = rows.p.masked_fill(in_set, 0.0).sum(-1, false, at::kDouble);
  const at::Tensor b = rows.q.masked_fill(in_set, 0.0).sum(-1, false, at::kDouble);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Values out;
  out.lower = (raw + bucket_share(a, b)).clamp(0.0, kLn2).masked_fill(rows.bad, nan);
  out.upper = at::maximum(out.lower, (raw + (a + b) * (0.5 * kLn2)).clamp(0.0, kLn2))
                  .masked_fill(rows.bad, nan);
  switch (variant) {
    case JsVariant::kUnionTopkTail:
    case JsVariant::kRefTopkTail:
      out.value = out.lower;
      break;
    case JsVariant::kUnionTopkRaw:
    case JsVariant::kRefTopkRaw:
      out.value = raw.clamp(0.0, kLn2).masked_fill(rows.bad, nan);
      break;
    case JsVariant::kFull:
    case JsVariant::kUnionTopkRenorm:
    case JsVariant::kRefTopkRenorm: {
      const double gone = -std::numeric_limits<double>::infinity();
      const Prepared inside =
          prepare(model.masked_fill(outside, gone), reference.masked_fill(outside, gone));
      out.value = full_rows(inside).masked_fill(rows.bad, nan);
    }
  }
  return out;
}

// The only numbers that travel to the host.
std::vector<JsValue> to_host(const Values& values) {
  const at::Tensor value = values.value.to(at::kCPU), lower = values.lower.to(at::kCPU),
                   upper = values.upper.to(at::kCPU);
  std::vector<JsValue> out(static_cast<std::size_t>(value.numel()));
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i].value = value.data_ptr<double>()[i];
    out[i].lower = lower.data_ptr<double>()[i];
    out[i].upper = upper.data_ptr<double>()[i];
    out[i].quality = std::isnan(out[i].value) ? Quality::kBad : Quality::kGood;
  }
  return out;
}

// float64 when either side is, or when float32 differences would overflow.
at::ScalarType working_type(const at::Tensor& model, const at::Tensor& reference) {
  if (model.scalar_type() == at::kDouble || reference.scalar_type() == at::kDouble) {
    return at::kDouble;
  }
  const auto huge = [](const at::Tensor& z) {
    return z.to(at::kFloat).masked_fill(z.isinf(), 0.0).abs().gt(kHuge).any();
  };
  return huge(model).logical_or(huge(reference)).item<bool>() ? at::kDouble : at::kFloat;
}

}  // namespace

Result<JsSummary> js_divergence_aten(const at::Tensor& model, const at::Tensor& reference,
                                     JsVariant variant, std::size_t k) {
  return guarded([&]() -> Result<JsSummary> {
    if (auto ok = check_logits(model, reference); !ok) return tl::unexpected<Error>(ok.error());
    if (needs_k(variant)) {
      if (auto ok = check_k(k, static_cast<std::size_t>(model.size(1))); !ok) {
        return tl::unexpected<Error>(ok.error());
      }
    }
    const c10::NoGradGuard no_grad;
    const at::ScalarType type = working_type(model, reference);
    const at::Tensor p = model.detach().to(type), q = reference.detach().to(p.device(), type);
    const Prepared rows = prepare(p, q);
    Values values;
    if (needs_k(variant)) {
      values = truncated_rows(p, q, rows, variant, static_cast<std::int64_t>(k));
    } else {
      values.value = values.lower = values.upper = full_rows(rows);
    }
    return summarise(to_host(values));
  });
}

}  // namespace phaseguard::canaries
