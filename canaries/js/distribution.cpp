#include "canaries/js/distribution.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "canaries/js/js.h"
#include "canaries/js/log_probs.h"

namespace phaseguard::canaries {

Result<TokenColumns> TokenColumns::create(Span<const float> reference, std::size_t canaries,
                                          std::size_t k) {
  if (canaries == 0 || reference.size() == 0 || reference.size() % canaries != 0) {
    return fail(Errc::kInvalidArgument,
                "distribution: expected logits [P, V] of at least one canary, found " +
                    std::to_string(reference.size()) + " logits for " + std::to_string(canaries) +
                    " canaries");
  }
  const std::size_t vocabulary = reference.size() / canaries;
  if (auto ok = check_k(k, vocabulary); !ok) return tl::unexpected<Error>(ok.error());
  if ((k + 1) > kMaxDistributionNumbers / canaries) {
    return fail(Errc::kInvalidArgument, "distribution: expected canaries * (k + 1) of at most " +
                                            std::to_string(kMaxDistributionNumbers) + ", found " +
                                            std::to_string(canaries) + " * " +
                                            std::to_string(k + 1) +
                                            "; use a smaller k or fewer canaries");
  }
  TokenColumns out(canaries, vocabulary, k);
  for (std::size_t r = 0; r < canaries; ++r) {
    const Span<const float> row = reference.sub(r * vocabulary, vocabulary);
    if (detail::LogProbs(row).bad) {
      return fail(Errc::kInvalidArgument, "distribution: the reference's logits of canary " +
                                              std::to_string(r) +
                                              " hold a NaN, a +infinity, or nothing finite");
    }
    const std::vector<std::int64_t> top = detail::top_of(row, k);
    out.tokens_.insert(out.tokens_.end(), top.begin(), top.end());
  }
  return out;
}

Result<Distribution> TokenColumns::distribution(Span<const float> model) const {
  if (model.size() != canaries_ * vocabulary_) {
    return fail(Errc::kInvalidArgument, "distribution: expected " + std::to_string(canaries_) +
                                            " x " + std::to_string(vocabulary_) +
                                            " logits, found " + std::to_string(model.size()));
  }
  Distribution out;
  out.rows.reserve(canaries_ * columns());
  for (std::size_t r = 0; r < canaries_; ++r) {
    const detail::LogProbs row(model.sub(r * vocabulary_, vocabulary_));
    const Span<const std::int64_t> top(tokens_.data() + r * k_, k_);
    if (row.bad) {
      out.quality = Quality::kBad;
      out.rows.insert(out.rows.end(), columns(), std::numeric_limits<double>::quiet_NaN());
      continue;
    }
    double inside = 0.0;
    for (const std::int64_t id : top) {
      out.rows.push_back(std::exp(row.at(static_cast<std::size_t>(id))));
      inside += out.rows.back();
    }
    // By difference: right to 1e-15, and no second pass over the vocabulary.
    out.rows.push_back(std::max(0.0, 1.0 - inside));
    out.outside += out.rows.back() / static_cast<double>(canaries_);
  }
  if (out.quality != Quality::kGood) out.outside = std::numeric_limits<double>::quiet_NaN();
  return out;
}

}  // namespace phaseguard::canaries
