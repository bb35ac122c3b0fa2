// Frames made to break a decoder: none may throw, crash, or allocate beyond a fixed amount.
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "monitor/wire/codec.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"
#include "tests/support/source_dir.h"
#include "tests/wire/allocation.h"
#include "tests/wire/pack.h"
#include "tests/wire/samples.h"

namespace phaseguard::wire {
namespace {

constexpr std::size_t kMost = kDecodedFactor * kTelemetryLimits.frame_bytes;

// Decodes and checks what it cost; the error's code, or nothing when the frame was good.
std::optional<Errc> outcome(const std::string& bytes) {
  const AllocationWatch watch;
  const auto message = decode(bytes);
  const std::size_t total = watch.total();
  INFO("allocated " << total << " for a frame of " << bytes.size());
  REQUIRE(total <= kMost);
  if (message) return std::nullopt;
  REQUIRE_FALSE(message.error().message.empty());
  return message.error().code;
}

TEST_CASE("every proper prefix of every golden frame is refused", "[wire][hostile]") {
  for (const Message& message : samples()) {
    const std::string bytes = encode(message);
    for (std::size_t n = 0; n < bytes.size(); ++n) {
      INFO(kind_of(message.body) << " cut to " << n);
      CHECK(outcome(bytes.substr(0, n)) == Errc::kMalformed);
    }
    CHECK(outcome(bytes) == std::nullopt);
    CHECK(outcome(bytes + '\0') == Errc::kMalformed);
  }
}

TEST_CASE("bit flips decode to a result within the allocation bound", "[wire][hostile]") {
  std::mt19937_64 random(20'260'101);
  std::size_t refused = 0;
  std::size_t n = 0;
  for (const Message& message : samples()) {
    const std::string bytes = encode(message);
    for (int i = 0; i < 1000; ++i) {
      std::string broken = bytes;
      const std::uint64_t bit = random() % (8 * broken.size());
      broken[bit / 8] = static_cast<char>(broken[bit / 8] ^ (1 << (bit % 8)));
      INFO(kind_of(message.body) << ", bit " << bit);
      refused += outcome(broken).has_value() ? 1 : 0;
      ++n;
    }
  }
  CHECK(n == 19'000);
  CHECK(refused > n / 20);  // the flips do reach the structure
}

TEST_CASE("random bytes decode to a result", "[wire][hostile]") {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(1 + random() % 200, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    if (i % 2 == 0) bytes[0] = static_cast<char>(0x80 + random() % 16);
    CHECK(outcome(bytes).has_value());
  }
}

TEST_CASE("claimed lengths are checked before anything is allocated", "[wire][hostile]") {
  for (const std::size_t claim :
       {std::size_t{65'536}, std::size_t{0x7fffffff}, std::size_t{0xffffffff}}) {
    INFO("claim of " << claim);
    for (const std::string& head : {str32(claim), bin32(claim), array32(claim), map32(claim)}) {
      const AllocationWatch watch;
      CHECK_FALSE(decode(head).has_value());
      CHECK_FALSE(decode(frame("goodbye", {{"reason", head}})).has_value());
      CHECK_FALSE(decode(frame("step", {{"samples", head}})).has_value());
      CHECK_FALSE(decode(frame("step", {{"unknown", head}})).has_value());
      CHECK(watch.total() < std::size_t{16} * 1024);
    }
    for (const char* ext : {"\xc7", "\xc8", "\xc9"}) {
      const int width = ext[0] == '\xc7' ? 1 : ext[0] == '\xc8' ? 2 : 4;
      const AllocationWatch watch;
      CHECK(outcome(frame("tick", {{"x", ext + big_endian(claim, width) + "\x01"}})).has_value());
      CHECK(watch.total() < std::size_t{16} * 1024);
    }
  }
}

TEST_CASE("nesting bombs are refused at the depth limit", "[wire][hostile]") {
  CHECK(outcome(repeat("\x91", 60'000)) == Errc::kMalformed);  // the outermost is no map
  CHECK(outcome(frame("tick", {{"x", repeat("\x91", 60'000) + nil()}})) == Errc::kLimit);
  CHECK(outcome(frame("tick", {{"x", repeat("\x81\xa1k", 20'000) + nil()}})) == Errc::kLimit);
  CHECK(outcome(repeat("\x81\xa1k", 20'000)) == Errc::kLimit);
  // Wide as well as deep: 15 arrays in each of 15, down to the depth that is allowed.
  std::string wide = nil();
  for (int i = 0; i < 3; ++i) wide = "\x9f" + repeat(wide, 15);
  CHECK(outcome(frame("tick", {{"x", wide}})) == std::nullopt);
}

TEST_CASE("thousands of empty records do not become megabytes", "[wire][hostile]") {
  const std::string detector =
      "\x81\xa8"
      "detector\xa0";
  const std::string bomb =
      frame("decision", {{"id", integer(1)},
                         {"because", integer(1)},
                         {"knobs", array32(0)},
                         {"detectors", array32(4096) + repeat(detector, 4096)}});
  REQUIRE(bomb.size() < kTelemetryLimits.frame_bytes);
  CHECK(outcome(bomb) == Errc::kLimit);
  const std::string samples =
      "\x81\xa6"
      "signal\xa1s";
  CHECK(outcome(frame("step", {{"samples", array32(4096) + repeat(samples, 4096)}})) ==
        Errc::kLimit);
  CHECK(outcome(frame("step", {{"samples", array32(1024) + repeat(samples, 1024)}})) ==
        std::nullopt);
}

TEST_CASE("ext types, duplicate keys, odd keys and other tops are refused", "[wire][hostile]") {
  CHECK(outcome(frame("tick", {{"x", std::string("\xd4\x01\x00", 3)}})) == Errc::kMalformed);
  CHECK(outcome(frame("tick", {{"x", "\xd8" + std::string(17, 'x')}})) == Errc::kMalformed);
  CHECK(outcome(frame("tick", {{"run", text("r")}})) == Errc::kMalformed);
  CHECK(outcome(frame("tick", {{"new", nil()}, {"new", nil()}})) == Errc::kMalformed);
  CHECK(outcome(frame("tick", {{"x", map({{"a", nil()}, {"a", nil()}})}})) == Errc::kMalformed);
  CHECK(outcome(frame("tick", {{"x", map32(1) + integer(1) + nil()}})) == Errc::kMalformed);
  CHECK(outcome(frame("tick", {{"x", map32(1) + array32(0) + nil()}})) == Errc::kMalformed);
  CHECK(outcome(frame("tick", {{"x", "\xc1"}})) == Errc::kMalformed);
  for (const std::string& top :
       {std::string(), nil(), integer(1), text("x"), bin("x"), array32(0), std::string("\xc1")})
    CHECK(outcome(top) == Errc::kMalformed);
  CHECK(outcome(frame("tick", {}) + frame("tick", {})) == Errc::kMalformed);
}

TEST_CASE("every limit holds at its edge", "[wire][hostile]") {
  const Limits& limits = kTelemetryLimits;
  const auto at = [](const std::string& value) { return outcome(frame("tick", {{"x", value}})); };
  CHECK(at(text(std::string(limits.string_bytes, 'x'))) == std::nullopt);
  CHECK(at(text(std::string(limits.string_bytes + 1, 'x'))) == Errc::kLimit);
  CHECK(at(array32(limits.array_items) + repeat(nil(), limits.array_items)) == std::nullopt);
  CHECK(at(array32(limits.array_items + 1) + repeat(nil(), limits.array_items + 1)) ==
        Errc::kLimit);

  const auto map_of = [](std::size_t n) {
    std::string out = map32(n);
    for (std::size_t i = 0; i < n; ++i) out += text(std::to_string(i)) + nil();
    return out;
  };
  CHECK(at(map_of(limits.map_entries)) == std::nullopt);
  CHECK(at(map_of(limits.map_entries + 1)) == Errc::kLimit);
  // The message's own map is the first level.
  CHECK(at(repeat("\x91", limits.depth - 1) + nil()) == std::nullopt);
  CHECK(at(repeat("\x91", limits.depth) + nil()) == Errc::kLimit);
  CHECK(at(repeat("\x91", limits.depth - 2) + "\x80") == std::nullopt);
  CHECK(at(repeat("\x91", limits.depth - 1) + "\x80") == Errc::kLimit);

  const std::size_t envelope = frame("tick", {{"x", bin("")}}).size();
  const auto whole = [&](std::size_t frame_bytes) {
    return frame("tick", {{"x", bin(std::string(frame_bytes - envelope, 'x'))}});
  };
  CHECK(outcome(whole(limits.frame_bytes)) == std::nullopt);
  CHECK(outcome(whole(limits.frame_bytes + 1)) == Errc::kLimit);
  CHECK(
      decode(whole(limits.frame_bytes + 1), Limits{limits.frame_bytes + 1, 4096, 70'000, 8, 64, 8})
          .has_value());
  CHECK(
      decode(frame("tick", {{"x", bin(std::string(1001, 'x'))}}), Limits{9999, 100, 1000, 8, 64, 8})
          .error()
          .code == Errc::kLimit);
  CHECK(
      decode(frame("tick", {{"x", bin(std::string(1000, 'x'))}}), Limits{9999, 100, 1000, 8, 64, 8})
          .has_value());
}

TEST_CASE("the limits are those of docs/PROTOCOL.md", "[wire]") {
  const std::string page = test::read_file(test::source_dir() + "/docs/PROTOCOL.md");
  const auto says = [&](const std::string& row) { return page.find(row) != std::string::npos; };
  CHECK(says("| | `telemetry`, and into `operator` | `feed`, and replies on `operator` |"));
  CHECK(says("| frame | 64 KiB (65 536 bytes) | 1 MiB |"));
  CHECK(kTelemetryLimits.frame_bytes == 65536);
  CHECK(kFeedLimits.frame_bytes == std::size_t{1024} * 1024);
  CHECK(says("| bin | 64 KiB | 1 MiB |"));
  CHECK(kTelemetryLimits.binary_bytes == 65536);
  CHECK(kFeedLimits.binary_bytes == std::size_t{1024} * 1024);
  CHECK(says("| str | 4 KiB | 4 KiB |"));
  CHECK(says("| array | 4 096 items | 4 096 items |"));
  CHECK(says("| map | 64 entries | 64 entries |"));
  CHECK(says("being 1 | 8 | 8 |"));
  CHECK(says("| memory of the decoded message | 4 × the frame limit | 4 × the frame limit |"));
  for (const Limits& limits : {kTelemetryLimits, kFeedLimits}) {
    CHECK(limits.string_bytes == 4096);
    CHECK(limits.array_items == 4096);
    CHECK(limits.map_entries == 64);
    CHECK(limits.depth == 8);
  }
  CHECK(kDecodedFactor == 4);
}

TEST_CASE("fits agrees with decode about sizes", "[wire]") {
  for (const Message& message : samples()) CHECK(fits(encode(message)).has_value());
  CHECK(fits(std::string(kTelemetryLimits.frame_bytes + 1, 'x')).error().code == Errc::kLimit);
  CHECK(fits(frame("tick", {{"x", text(std::string(5000, 'x'))}})).error().code == Errc::kLimit);
}

}  // namespace
}  // namespace phaseguard::wire
