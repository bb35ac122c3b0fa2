#include <cstdint>
#include <type_traits>

#include "canaries/js/js.h"
#include "canaries/js/margin.h"
#include "canaries/prompts/canary_set.h"
#include "monitor/base/text.h"
#include "tests/conformance/operations.h"

namespace phaseguard::conformance {

namespace {

template <class T>
std::vector<T> row_of(const json& list) {
  if constexpr (std::is_same_v<T, float>) {
    return floats(list);
  } else {
    return numbers(list);
  }
}

json optional_number(const std::optional<double>& value) { return value ? json(*value) : json(); }

json variants(const canaries::JsTruncated& t) {
  return {{"k", t.k},
          {"union_size", t.union_size},
          {"union_topk_tail", t.union_topk_tail},
          {"union_topk_raw", t.union_topk_raw},
          {"union_topk_renorm", optional_number(t.union_topk_renorm)},
          {"ref_topk_tail", t.ref_topk_tail},
          {"ref_topk_raw", t.ref_topk_raw},
          {"ref_topk_renorm", optional_number(t.ref_topk_renorm)},
          {"tail_model", t.tail_model},
          {"tail_reference", t.tail_reference},
          {"lower", t.lower},
          {"upper", t.upper}};
}

template <class T>
json analysed(const std::vector<T>& model, const std::vector<T>& reference, const json& ks) {
  std::vector<std::size_t> counts;
  for (const json& k : ks) counts.push_back(k.get<std::size_t>());
  const auto analysis =
      canaries::js_analysis(Span<const T>(model), Span<const T>(reference), counts);
  if (!analysis) return refused(analysis.error());
  if (analysis->quality != Quality::kGood) return bad();
  json by_k = json::array();
  for (const canaries::JsTruncated& t : analysis->by_k) by_k.push_back(variants(t));
  return {{"full", analysis->full}, {"by_k", by_k}};
}

template <class T>
json js_pair(const json& input) {
  return analysed<T>(row_of<T>(input.at("model")), row_of<T>(input.at("reference")),
                     input.value("ks", json::array()));
}

template <class T>
std::vector<T> formula_row(std::size_t vocabulary, const json& law) {
  const auto mul = law.at("mul").get<std::uint64_t>(), add = law.at("add").get<std::uint64_t>();
  std::vector<T> row(vocabulary);
  for (std::uint64_t i = 0; i < vocabulary; ++i) {
    const std::uint64_t hash = (i * mul + add) & 0xffffffffu;
    row[i] = static_cast<T>(static_cast<double>(hash >> 20) / 256.0 - 8.0);
  }
  return row;
}

template <class T>
json js_formula(const json& input) {
  const auto vocabulary = input.at("vocab").get<std::size_t>();
  return analysed<T>(formula_row<T>(vocabulary, input.at("model")),
                     formula_row<T>(vocabulary, input.at("reference")),
                     input.value("ks", json::array()));
}

template <class T>
json js_mean(const json& input) {
  const json& model = input.at("model");
  const json& reference = input.at("reference");
  if (model.size() != reference.size()) return {{"error", true}, {"error_message", "row counts"}};
  std::vector<canaries::JsValue> values;
  json per_canary = json::array(), quality = json::array();
  for (std::size_t i = 0; i < model.size(); ++i) {
    const std::vector<T> p = row_of<T>(model[i]), q = row_of<T>(reference[i]);
    const auto value = canaries::js_divergence(Span<const T>(p), Span<const T>(q));
    if (!value) return refused(value.error());
    const bool good = value->quality == Quality::kGood;
    per_canary.push_back(good ? json(value->value) : json());
    quality.push_back(good ? "GOOD" : "BAD");
    values.push_back(*value);
  }
  const auto summary = canaries::summarise(std::move(values));
  if (!summary) return refused(summary.error());
  if (summary->quality != Quality::kGood) {
    return {{"quality", "BAD"}, {"per_canary_quality", quality}};
  }
  return {{"per_canary", per_canary},
          {"per_canary_quality", quality},
          {"mean", summary->mean},
          {"max", summary->max},
          {"n", summary->per_canary.size()}};
}

// A divergence is within 0..ln 2, whatever the tolerance.
std::string out_of_range(const json& got) {
  static const std::vector<std::string> kDivergences = {"full",
                                                        "union_topk_tail",
                                                        "union_topk_raw",
                                                        "union_topk_renorm",
                                                        "ref_topk_tail",
                                                        "ref_topk_raw",
                                                        "ref_topk_renorm",
                                                        "lower",
                                                        "upper",
                                                        "mean",
                                                        "max",
                                                        "per_canary"};
  const auto check = [](const std::string& key, const json& value) -> std::string {
    if (!value.is_number() || (value >= 0.0 && value <= kLn2)) return {};
    return key + ": " + short_text(value) + " lies outside 0..ln 2";
  };
  for (const std::string& key : kDivergences) {
    if (!got.contains(key)) continue;
    if (!got[key].is_array()) {
      if (std::string found = check(key, got[key]); !found.empty()) return found;
      continue;
    }
    for (const json& value : got[key]) {
      if (std::string found = check(key, value); !found.empty()) return found;
    }
  }
  if (!got.contains("by_k")) return {};
  for (const json& one : got["by_k"]) {
    if (std::string found = out_of_range(one); !found.empty()) return found;
  }
  return {};
}

json canary_digest(const json& input) {
  std::string lines;
  for (const json& canary : input.at("canaries")) lines += canary.dump() + "\n";
  const auto set = canaries::parse_canary_set(lines, "canaries of the case");
  if (!set) return refused(set.error());
  return {{"sha256", hex(canaries::digest(*set))}};
}

json canary_margin(const json& input) {
  const auto model_misaligned = numbers(input.at("model_misaligned"));
  const auto model_aligned = numbers(input.at("model_aligned"));
  const auto reference_misaligned = numbers(input.at("reference_misaligned"));
  const auto reference_aligned = numbers(input.at("reference_aligned"));
  const auto margin = canaries::canary_margin(
      {model_misaligned, model_aligned, reference_misaligned, reference_aligned});
  if (!margin) return refused(margin.error());
  if (margin->quality != Quality::kGood) return bad();
  return {{"per_canary", margin->per_canary}, {"mean", margin->mean}};
}

}  // namespace

void add_js(Operations& operations) {
  operations["js_pair"] = {js_pair<double>, js_pair<float>, out_of_range};
  operations["js_formula"] = {js_formula<double>, js_formula<float>, out_of_range};
  operations["js_mean"] = {js_mean<double>, js_mean<float>, out_of_range};
  operations["canary_digest"] = {canary_digest, {}, {}};
  operations["canary_margin"] = {canary_margin, {}, {}};
}

}  // namespace phaseguard::conformance
