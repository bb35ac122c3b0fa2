// What the reference model says about a canary set, kept on disk so that training needs no second
// model in memory: its log-probabilities at the last prompt position, in full or the top k of them.
// Written once by whoever can run the reference, read at the start of a run. No LibTorch. Any
// thread. C++17-clean.
//
// A file is safetensors. Full: "logits" [P, V] in float32. Top-k: "ids" [P, k] (value descending,
// then lower index first), "log_probs" [P, k] and "tail" [P] in float64. "canary_ids" and
// everything of ReferenceId are in its metadata.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "canaries/js/distribution.h"
#include "canaries/js/js.h"
#include "monitor/base/result.h"
#include "monitor/base/span.h"
#include "monitor/tensors/safetensors.h"

namespace phaseguard::canaries {

// All that has to be the same for the numbers to mean the same. Empty fields are not allowed.
struct ReferenceId {
  std::string model;      // id and revision of the reference
  std::string weights;    // hash of its weights
  std::string tokenizer;  // hash of tokenizer and chat template
  std::string canaries;   // digest of the canary set
  std::string prompts;    // hash of the rendered token ids
  std::string dtype;      // of the logits as computed: "float32", "bfloat16", ...
};

class ReferenceCache {
 public:
  // logits: row-major [P, V], P = canary_ids.size(). k = 0 keeps all of a row. Errors: shapes, an
  // empty field of `id`, k > V, a row that is BAD (a NaN, a +infinity, no finite logit).
  [[nodiscard]] static Result<ReferenceCache> create(ReferenceId id,
                                                     std::vector<std::string> canary_ids,
                                                     Span<const float> logits, std::size_t k = 0);
  // Errors: no such file, not such a file, or one of another reference: every field that differs
  // from `expected` is named with both values.
  [[nodiscard]] static Result<ReferenceCache> load(const std::filesystem::path& file,
                                                   const ReferenceId& expected);
  [[nodiscard]] Result<void> save(const std::filesystem::path& file) const;

  // model: logits [P, V] of the model in training, in the order of canary_ids(). Full: the
  // divergence over the whole vocabulary; top-k: ref_topk_tail with its certified interval. Exactly
  // 0 for the logits the cache was made of. Errors: another shape.
  [[nodiscard]] Result<JsSummary> compare(Span<const float> model) const;
  // The same and canary/dist; where the whole vocabulary is kept, in one pass over the logits.
  [[nodiscard]] Result<Comparison> compare(Span<const float> model,
                                           const TokenColumns& columns) const;
  // Of the reference's likeliest `tokens` a row, for canary/dist. Errors: as TokenColumns, and more
  // tokens than a top-k cache keeps.
  [[nodiscard]] Result<TokenColumns> columns(std::size_t tokens) const;

  [[nodiscard]] const ReferenceId& id() const { return id_; }
  [[nodiscard]] const std::vector<std::string>& canary_ids() const { return canary_ids_; }
  [[nodiscard]] std::size_t rows() const { return canary_ids_.size(); }
  [[nodiscard]] std::size_t vocabulary() const { return vocabulary_; }
  [[nodiscard]] std::size_t k() const { return k_; }  // 0: the whole vocabulary
  [[nodiscard]] JsVariant variant() const {
    return k_ == 0 ? JsVariant::kFull : JsVariant::kRefTopkTail;
  }

 private:
  ReferenceCache() = default;
  [[nodiscard]] Result<void> read_top(const std::filesystem::path& file,
                                      const std::map<std::string, tensors::TensorRecord>& tensors);
  [[nodiscard]] JsValue compare_top(Span<const float> model, std::size_t row) const;

  ReferenceId id_;
  std::vector<std::string> canary_ids_;
  std::size_t vocabulary_ = 0;
  std::size_t k_ = 0;
  std::vector<float> logits_;      // [P, V] when k = 0
  std::vector<std::int64_t> top_;  // [P, k] token ids
  std::vector<double> log_probs_;  // [P, k] nats
  std::vector<double> tail_;       // [P] probability outside the top k, summed
};

}  // namespace phaseguard::canaries
