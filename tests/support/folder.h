// A folder of its own for a test, gone at the end, and what is in its files.
#pragma once

#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace phaseguard::test {

// All bytes; none for a file that is not there.
inline std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline void write_file(const std::filesystem::path& file, std::string_view bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "phaseguard-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();  // mode 0700
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // The full name of a file in it.
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ / name; }
  // Gives the full name, which not everybody needs. NOLINTNEXTLINE(modernize-use-nodiscard)
  std::string write(const std::string& name, std::string_view bytes) const {
    write_file(path_ / name, bytes);
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace phaseguard::test
