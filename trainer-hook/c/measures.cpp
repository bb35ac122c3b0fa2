// What is measured and hashed without a session.
#include <algorithm>
#include <string_view>
#include <vector>

#include "canaries/js/js.h"
#include "canaries/prompts/canary_set.h"
#include "monitor/stats/wilson.h"
#include "monitor/tensors/safetensors.h"
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
