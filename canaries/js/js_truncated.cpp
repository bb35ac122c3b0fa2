#include "canaries/js/js_truncated.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace phaseguard::canaries::detail {

namespace {

// Marks the k largest: value descending, then lower index first.
void mark_top(Span<const double> z, std::size_t k, std::vector<char>& in_set) {
  std::vector<std::size_t> order(z.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::nth_element(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k - 1), order.end(),
      [&](std::size_t a, std::size_t b) { return z[a] != z[b] ? z[a] > z[b] : a < b; });
  for (std::size_t i = 0; i < k; ++i) in_set[order[i]] = 1;
}

struct OverSet {
  std::size_t size = 0;
  double raw = 0.0;                               // sum of shares inside
  double tail_model = 0.0, tail_reference = 0.0;  // summed outside, never 1 - inside
  double tail = 0.0;                              // raw plus the bucket
  std::optional<double> renorm;
  double lower = 0.0, upper = 0.0;
};

// The divergence of the two rows inside the set alone. From the logits, not from p and q: mass that
// underflows is still mass. Undefined where either row is all -infinity there.
std::optional<double> renormalised(const Pair& pair, const std::vector<char>& in_set) {
  std::vector<double> model, reference;
  for (std::size_t i = 0; i < in_set.size(); ++i) {
    if (in_set[i] == 0) continue;
    model.push_back(pair.model[i]);
    reference.push_back(pair.reference[i]);
  }
  const Pair inside = prepare(model, reference);
  if (inside.bad) return std::nullopt;
  return full(inside);
}

OverSet over_set(const Pair& pair, const std::vector<char>& in_set) {
  OverSet over;
  for (std::size_t i = 0; i < in_set.size(); ++i) {
    const double p = pair.p(i), q = pair.q(i);
    if (in_set[i] != 0) {
      ++over.size;
      over.raw += share(p, q, pair.d(i));
    } else {
      over.tail_model += p;
      over.tail_reference += q;
    }
  }
  const double bucket = share(over.tail_model, over.tail_reference);
  over.raw = clamped(over.raw);
  over.tail = clamped(over.raw + bucket);
  over.renorm = renormalised(pair, in_set);
  over.lower = over.tail;
  over.upper = std::max(over.lower,
                        clamped(over.raw + 0.5 * (over.tail_model + over.tail_reference) * kLn2));
  return over;
}

}  // namespace

JsTruncated truncated(const Pair& pair, std::size_t k) {
  std::vector<char> in_set(pair.model.size(), 0);
  mark_top(pair.reference, k, in_set);
  const OverSet by_reference = over_set(pair, in_set);
  mark_top(pair.model, k, in_set);
  const OverSet by_union = over_set(pair, in_set);

  JsTruncated out;
  out.k = k;
  out.union_size = by_union.size;
  out.union_topk_tail = by_union.tail;
  out.union_topk_raw = by_union.raw;
  out.union_topk_renorm = by_union.renorm;
  out.ref_topk_tail = by_reference.tail;
  out.ref_topk_raw = by_reference.raw;
  out.ref_topk_renorm = by_reference.renorm;
  out.tail_model = by_union.tail_model;
  out.tail_reference = by_union.tail_reference;
  out.lower = by_union.lower;
  out.upper = by_union.upper;
  out.ref_lower = by_reference.lower;
  out.ref_upper = by_reference.upper;
  return out;
}

}  // namespace phaseguard::canaries::detail
