#include "canaries/js/js.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "canaries/js/js_full.h"
#include "canaries/js/js_math.h"
#include "canaries/js/js_truncated.h"
#include "monitor/base/text.h"

namespace phaseguard::canaries {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr JsValue kBadValue = {kNaN, kNaN, kNaN, Quality::kBad};

struct Named {
  JsVariant variant;
  const char* name;
};
constexpr std::array<Named, 7> kVariants = {{
    {JsVariant::kFull, "full"},
    {JsVariant::kUnionTopkTail, "union_topk_tail"},
    {JsVariant::kRefTopkTail, "ref_topk_tail"},
    {JsVariant::kUnionTopkRaw, "union_topk_raw"},
    {JsVariant::kRefTopkRaw, "ref_topk_raw"},
    {JsVariant::kUnionTopkRenorm, "union_topk_renorm"},
    {JsVariant::kRefTopkRenorm, "ref_topk_renorm"},
}};

Result<void> check_rows(std::size_t model, std::size_t reference) {
  if (model == reference && model > 0) return {};
  return fail(Errc::kInvalidArgument,
              "divergence: expected two rows of logits of one length, found " +
                  std::to_string(model) + " and " + std::to_string(reference));
}

Result<void> check_call(std::size_t model, std::size_t reference, JsVariant variant,
                        std::size_t k) {
  if (auto ok = check_rows(model, reference); !ok) return ok;
  return needs_k(variant) ? check_k(k, model) : Result<void>{};
}

std::vector<double> widened(Span<const float> row) {
  return std::vector<double>(row.begin(), row.end());
}

JsValue value_of(const JsTruncated& t, JsVariant variant) {
  switch (variant) {
    case JsVariant::kUnionTopkTail:
      return {t.union_topk_tail, t.lower, t.upper, Quality::kGood};
    case JsVariant::kUnionTopkRaw:
      return {t.union_topk_raw, t.lower, t.upper, Quality::kGood};
    case JsVariant::kRefTopkTail:
      return {t.ref_topk_tail, t.ref_lower, t.ref_upper, Quality::kGood};
    case JsVariant::kRefTopkRaw:
      return {t.ref_topk_raw, t.ref_lower, t.ref_upper, Quality::kGood};
    case JsVariant::kUnionTopkRenorm:
      if (!t.union_topk_renorm) return kBadValue;
      return {*t.union_topk_renorm, t.lower, t.upper, Quality::kGood};
    case JsVariant::kRefTopkRenorm:
      if (!t.ref_topk_renorm) return kBadValue;
      return {*t.ref_topk_renorm, t.ref_lower, t.ref_upper, Quality::kGood};
    case JsVariant::kFull:
      break;
  }
  return kBadValue;
}

JsValue value_in_double(Span<const double> model, Span<const double> reference, JsVariant variant,
                        std::size_t k) {
  const detail::Pair pair = detail::prepare(model, reference);
  if (pair.bad) return kBadValue;
  if (variant != JsVariant::kFull) return value_of(detail::truncated(pair, k), variant);
  const double js = detail::full(pair);
  return {js, js, js, Quality::kGood};
}

JsValue value_in_float(Span<const float> model, Span<const float> reference, JsVariant variant,
                       std::size_t k, detail::Scratch& scratch) {
  if (variant == JsVariant::kFull) return detail::full_row(model, reference, scratch).js;
  return value_in_double(widened(model), widened(reference), variant, k);
}

}  // namespace

const char* name_of(JsVariant variant) {
  for (const Named& named : kVariants) {
    if (named.variant == variant) return named.name;
  }
  return "";
}

Result<JsVariant> js_variant(std::string_view name) {
  std::vector<std::string> names;
  for (const Named& named : kVariants) {
    if (name == named.name) return named.variant;
    names.emplace_back(named.name);
  }
  const std::string meant = nearest(name, names);
  return fail(Errc::kInvalidArgument,
              "unknown variant of the divergence: " + phaseguard::quoted(name, 60) +
                  (meant.empty() ? "; expected full or one such as union_topk_tail"
                                 : "; did you mean \"" + meant + "\"?"));
}

bool needs_k(JsVariant variant) { return variant != JsVariant::kFull; }

Result<JsValue> js_divergence(Span<const float> model, Span<const float> reference,
                              JsVariant variant, std::size_t k) {
  if (auto ok = check_call(model.size(), reference.size(), variant, k); !ok) {
    return tl::unexpected<Error>(ok.error());
  }
  detail::Scratch scratch;
  return value_in_float(model, reference, variant, k, scratch);
}

