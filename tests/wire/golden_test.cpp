// The golden frames: what protocol 1.0 and 1.1 look like on the wire, for good.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "monitor/wire/codec.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"
#include "tests/support/source_dir.h"
#include "tests/wire/samples.h"

namespace phaseguard::wire {
namespace {

struct Golden {
  const char* folder;
  std::vector<Message> messages;

  [[nodiscard]] std::filesystem::path path() const {
    return std::filesystem::path(test::source_dir()) / "tests/data/wire" / folder;
  }
};

std::vector<Golden> versions() {
  return {{"v1", samples()},
          {"v1.1", samples_of_1_1()},
          {"v1.1-held", samples_of_held()},
          {"v1.1-parts", samples_of_parts()}};
}

std::string contents(const std::filesystem::path& path) {
  INFO(path.string());
  REQUIRE(std::filesystem::exists(path));
  return test::read_file(path);
}

TEST_CASE("encode gives the golden bytes of every kind", "[wire][golden]") {
  for (const Golden& golden : versions()) {
    for (const Message& message : golden.messages) {
      const std::string kind(kind_of(message.body));
      INFO(golden.folder << " " << kind);
      CHECK(encode(message) == contents(golden.path() / (kind + ".bin")));
      CHECK(readable(contents(golden.path() / (kind + ".bin"))) ==
            contents(golden.path() / (kind + ".json")));
    }
  }
}

TEST_CASE("golden frames decode and encode to themselves", "[wire][golden]") {
  for (const Golden& golden : versions()) {
    std::size_t n = 0;
    for (const auto& entry : std::filesystem::directory_iterator(golden.path())) {
      if (entry.path().extension() != ".bin") continue;
      ++n;
      INFO(entry.path().string());
      const std::string frame = contents(entry.path());
      const auto message = decode(frame);
      REQUIRE(message.has_value());
      CHECK(std::string(kind_of(message->body)) == entry.path().stem().string());
      CHECK(encode(*message) == frame);
    }
    CHECK(n == golden.messages.size());
  }
  // A Report has three kinds; every other alternative has one, and three are not of 1.0.
  CHECK(samples().size() + 1 == std::variant_size_v<Body>);
}

TEST_CASE("a message without the keys of 1.1 has the bytes of 1.0", "[wire][golden]") {
  for (Message message : samples()) {
    message.header.version = {1, 1};
    std::string as_1_0 = encode(message);
    const std::string version = std::string("\x92\x01\x01");  // "v": [1, 1]
    const std::size_t at = as_1_0.find(version);
    REQUIRE(at != std::string::npos);
    as_1_0[at + 2] = 0;
    CHECK(as_1_0 == contents(versions()[0].path() / (std::string(kind_of(message.body)) + ".bin")));
  }
}

TEST_CASE("a word of a newer peer is kept and shown as itself", "[wire]") {
  Message message = samples_of_1_1().back();
  auto& status = std::get<Status>(message.body);
  status.link = Word<LinkState>::from("hibernating");
  status.rules.front().phase = Word<RulePhase>::from("dreaming");
  status.alerts.front().source = AlertSource::from("weather:rain");
  const std::string frame = encode(message);
  const auto decoded = decode(frame);
  REQUIRE(decoded.has_value());
  const auto& read = std::get<Status>(decoded->body);
  CHECK_FALSE(read.link.known());
  CHECK(read.link.text() == "hibernating");
  CHECK(read.rules.front().phase.text() == "dreaming");
  CHECK_FALSE(read.alerts.front().source.kind());
  CHECK(encode(*decoded) == frame);
}

}  // namespace
}  // namespace phaseguard::wire
