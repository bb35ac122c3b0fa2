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

// Every type that the format has. Those from kF4 on are known by name and size alone: a tensor of
// one is kept as bytes, and its numbers are not taken.
enum class Dtype {
  kF16,
  kF32,
  kF64,
  kBf16,
  kF8E4m3,
  kF8E5m2,
  kI64,
  kI32,
  kI16,
  kI8,
  kU64,
  kU32,
  kU16,
  kU8,
  kBool,
  kF4,
  kF6E2m3,
  kF6E3m2,
  kF8E8m0,
  kF8E4m3Fnuz,
  kF8E5m2Fnuz,
  kC64
};
[[nodiscard]] const char* name_of(Dtype dtype);  // "F16", "F32", "F8_E4M3", "I64", ...
[[nodiscard]] bool is_taken(Dtype dtype);        // to_float and to_double read it
[[nodiscard]] bool is_floating(Dtype dtype);     // taken, and holds fractions

// IEEE 754 binary16: round to nearest, ties to even; overflow gives infinity; NaN stays NaN.
[[nodiscard]] std::uint16_t half_from_float(float value);
[[nodiscard]] float float_from_half(std::uint16_t bits);
// The 8-bit floats: 5 exponent bits with infinities, 4 with NaN alone (S.1111.111).
[[nodiscard]] float float_from_f8_e5m2(std::uint8_t bits);
[[nodiscard]] float float_from_f8_e4m3(std::uint8_t bits);
// The upper half of a float32: round to nearest, ties to even.
[[nodiscard]] std::uint16_t bfloat16_from_float(float value);
[[nodiscard]] float float_from_bfloat16(std::uint16_t bits);

struct TensorRecord {
  Dtype dtype = Dtype::kF32;
  std::vector<std::int64_t> shape;  // [] is one number
  std::string bytes;                // row-major, little-endian

  [[nodiscard]] std::size_t count() const;  // product(shape)
  // Of a type that is taken, whole numbers too; to_double is exact below 2^53.
  [[nodiscard]] std::vector<float> to_float() const;
  [[nodiscard]] std::vector<double> to_double() const;
  // `values` row-major, as many as product(shape); stored in `as`, a taken type of 16 bits or more
  // or of whole numbers.
  [[nodiscard]] static TensorRecord of(Span<const float> values, std::vector<std::int64_t> shape,
                                       Dtype as = Dtype::kF32);
  [[nodiscard]] static TensorRecord of(Span<const double> values, std::vector<std::int64_t> shape,
                                       Dtype as = Dtype::kF64);
  // Whole numbers: ids, labels. A value outside `as` is our bug.
  [[nodiscard]] static TensorRecord of(Span<const std::int64_t> values,
                                       std::vector<std::int64_t> shape, Dtype as = Dtype::kI64);
};

// Error: its type is not taken. `what` names file and tensor.
[[nodiscard]] Result<void> check_taken(const TensorRecord& record, const std::string& what);

struct TensorFile {
  std::map<std::string, std::string> metadata;  // "__metadata__"
  std::map<std::string, TensorRecord> tensors;

  // The tensor by name, of a type that is taken, or an Error naming it, `source`, and what the file
  // holds.
  [[nodiscard]] Result<const TensorRecord*> find(const std::string& name,
                                                 std::string_view source) const;
};

struct FileLimits {
  std::uint64_t max_header_bytes = 8u << 20;
  std::uint64_t max_file_bytes = 1ull << 32;
  std::size_t max_tensors = 65536;
  std::size_t max_rank = 8;
};

// Takes time in proportion to the file, however many tensors it has. Errors: shorter than its
// header says, header not JSON, a dtype that the format does not have, a shape that does not fit
// its bytes, offsets that overlap, leave a hole or run past the end, a limit passed.
[[nodiscard]] Result<TensorFile> decode_safetensors(std::string_view bytes, std::string_view source,
                                                    const FileLimits& limits = {});
[[nodiscard]] std::string encode_safetensors(const TensorFile& file);  // same input, same bytes

[[nodiscard]] Result<TensorFile> load_safetensors(const std::filesystem::path& file,
                                                  const FileLimits& limits = {});
// Written beside the target, synced, then renamed over it: a reader sees the old file or the new.
[[nodiscard]] Result<void> save_safetensors(const TensorFile& content,
                                            const std::filesystem::path& file);

}  // namespace phaseguard::tensors
