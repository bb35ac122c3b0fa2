// A folder of its own for a test's sockets, gone at the end.
#pragma once

#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace phaseguard::link {

class Folder {
 public:
  Folder() : path_((std::filesystem::temp_directory_path() / "pg-link-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) std::abort();  // mode 0700
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace phaseguard::link
