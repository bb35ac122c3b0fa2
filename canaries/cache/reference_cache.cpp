#include "canaries/cache/reference_cache.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "canaries/js/js_math.h"
#include "canaries/js/log_probs.h"
#include "monitor/base/text.h"
#include "monitor/tensors/safetensors.h"

namespace phaseguard::canaries {

namespace {

using detail::LogProbs;
using detail::tail_of;
using detail::top_of;
using nlohmann::json;
using tensors::Dtype;
using tensors::TensorFile;
using tensors::TensorRecord;

constexpr const char* kFormat = "phaseguard-reference-cache-1";

struct Field {
  const char* name;
  std::string ReferenceId::*member;
};
constexpr std::array<Field, 6> kFields{{{"model", &ReferenceId::model},
                                        {"weights", &ReferenceId::weights},
                                        {"tokenizer", &ReferenceId::tokenizer},
                                        {"canaries", &ReferenceId::canaries},
                                        {"prompts", &ReferenceId::prompts},
                                        {"dtype", &ReferenceId::dtype}}};

Result<void> check_id(const ReferenceId& id) {
  for (const Field& field : kFields) {
    if ((id.*field.member).empty()) {
      return fail(Errc::kInvalidArgument,
                  std::string("reference cache: expected \"") + field.name +
                      "\" to say what the numbers belong to, found nothing");
    }
  }
  return {};
}

tl::unexpected<Error> not_ours(const std::filesystem::path& file, const std::string& what) {
  return fail(Errc::kMalformed,
              file.string() + ": not a reference cache that can be used: " + what);
}

std::string metadata_of(const TensorFile& content, const char* key) {
  const auto found = content.metadata.find(key);
  return found == content.metadata.end() ? "" : found->second;
}

Result<void> check_same(const std::filesystem::path& file, const ReferenceId& found,
                        const ReferenceId& expected) {
  std::string differences;
  for (const Field& field : kFields) {
    const std::string &have = found.*field.member, &want = expected.*field.member;
    if (have == want) continue;
    differences += (differences.empty() ? "" : "; ") + std::string(field.name) + ": expected " +
                   quoted(want, 80) + ", found " + quoted(have, 80);
  }
  if (differences.empty()) return {};
  return fail(Errc::kConflict, file.string() + ": the reference cache belongs to something else (" +
                                   differences + "); make it again with this reference");
}

// [] for a JSON text that is not a list of strings.
std::vector<std::string> list_of(const std::string& text) {
  const json parsed = json::parse(text, nullptr, false);
  std::vector<std::string> out;
  if (!parsed.is_array()) return out;
  for (const json& one : parsed) {
    if (!one.is_string()) return {};
    out.push_back(one.get<std::string>());
  }
  return out;
}

bool has_shape(const TensorRecord& tensor, Dtype dtype, const std::vector<std::int64_t>& shape) {
  return tensor.dtype == dtype && tensor.shape == shape;
}

}  // namespace

Result<ReferenceCache> ReferenceCache::create(ReferenceId id, std::vector<std::string> canary_ids,
                                              Span<const float> logits, std::size_t k) {
  if (auto ok = check_id(id); !ok) return tl::unexpected<Error>(ok.error());
  const std::size_t rows = canary_ids.size();
  if (rows == 0 || logits.size() == 0 || logits.size() % rows != 0) {
    return fail(Errc::kInvalidArgument, "reference cache: expected logits [P, V] of " +
                                            std::to_string(rows) + " canaries, found " +
                                            std::to_string(logits.size()) + " numbers");
  }
  ReferenceCache cache;
  cache.vocabulary_ = logits.size() / rows;
  if (k != 0) {
    if (auto ok = check_k(k, cache.vocabulary_); !ok) return tl::unexpected<Error>(ok.error());
  }
  for (std::size_t r = 0; r < rows; ++r) {
    const Span<const float> row(logits.data() + r * cache.vocabulary_, cache.vocabulary_);
    const LogProbs log_probs(row);
    if (log_probs.bad) {
      return fail(Errc::kInvalidArgument, "reference cache: the logits of canary " +
                                              quoted(canary_ids[r], 80) +
                                              " hold NaN or +infinity, or nothing finite");
    }
    if (k == 0) continue;
    const std::vector<std::int64_t> top = top_of(row, k);
    for (const std::int64_t token : top) {
      cache.log_probs_.push_back(log_probs.at(static_cast<std::size_t>(token)));
    }
    cache.tail_.push_back(tail_of(log_probs, Span<const std::int64_t>(top)));
    cache.top_.insert(cache.top_.end(), top.begin(), top.end());
  }
  if (k == 0) cache.logits_.assign(logits.begin(), logits.end());
  cache.id_ = std::move(id);
  cache.canary_ids_ = std::move(canary_ids);
  cache.k_ = k;
  return cache;
}

Result<void> ReferenceCache::save(const std::filesystem::path& file) const {
  TensorFile content;
  content.metadata["format"] = kFormat;
  for (const Field& field : kFields) content.metadata[field.name] = id_.*field.member;
  content.metadata["canary_ids"] = json(canary_ids_).dump();
  content.metadata["vocabulary"] = std::to_string(vocabulary_);
  content.metadata["k"] = std::to_string(k_);
  const auto p = static_cast<std::int64_t>(rows());
  if (k_ == 0) {
    content.tensors["logits"] = TensorRecord::of(
        Span<const float>(logits_), {p, static_cast<std::int64_t>(vocabulary_)}, Dtype::kF32);
  } else {
    const auto k = static_cast<std::int64_t>(k_);
    content.tensors["ids"] = TensorRecord::of(Span<const std::int64_t>(top_), {p, k}, Dtype::kI64);
    content.tensors["log_probs"] =
        TensorRecord::of(Span<const double>(log_probs_), {p, k}, Dtype::kF64);
    content.tensors["tail"] = TensorRecord::of(Span<const double>(tail_), {p}, Dtype::kF64);
  }
  return tensors::save_safetensors(content, file);
}

// The tensors of a top-k file, checked: a damaged one must not be read outside a row.
Result<void> ReferenceCache::read_top(const std::filesystem::path& file,
                                      const std::map<std::string, tensors::TensorRecord>& tensors) {
  const auto p = static_cast<std::int64_t>(rows());
  const auto ids = tensors.find("ids"), log_probs = tensors.find("log_probs"),
             tail = tensors.find("tail");
  const bool there = ids != tensors.end() && log_probs != tensors.end() && tail != tensors.end() &&
                     ids->second.shape.size() == 2;
  if (!there) return not_ours(file, "it holds neither logits nor ids, log_probs and tail");
  const std::int64_t k = ids->second.shape[1];
  if (k < 1 || !has_shape(ids->second, Dtype::kI64, {p, k}) ||
      !has_shape(log_probs->second, Dtype::kF64, {p, k}) ||
      !has_shape(tail->second, Dtype::kF64, {p})) {
    return not_ours(file, "expected ids and log_probs [" + std::to_string(p) +
                              ", k] of I64 and F64 and tail [" + std::to_string(p) + "] of F64");
  }
  for (const double id : ids->second.to_double()) {
    if (!(id >= 0.0 && id < static_cast<double>(vocabulary_))) {
      return not_ours(file, "a token id outside the vocabulary of " + std::to_string(vocabulary_));
    }
    top_.push_back(static_cast<std::int64_t>(id));
  }
  log_probs_ = log_probs->second.to_double();
  tail_ = tail->second.to_double();
  const auto is_probability = [](double x) { return x >= 0.0 && x <= 1.0 + 1e-9; };
  const bool sane = std::all_of(tail_.begin(), tail_.end(), is_probability) &&
                    std::all_of(log_probs_.begin(), log_probs_.end(),
                                [](double x) { return x <= 1e-9; });  // false for NaN
  if (!sane) return not_ours(file, "numbers that are no probabilities");
  k_ = static_cast<std::size_t>(k);
  return {};
}

Result<ReferenceCache> ReferenceCache::load(const std::filesystem::path& file,
                                            const ReferenceId& expected) {
  if (auto ok = check_id(expected); !ok) return tl::unexpected<Error>(ok.error());
  auto content = tensors::load_safetensors(file);
  if (!content) return tl::unexpected<Error>(content.error());
  if (metadata_of(*content, "format") != kFormat) {
    return not_ours(file, std::string("expected format ") + kFormat + ", found " +
                              quoted(metadata_of(*content, "format"), 60));
  }
  ReferenceCache cache;
  for (const Field& field : kFields) cache.id_.*field.member = metadata_of(*content, field.name);
  if (auto ok = check_same(file, cache.id_, expected); !ok) {
    return tl::unexpected<Error>(ok.error());
  }
  cache.canary_ids_ = list_of(metadata_of(*content, "canary_ids"));
  const auto p = static_cast<std::int64_t>(cache.rows());
  if (p == 0) return not_ours(file, "it names no canaries");
  const std::string vocabulary = metadata_of(*content, "vocabulary");
  const auto [end, error] =
      std::from_chars(vocabulary.data(), vocabulary.data() + vocabulary.size(), cache.vocabulary_);
  if (error != std::errc() || end != vocabulary.data() + vocabulary.size() ||
      cache.vocabulary_ == 0) {
    return not_ours(file, "expected the size of the vocabulary, found " + quoted(vocabulary, 40));
  }
  const auto logits = content->tensors.find("logits");
  if (logits == content->tensors.end()) {
    if (auto ok = cache.read_top(file, content->tensors); !ok) {
      return tl::unexpected<Error>(ok.error());
    }
    return cache;
  }
  if (!has_shape(logits->second, Dtype::kF32, {p, static_cast<std::int64_t>(cache.vocabulary_)})) {
    return not_ours(file, "expected logits [" + std::to_string(p) + ", " + vocabulary + "] of F32");
  }
  const std::vector<float> values = logits->second.to_float();
  return create(cache.id_, cache.canary_ids_, Span<const float>(values));
}

Result<JsSummary> ReferenceCache::compare(Span<const float> model) const {
  if (model.size() != rows() * vocabulary_) {
    return fail(Errc::kInvalidArgument, "divergence from the reference cache: expected logits [" +
                                            std::to_string(rows()) + ", " +
                                            std::to_string(vocabulary_) + "], found " +
                                            std::to_string(model.size()) + " numbers");
  }
  if (k_ == 0) {
    auto values = js_divergence_rows(model, Span<const float>(logits_), rows());
    if (!values) return tl::unexpected<Error>(values.error());
    return summarise(std::move(*values));
  }
  std::vector<JsValue> values;
  for (std::size_t r = 0; r < rows(); ++r) {
    values.push_back(
        compare_top(Span<const float>(model.data() + r * vocabulary_, vocabulary_), r));
  }
  return summarise(std::move(values));
}

Result<Comparison> ReferenceCache::compare(Span<const float> model,
                                           const TokenColumns& columns) const {
  if (k_ == 0) return columns.compared(model, Span<const float>(logits_));
  auto js = compare(model);
  if (!js) return tl::unexpected<Error>(js.error());
  auto distribution = columns.distribution(model);
  if (!distribution) return tl::unexpected<Error>(distribution.error());
  return Comparison{std::move(*js), std::move(*distribution)};
}

Result<TokenColumns> ReferenceCache::columns(std::size_t tokens) const {
  if (k_ == 0) return TokenColumns::create(Span<const float>(logits_), rows(), tokens);
  if (tokens > k_) {
    return fail(Errc::kInvalidArgument, "reference cache: expected at most " + std::to_string(k_) +
                                            " tokens, which is what it keeps, found " +
                                            std::to_string(tokens));
  }
  std::vector<std::int64_t> chosen;
  for (std::size_t r = 0; r < rows(); ++r) {
    const auto first = top_.begin() + static_cast<std::ptrdiff_t>(r * k_);
    chosen.insert(chosen.end(), first, first + static_cast<std::ptrdiff_t>(tokens));
  }
  return TokenColumns::of(std::move(chosen), rows(), vocabulary_);
}

JsValue ReferenceCache::compare_top(Span<const float> model, std::size_t row) const {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  const LogProbs log_probs(model);
  if (log_probs.bad) return {kNaN, kNaN, kNaN, Quality::kBad};
  const Span<const std::int64_t> top(top_.data() + row * k_, k_);
  double raw = 0.0;
  for (std::size_t i = 0; i < k_; ++i) {
    const double lp = log_probs.at(static_cast<std::size_t>(top[i]));
    const double lq = log_probs_[row * k_ + i];
    raw += detail::share(std::exp(lp), std::exp(lq), lp - lq);
  }
  const double a = tail_of(log_probs, top), b = tail_[row];
  JsValue value;
  value.lower = detail::clamped(raw + detail::share(a, b));
  value.upper = std::max(value.lower, detail::clamped(raw + 0.5 * (a + b) * kLn2));
  value.value = value.lower;
  return value;
}

}  // namespace phaseguard::canaries
