// A folder of its own for a test, and run files made in it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "monitor/store/reader.h"
#include "monitor/store/writer.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"
#include "tests/support/words.h"

namespace phaseguard::test {

class Place : public Folder {
 public:
  [[nodiscard]] std::filesystem::path file(const std::string& run) const {
    return store::run_file(path(), *RunId::parse(run));
  }
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

}  // namespace phaseguard::test
