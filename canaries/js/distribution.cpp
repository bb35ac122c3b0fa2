#include "canaries/js/distribution.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "canaries/js/js_full.h"
#include "canaries/js/log_probs.h"

namespace phaseguard::canaries {

namespace {

Result<void> check_size(std::size_t canaries, std::size_t k) {
  if (k + 1 <= kMaxDistributionNumbers / canaries) return {};
  return fail(Errc::kInvalidArgument, "distribution: expected canaries * (k + 1) of at most " +
                                          std::to_string(kMaxDistributionNumbers) + ", found " +
                                          std::to_string(canaries) + " * " + std::to_string(k + 1) +
                                          "; use a smaller k or fewer canaries");
}

}  // namespace

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
  if (auto ok = check_size(canaries, k); !ok) return tl::unexpected<Error>(ok.error());
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

Result<TokenColumns> TokenColumns::of(std::vector<std::int64_t> tokens, std::size_t canaries,
                                      std::size_t vocabulary) {
  if (canaries == 0 || tokens.empty() || tokens.size() % canaries != 0) {
    return fail(Errc::kInvalidArgument,
                "distribution: expected tokens [P, k] of at least one canary, found " +
                    std::to_string(tokens.size()) + " tokens for " + std::to_string(canaries) +
                    " canaries");
  }
  const std::size_t k = tokens.size() / canaries;
  if (auto ok = check_k(k, vocabulary); !ok) return tl::unexpected<Error>(ok.error());
  if (auto ok = check_size(canaries, k); !ok) return tl::unexpected<Error>(ok.error());
  for (const std::int64_t token : tokens) {
    if (token >= 0 && static_cast<std::size_t>(token) < vocabulary) continue;
    return fail(Errc::kInvalidArgument, "distribution: expected token ids of 0.." +
                                            std::to_string(vocabulary - 1) + ", found " +
                                            std::to_string(token));
  }
  TokenColumns out(canaries, vocabulary, k);
  out.tokens_ = std::move(tokens);
  return out;
}

Result<void> TokenColumns::check_shape(const char* whose, Span<const float> logits) const {
  if (logits.size() == canaries_ * vocabulary_) return {};
  return fail(Errc::kInvalidArgument, std::string("distribution: expected ") +
                                          std::to_string(canaries_) + " x " +
                                          std::to_string(vocabulary_) + " logits" + whose +
                                          ", found " + std::to_string(logits.size()));
}

void TokenColumns::add_row(Span<const float> logits, const detail::Norm& norm,
                           Distribution& out) const {
  if (norm.bad) {
    out.quality = Quality::kBad;
    out.rows.insert(out.rows.end(), columns(), std::numeric_limits<double>::quiet_NaN());
    return;
  }
  const std::size_t first = out.rows.size();
  const std::int64_t* tokens = tokens_.data() + first / columns() * k_;
  double inside = 0.0;
  for (std::size_t i = 0; i < k_; ++i) {
    const double z = logits[static_cast<std::size_t>(tokens[i])];
    out.rows.push_back(std::exp((z - norm.max) - norm.log_sum));
    inside += out.rows.back();
  }
  // The normaliser is rounded: where the columns hold everything it is theirs that counts.
  if (k_ == vocabulary_ || inside > 1.0) {
    for (std::size_t i = first; i < out.rows.size(); ++i) out.rows[i] /= inside;
    inside = 1.0;
  }
  // By difference: no second pass over the vocabulary.
  out.rows.push_back(1.0 - inside);
  out.outside += out.rows.back() / static_cast<double>(canaries_);
}

Result<Distribution> TokenColumns::distribution(Span<const float> model) const {
  if (auto ok = check_shape("", model); !ok) return tl::unexpected<Error>(ok.error());
  Distribution out;
  out.rows.reserve(canaries_ * columns());
  for (std::size_t r = 0; r < canaries_; ++r) {
    const Span<const float> row = model.sub(r * vocabulary_, vocabulary_);
    add_row(row, detail::norm_of(row), out);
  }
  if (out.quality != Quality::kGood) out.outside = std::numeric_limits<double>::quiet_NaN();
  return out;
}

Result<Comparison> TokenColumns::compared(Span<const float> model,
                                          Span<const float> reference) const {
  if (auto ok = check_shape("", model); !ok) return tl::unexpected<Error>(ok.error());
  if (auto ok = check_shape(" of the reference", reference); !ok) {
    return tl::unexpected<Error>(ok.error());
  }
  Distribution distribution;
  distribution.rows.reserve(canaries_ * columns());
  std::vector<JsValue> values;
  detail::Scratch scratch;
  for (std::size_t r = 0; r < canaries_; ++r) {
    const Span<const float> row = model.sub(r * vocabulary_, vocabulary_);
    const detail::FullRow full =
        detail::full_row(row, reference.sub(r * vocabulary_, vocabulary_), scratch);
    values.push_back(full.js);
    add_row(row, full.model, distribution);
  }
  if (distribution.quality != Quality::kGood) {
    distribution.outside = std::numeric_limits<double>::quiet_NaN();
  }
  auto js = summarise(std::move(values));
  if (!js) return tl::unexpected<Error>(js.error());
  return Comparison{std::move(*js), std::move(distribution)};
}

}  // namespace phaseguard::canaries
