#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>

#include "monitor/base/file.h"
#include "monitor/base/text.h"
#include "monitor/tensors/safetensors.h"

namespace phaseguard::tensors {

namespace {

tl::unexpected<Error> io(const std::string& what, const std::filesystem::path& file) {
  return fail(Errc::kIo, file.string() + ": " + what + ": " + std::strerror(errno));
}

Result<void> write_all(int fd, const std::string& bytes, const std::filesystem::path& file) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io("could not write", file);
    done += static_cast<std::size_t>(n);
  }
  if (::fsync(fd) != 0) return io("could not sync", file);
  return {};
}

}  // namespace

Result<TensorFile> load_safetensors(const std::filesystem::path& file, const FileLimits& limits) {
  auto content = read_file(file, "a safetensors file", limits.max_file_bytes);
  if (!content) return tl::unexpected<Error>(content.error());
  return decode_safetensors(*content, file.string(), limits);
}

Result<void> save_safetensors(const TensorFile& content, const std::filesystem::path& file) {
  const std::filesystem::path beside =
      file.string() + ".tmp" + std::to_string(static_cast<long>(::getpid()));
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return io("could not create", beside);
  Result<void> written = write_all(fd, encode_safetensors(content), beside);
  if (::close(fd) != 0 && written) written = io("could not close", beside);
  if (written && ::rename(beside.c_str(), file.c_str()) != 0) {
    written = io("could not rename into place", file);
  }
  if (!written) ::unlink(beside.c_str());
  return written;
}

}  // namespace phaseguard::tensors
