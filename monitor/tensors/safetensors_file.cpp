#include "monitor/base/file.h"
#include "monitor/tensors/safetensors.h"

namespace phaseguard::tensors {

Result<TensorFile> load_safetensors(const std::filesystem::path& file, const FileLimits& limits) {
  auto content = read_file(file, "a safetensors file", limits.max_file_bytes);
  if (!content) return tl::unexpected<Error>(content.error());
  return decode_safetensors(*content, file.string(), limits);
}

Result<void> save_safetensors(const TensorFile& content, const std::filesystem::path& file) {
  return write_file(file, encode_safetensors(content));
}

}  // namespace phaseguard::tensors
