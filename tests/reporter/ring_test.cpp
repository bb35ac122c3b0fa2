#include "trainer-hook/reporter/ring.h"

#include <array>
#include <cstdint>
#include <thread>

#include "tests/support/catch.h"
#include "tests/support/words.h"
#include "trainer-hook/reporter/latch.h"

using phaseguard::reporter::Latch;
using phaseguard::reporter::SpscRing;

TEST_CASE("a full ring refuses and forgets nothing", "[reporter]") {
  SpscRing<int> ring(3);
  REQUIRE(ring.capacity() == 4);
  for (int i = 0; i < 4; ++i) REQUIRE(ring.push([&](int& slot) { slot = i; }));
  bool filled = false;
  REQUIRE_FALSE(ring.push([&](int&) { filled = true; }));
  REQUIRE_FALSE(filled);
  int got = -1;
  REQUIRE(ring.pop([&](int& slot) { got = slot; }));
  REQUIRE(got == 0);
  REQUIRE(ring.push([&](int& slot) { slot = 4; }));
  for (int i = 1; i <= 4; ++i) {
    REQUIRE(ring.pop([&](int& slot) { got = slot; }));
    REQUIRE(got == i);
  }
  REQUIRE_FALSE(ring.pop([&](int&) {}));
}

TEST_CASE("what goes through the ring between two threads arrives once and in order",
          "[reporter][property]") {
  constexpr std::int64_t kCount = 200'000;
  SpscRing<std::int64_t> ring(64);
  std::thread producer([&] {
    for (std::int64_t i = 0; i < kCount;) {
      if (ring.push([&](std::int64_t& slot) { slot = i; })) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::int64_t expected = 0;
  std::int64_t wrong = 0;
  while (expected < kCount) {
    if (!ring.pop([&](std::int64_t& slot) { wrong += slot != expected; })) {
      std::this_thread::yield();
      continue;
    }
    ++expected;
  }
  producer.join();
  REQUIRE(wrong == 0);
}

TEST_CASE("a latch gives whole values, never older than the one before", "[reporter][property]") {
  struct Value {
    std::array<std::int64_t, 16> copies{};
  };
  constexpr std::int64_t kCount = 200'000;
  Latch<Value> latch;
  std::thread writer([&] {
    Value value;
    for (std::int64_t i = 1; i <= kCount; ++i) {
      value.copies.fill(i);
      latch.write(value);
    }
  });
  std::int64_t last = 0;
  std::int64_t torn = 0;
  std::int64_t backwards = 0;
  while (last < kCount) {
    const Value& value = latch.read();
    for (const std::int64_t copy : value.copies) torn += copy != value.copies[0];
    backwards += value.copies[0] < last;
    last = value.copies[0];
  }
  writer.join();
  REQUIRE(torn == 0);
  REQUIRE(backwards == 0);
}
