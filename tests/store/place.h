// A folder of its own for a test, and run files made in it.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "monitor/store/reader.h"
#include "monitor/store/writer.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::test {

class Place {
 public:
  Place() {
    std::string name = (std::filesystem::temp_directory_path() / "phaseguard-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder_ = name;
  }
  ~Place() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  [[nodiscard]] std::filesystem::path folder() const { return folder_; }
  [[nodiscard]] std::filesystem::path file(const std::string& run) const {
    return store::run_file(folder_, *RunId::parse(run));
  }

 private:
  std::filesystem::path folder_;
};

inline store::Writer open_writer(const std::filesystem::path& path, const RunId& run) {
  auto writer = store::Writer::create_or_open(path, run, Now{1.75e9, Nanos{}});
  INFO((writer ? "" : writer.error().message));
  REQUIRE(writer.has_value());
  return std::move(*writer);
}

inline store::Reader open_reader(const std::filesystem::path& path) {
  auto reader = store::Reader::open(path);
  INFO((reader ? "" : reader.error().message));
  REQUIRE(reader.has_value());
  return std::move(*reader);
}

// Appends all, numbering them from the writer's place, and syncs.
inline void record(store::Writer& writer, std::vector<wire::Message>& messages) {
  for (auto& message : messages) {
    message.header.seq = Seq{writer.last_seq().value + 1};
    auto appended = writer.append(message);
    INFO((appended ? "" : appended.error().message));
    REQUIRE(appended.has_value());
  }
  REQUIRE(writer.sync().has_value());
}

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace phaseguard::test
