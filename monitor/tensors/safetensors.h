// safetensors files: u64 little-endian header length, JSON header, raw little-endian data. Our own
// small reader and writer, used for probes, trait directions and the lab's weights. No LibTorch.
// Any thread. C++17-clean. Never a pickle: a file here holds numbers and strings, nothing that
// runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/span.h"

namespace phaseguard::tensors {

enum class Dtype { kF16, kF32, kF64, kBf16, kI64, kI32, kU8, kBool };
[[nodiscard]] std::size_t size_of(Dtype dtype);  // bytes of one element
[[nodiscard]] const char* name_of(Dtype dtype);  // "F16", "F32", "F64", "BF16", "I64", "I32", ...

// IEEE 754 binary16: round to nearest, ties to even; overflow gives infinity; NaN stays NaN.
[[nodiscard]] std::uint16_t half_from_float(float value);
[[nodiscard]] float float_from_half(std::uint16_t bits);
// The upper half of a float32: round to nearest, ties to even.
[[nodiscard]] std::uint16_t bfloat16_from_float(float value);
[[nodiscard]] float float_from_bfloat16(std::uint16_t bits);

struct TensorRecord {
  Dtype dtype = Dtype::kF32;
  std::vector<std::int64_t> shape;  // [] is one number
  std::string bytes;  // row-major, little-endian; size = product(shape) * size_of(dtype)

  [[nodiscard]] std::size_t count() const;  // product(shape)
  [[nodiscard]] std::vector<float> to_float() const;
  [[nodiscard]] std::vector<double> to_double() const;  // of whole numbers too; exact below 2^53
  // `values` row-major, as many as product(shape); stored in `as`.
  [[nodiscard]] static TensorRecord of(Span<const float> values, std::vector<std::int64_t> shape,
                                       Dtype as = Dtype::kF32);
  [[nodiscard]] static TensorRecord of(Span<const double> values, std::vector<std::int64_t> shape,
                                       Dtype as = Dtype::kF64);
  // Whole numbers: ids, labels. A value outside `as` is our bug.
  [[nodiscard]] static TensorRecord of(Span<const std::int64_t> values,
                                       std::vector<std::int64_t> shape, Dtype as = Dtype::kI64);
};

struct TensorFile {
  std::map<std::string, std::string> metadata;  // "__metadata__"
  std::map<std::string, TensorRecord> tensors;

  // The tensor by name, or an Error naming it, `source`, and what the file holds.
  [[nodiscard]] Result<const TensorRecord*> find(const std::string& name,
                                                 std::string_view source) const;
};

struct FileLimits {
  std::uint64_t max_header_bytes = 8u << 20;
  std::uint64_t max_file_bytes = 1ull << 32;
  std::size_t max_tensors = 65536;
  std::size_t max_rank = 8;
};

// Errors: shorter than its header says, header not JSON, a dtype we do not speak, a shape that does
// not fit its bytes, offsets that overlap, leave a hole or run past the end, a limit passed.
[[nodiscard]] Result<TensorFile> decode_safetensors(std::string_view bytes, std::string_view source,
                                                    const FileLimits& limits = {});
[[nodiscard]] std::string encode_safetensors(const TensorFile& file);  // same input, same bytes

[[nodiscard]] Result<TensorFile> load_safetensors(const std::filesystem::path& file,
                                                  const FileLimits& limits = {});
// Written beside the target, synced, then renamed over it: a reader sees the old file or the new.
[[nodiscard]] Result<void> save_safetensors(const TensorFile& content,
                                            const std::filesystem::path& file);

}  // namespace phaseguard::tensors
