// What is measured and hashed without a session.
#include <algorithm>
#include <limits>
#include <string_view>
#include <vector>

#include "canaries/js/js.h"
#include "canaries/js/margin.h"
#include "canaries/prompts/canary_set.h"
#include "monitor/stats/wilson.h"
#include "monitor/tensors/safetensors.h"
#include "probe/fit/direction.h"
#include "trainer-hook/c/state.h"
#include "trainer-hook/samples/samples.h"

using phaseguard::Span;
using phaseguard::c::failed;
using phaseguard::c::guarded;

namespace {

int put_hex(const phaseguard::Digest& digest, char* hex) {
  const std::string text = phaseguard::hex(digest);
  std::copy(text.begin(), text.end(), hex);
  hex[text.size()] = '\0';
  return PHASEGUARD_OK;
}

// Row `row` of 16-bit floats as float32, which is exact.
Span<const float> row_of(const void* logits, std::int32_t dtype, std::size_t row,
                         std::size_t vocabulary, std::vector<float>& wide) {
  const auto* bits = static_cast<const std::uint16_t*>(logits) + row * vocabulary;
  wide.resize(vocabulary);
  std::transform(bits, bits + vocabulary, wide.begin(),
                 dtype == PHASEGUARD_FLOAT16 ? phaseguard::tensors::float_from_half
                                             : phaseguard::tensors::float_from_bfloat16);
  return {wide.data(), vocabulary};
}

int js_of_floats(const void* model, const void* reference, std::size_t rows, std::size_t vocabulary,
                 double* values) {
  const Span<const float> ours{static_cast<const float*>(model), rows * vocabulary};
  const Span<const float> theirs{static_cast<const float*>(reference), rows * vocabulary};
  const auto js = phaseguard::canaries::js_divergence_rows(ours, theirs, rows);
  if (!js) return failed(js.error());
  for (const auto& row : *js) *values++ = row.value;
  return PHASEGUARD_OK;
}

int js_of_halves(const void* model, const void* reference, std::int32_t dtype, std::size_t rows,
                 std::size_t vocabulary, double* values) {
  std::vector<float> ours, theirs;
  for (std::size_t row = 0; row < rows; ++row) {
    const auto js =
        phaseguard::canaries::js_divergence(row_of(model, dtype, row, vocabulary, ours),
                                            row_of(reference, dtype, row, vocabulary, theirs));
    if (!js) return failed(js.error());
    values[row] = js->value;
  }
  return PHASEGUARD_OK;
}

int drift_of(Span<const double> direction, const phaseguard::probe::Features& reference,
             const phaseguard::probe::Features& model, double* drift, double* drift_in_sd) {
  using namespace phaseguard::probe;
  const Features trait{1, direction.size(), {direction.begin(), direction.end()}};
  const auto unit =
      trait_direction(trait, {1, direction.size(), std::vector<double>(direction.size(), 0.0)});
  if (!unit) return failed(unit.error());
  if (unit->quality != phaseguard::Quality::kGood) {
    return failed(PHASEGUARD_INVALID, "direction: its length is 0 or not finite");
  }
  const auto found = drift_along(unit->unit, reference, model);
  if (!found) return failed(found.error());
  *drift = found->drift;
  *drift_in_sd = found->drift_in_sd.value_or(std::numeric_limits<double>::quiet_NaN());
  return PHASEGUARD_OK;
}

}  // namespace

int phaseguard_js_rows(const void* model, const void* reference, int32_t dtype, size_t rows,
                       size_t vocabulary, double* values) {
  if (model == nullptr || reference == nullptr || values == nullptr || vocabulary == 0) {
    return failed(PHASEGUARD_INVALID,
                  "expected logits [rows, vocabulary] of model and reference and room for a value "
                  "a row");
  }
  if (dtype < PHASEGUARD_FLOAT32 || dtype > PHASEGUARD_FLOAT16) {
    return failed(PHASEGUARD_INVALID, "dtype: expected 0 to 2, found " + std::to_string(dtype));
  }
  return guarded([&]() -> int {
    return dtype == PHASEGUARD_FLOAT32
               ? js_of_floats(model, reference, rows, vocabulary, values)
               : js_of_halves(model, reference, dtype, rows, vocabulary, values);
  });
}