Result<JsValue> js_divergence(Span<const double> model, Span<const double> reference,
                              JsVariant variant, std::size_t k) {
  if (auto ok = check_call(model.size(), reference.size(), variant, k); !ok) {
    return tl::unexpected<Error>(ok.error());
  }
  return value_in_double(model, reference, variant, k);
}

Result<std::vector<JsValue>> js_divergence_rows(Span<const float> model,
                                                Span<const float> reference, std::size_t rows,
                                                JsVariant variant, std::size_t k) {
  if (rows == 0 || model.size() != reference.size() || model.size() % rows != 0) {
    return fail(Errc::kInvalidArgument,
                "divergence: expected " + std::to_string(rows) +
                    " rows (at least 1) of one length on both sides, found " +
                    std::to_string(model.size()) + " and " + std::to_string(reference.size()) +
                    " logits");
  }
  const std::size_t width = model.size() / rows;
  if (auto ok = check_call(width, width, variant, k); !ok) {
    return tl::unexpected<Error>(ok.error());
  }
  detail::Scratch scratch;
  std::vector<JsValue> values;
  values.reserve(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    values.push_back(value_in_float(model.sub(i * width, width), reference.sub(i * width, width),
                                    variant, k, scratch));
  }
  return values;
}

Result<JsAnalysis> js_analysis(Span<const double> model, Span<const double> reference,
                               Span<const std::size_t> ks) {
  if (auto ok = check_rows(model.size(), reference.size()); !ok) {
    return tl::unexpected<Error>(ok.error());
  }
  for (std::size_t k : ks) {
    if (auto ok = check_k(k, model.size()); !ok) return tl::unexpected<Error>(ok.error());
  }
  JsAnalysis analysis;
  const detail::Pair pair = detail::prepare(model, reference);
  if (pair.bad) {
    analysis.quality = Quality::kBad;
    analysis.full = kNaN;
    return analysis;
  }
  analysis.full = detail::full(pair);
  for (std::size_t k : ks) analysis.by_k.push_back(detail::truncated(pair, k));
  return analysis;
}

Result<JsAnalysis> js_analysis(Span<const float> model, Span<const float> reference,
                               Span<const std::size_t> ks) {
  const std::vector<double> wide_model = widened(model), wide_reference = widened(reference);
  auto analysis =
      js_analysis(Span<const double>(wide_model), Span<const double>(wide_reference), ks);
  if (!analysis || analysis->quality != Quality::kGood) return analysis;
  detail::Scratch scratch;
  analysis->full = value_in_float(model, reference, JsVariant::kFull, 0, scratch).value;
  return analysis;
}

Result<JsSummary> summarise(std::vector<JsValue> per_canary) {
  if (per_canary.empty()) {
    return fail(Errc::kInvalidArgument, "divergence: expected at least one canary, found none");
  }
  JsSummary summary;
  const auto n = static_cast<double>(per_canary.size());
  for (const JsValue& value : per_canary) {
    if (value.quality != Quality::kGood) summary.quality = Quality::kBad;
    summary.mean += value.value / n;
    summary.mean_lower += value.lower / n;
    summary.mean_upper += value.upper / n;
    summary.max = std::max(summary.max, value.value);
  }
  if (summary.quality != Quality::kGood) {
    summary.mean = summary.max = summary.mean_lower = summary.mean_upper = kNaN;
  }
  summary.per_canary = std::move(per_canary);
  return summary;
}

Result<void> check_k(std::size_t k, std::size_t vocabulary) {
  if (k >= 1 && k <= vocabulary) return {};
  return fail(Errc::kInvalidArgument, "divergence: expected k in 1.." + std::to_string(vocabulary) +
                                          ", found " + std::to_string(k));
}

Result<JsSummary> first_k_mean(const std::vector<JsValue>& per_position, std::size_t positions) {
  if (positions == 0 || per_position.size() % positions != 0) {
    return fail(Errc::kInvalidArgument,
                "divergence over first positions: expected a multiple of the number of positions, "
                "found " +
                    std::to_string(per_position.size()) + " values for " +
                    std::to_string(positions) + " positions");
  }
  const auto count = static_cast<double>(positions);
  std::vector<JsValue> means(per_position.size() / positions);
  for (std::size_t i = 0; i < per_position.size(); ++i) {
    JsValue& mean = means[i / positions];
    const JsValue& one = per_position[i];
    mean.value += one.value / count;
    mean.lower += one.lower / count;
    mean.upper += one.upper / count;
    if (one.quality != Quality::kGood) mean.quality = Quality::kBad;
  }
  return summarise(std::move(means));
}

std::string first_k_name(JsVariant variant, std::size_t positions) {
  return std::string(name_of(variant)) + "_first" + std::to_string(positions);
}

}  // namespace phaseguard::canaries
