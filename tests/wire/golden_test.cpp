// The golden frames: what protocol 1.0 looks like on the wire, for good.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "monitor/wire/codec.h"
#include "tests/support/catch.h"
#include "tests/support/source_dir.h"
#include "tests/wire/samples.h"

namespace phaseguard::wire {
namespace {

std::filesystem::path golden_folder() {
  return std::filesystem::path(test::source_dir()) / "tests/data/wire/v1";
}

std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  INFO(path.string());
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_CASE("encode gives the golden bytes of every kind", "[wire][golden]") {
  for (const Message& message : samples()) {
    const std::string kind(kind_of(message.body));
    INFO(kind);
    CHECK(encode(message) == contents(golden_folder() / (kind + ".bin")));
  }
}

TEST_CASE("golden frames decode and encode to themselves", "[wire][golden]") {
  std::size_t n = 0;
  for (const auto& entry : std::filesystem::directory_iterator(golden_folder())) {
    if (entry.path().extension() != ".bin") continue;
    ++n;
    INFO(entry.path().string());
    const std::string frame = contents(entry.path());
    const auto message = decode(frame);
    REQUIRE(message.has_value());
    CHECK(std::string(kind_of(message->body)) == entry.path().stem().string());
    CHECK(encode(*message) == frame);
  }
  CHECK(n == samples().size());
  // A Report has three kinds; every other alternative has one.
  CHECK(n == std::variant_size_v<Body> + 2);
}

TEST_CASE("the readable twins say what the golden frames say", "[wire][golden]") {
  for (const Message& message : samples()) {
    const std::string kind(kind_of(message.body));
    INFO(kind);
    CHECK(readable(contents(golden_folder() / (kind + ".bin"))) ==
          contents(golden_folder() / (kind + ".json")));
  }
}

}  // namespace
}  // namespace phaseguard::wire