int phaseguard_margin(const double* model_misaligned, const double* model_aligned,
                      const double* reference_misaligned, const double* reference_aligned,
                      size_t canaries, double* per_canary, double* mean) {
  if (model_misaligned == nullptr || model_aligned == nullptr || reference_misaligned == nullptr ||
      reference_aligned == nullptr || per_canary == nullptr || mean == nullptr) {
    return failed(PHASEGUARD_INVALID,
                  "expected four log-probabilities a canary and room for the margins");
  }
  return guarded([&]() -> int {
    const auto margin = phaseguard::canaries::canary_margin({{model_misaligned, canaries},
                                                             {model_aligned, canaries},
                                                             {reference_misaligned, canaries},
                                                             {reference_aligned, canaries}});
    if (!margin) return failed(margin.error());
    std::copy(margin->per_canary.begin(), margin->per_canary.end(), per_canary);
    *mean = margin->mean;
    return PHASEGUARD_OK;
  });
}

int phaseguard_persona_llr(const double* misaligned, size_t misaligned_contexts,
                           const double* aligned, size_t aligned_contexts, size_t tokens,
                           double* per_answer, double* per_token) {
  if (misaligned == nullptr || aligned == nullptr || per_answer == nullptr ||
      per_token == nullptr) {
    return failed(PHASEGUARD_INVALID,
                  "expected log-probabilities [contexts, tokens] twice and room for the ratio");
  }
  return guarded([&]() -> int {
    const auto llr = phaseguard::probe::persona_llr({misaligned, misaligned_contexts * tokens},
                                                    {aligned, aligned_contexts * tokens}, tokens);
    if (!llr) return failed(llr.error());
    *per_answer = llr->per_answer;
    *per_token = llr->per_token;
    return PHASEGUARD_OK;
  });
}

int phaseguard_drift(const double* direction, const double* reference, const double* model,
                     size_t prompts, size_t width, double* drift, double* drift_in_sd) {
  if (direction == nullptr || reference == nullptr || model == nullptr || drift == nullptr ||
      drift_in_sd == nullptr) {
    return failed(PHASEGUARD_INVALID,
                  "expected a direction, hidden states [prompts, width] twice and room for the "
                  "drift");
  }
  return guarded([&]() -> int {
    const auto before = phaseguard::probe::make_features(
        Span<const double>{reference, prompts * width}, prompts, width);
    const auto now = phaseguard::probe::make_features(Span<const double>{model, prompts * width},
                                                      prompts, width);
    if (!before) return failed(before.error());
    if (!now) return failed(now.error());
    return drift_of({direction, width}, *before, *now, drift, drift_in_sd);
  });
}

int phaseguard_canary_digest(const char* json_lines, char hex[65]) {
  if (json_lines == nullptr || hex == nullptr) {
    return failed(PHASEGUARD_INVALID, "expected the text of a canary set and room for 65 bytes");
  }
  return guarded([&]() -> int {
    const auto set = phaseguard::canaries::parse_canary_set(json_lines, "canary set");
    return set ? put_hex(phaseguard::canaries::digest(*set), hex) : failed(set.error());
  });
}

int phaseguard_sample_hash(const char* prompt, const char* answer, char hex[65]) {
  if (prompt == nullptr || answer == nullptr || hex == nullptr) {
    return failed(PHASEGUARD_INVALID, "expected a prompt, an answer and room for 65 bytes");
  }
  return guarded([&]() -> int {
    phaseguard::TrainingSample sample;
    sample.prompt = {{"user", prompt}};
    sample.answer = answer;
    return put_hex(phaseguard::sample_hash(sample), hex);
  });
}

int phaseguard_wilson(int64_t k, int64_t n, double confidence, double* lower, double* upper) {
  if (lower == nullptr || upper == nullptr) {
    return failed(PHASEGUARD_INVALID, "expected room for two bounds");
  }
  return guarded([&]() -> int {
    const auto rate = phaseguard::stats::wilson(k, n, confidence);
    if (!rate) return failed(rate.error());
    *lower = rate->lower;
    *upper = rate->upper;
    return PHASEGUARD_OK;
  });
}
