// What a series keeps in few bytes comes back bit for bit, whatever it was.
#include "monitor/run/pyramid/packed.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <memory_resource>
#include <random>
#include <vector>

#include "monitor/run/series.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using run::Series;

namespace {

struct Point {
  std::int64_t step;
  double t;
  double value;
  Quality quality;
};

constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr double kInf = std::numeric_limits<double>::infinity();

// Trainers as they are, and with one in `hostile` points anything at all.
std::vector<Point> points(std::mt19937_64& random, std::size_t n, std::size_t hostile) {
  const std::array<std::int64_t, 6> steps{kLeast, kMost, -1, 0, std::int64_t{1} << 40, -70000};
  const std::array<double, 8> times{std::nan(""), -std::nan("1"), kInf,    -kInf,
                                    -0.0,         5e-324,         1.7e308, -1764000000.123};
  std::vector<Point> out;
  std::int64_t step = 0;
  double t = 1764000000.0;
  for (std::size_t i = 0; i < n; ++i) {
    step += static_cast<std::int64_t>(random() % 3);
    t += static_cast<double>(random() % 1000) * 1e-3;
    Point p{step, t, static_cast<double>(random()) * 1e-18, Quality::kGood};
    if (hostile > 0 && random() % hostile == 0) p.step = steps[random() % steps.size()];
    if (hostile > 0 && random() % hostile == 0) p.t = times[random() % times.size()];
    if (random() % 9 == 0) p.quality = random() % 2 == 0 ? Quality::kBad : Quality::kMissing;
    if (random() % 50 == 0) p.value = -0.0;
    out.push_back(p);
  }
  return out;
}

bool is_kept(const Series& series, std::size_t i, const Point& p) {
  const bool good = p.quality == Quality::kGood;
  const double value = series.value_at(i);
  return series.step_at(i) == Step{p.step} &&
         std::bit_cast<std::uint64_t>(series.t_at(i)) == std::bit_cast<std::uint64_t>(p.t) &&
         series.quality_at(i) == p.quality &&
         (good ? std::bit_cast<std::uint64_t>(value) == std::bit_cast<std::uint64_t>(p.value)
               : std::isnan(value));
}

Series series_of(const std::vector<Point>& points, std::pmr::memory_resource* memory) {
  Series series(memory);
  for (const Point& p : points) series.append(Step{p.step}, p.t, p.value, p.quality);
  return series;
}

// Counts what is held.
class Counting final : public std::pmr::memory_resource {
 public:
  [[nodiscard]] std::size_t held() const { return held_; }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    held_ += bytes;
    return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  }
  void do_deallocate(void* p, std::size_t bytes, std::size_t alignment) override {
    held_ -= bytes;
    std::pmr::new_delete_resource()->deallocate(p, bytes, alignment);
  }
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override {
    return this == &other;
  }
  std::size_t held_ = 0;
};

}  // namespace

TEST_CASE("every point comes back bit for bit", "[run][property]") {
  std::mt19937_64 random(29);
  for (const std::size_t n : {1UL, 255UL, 256UL, 257UL, 512UL, 20000UL}) {
    for (const std::size_t hostile : {0UL, 1UL, 4UL, 200UL, 3000UL}) {
      const std::vector<Point> all = points(random, n, hostile);
      const Series series = series_of(all, std::pmr::get_default_resource());
      REQUIRE(series.size() == n);
      for (std::size_t i = 0; i < n; ++i) {
        INFO("point " << i << " of " << n << ", hostile " << hostile);
        REQUIRE(is_kept(series, i, all[i]));
      }
    }
  }
}

TEST_CASE("numbers of any distance are packed and come back", "[run][property]") {
  std::mt19937_64 random(31);
  for (int width = 0; width <= 64; ++width) {
    run::Packed packed;
    std::vector<std::uint64_t> all;
    const std::uint64_t base = random();
    for (int i = 0; i < 1000; ++i) {
      const std::uint64_t distance = width == 0 ? 0 : random() >> (64 - width);
      all.push_back(base + distance);  // may wrap
      packed.push_back(all.back());
    }
    REQUIRE(packed.size() == all.size());
    for (std::size_t i = 0; i < all.size(); ++i) REQUIRE(packed[i] == all[i]);
  }
}

TEST_CASE("a copy of a series is its own", "[run]") {
  std::mt19937_64 random(37);
  const std::vector<Point> all = points(random, 1000, 50);
  Series first = series_of(all, std::pmr::get_default_resource());
  const Series copy = first;
  first = Series();
  REQUIRE(first.empty());
  for (std::size_t i = 0; i < all.size(); ++i) REQUIRE(is_kept(copy, i, all[i]));
}

TEST_CASE("a million points of a trainer take no more than 20 bytes each", "[run]") {
  Counting memory;
  {
    Series series(&memory);
    for (std::int64_t i = 0; i < 1'000'000; ++i) {
      const double t = 1764000000.0 + 0.9 * static_cast<double>(i) + 0.001 * std::sin(i);
      series.append(Step{i}, t, std::sin(1e-3 * static_cast<double>(i)), Quality::kGood);
    }
    // What is left to the index and to places kept together: less than 2.
    REQUIRE(memory.held() < 18 * series.size());
    REQUIRE(memory.held() > 12 * series.size());
  }
  REQUIRE(memory.held() == 0);
}

TEST_CASE("where a series has an x is found as by a scan", "[run][property]") {
  std::mt19937_64 random(41);
  Series series;
  std::int64_t step = 0;
  for (int i = 0; i < 30000; ++i) {
    step += static_cast<std::int64_t>(random() % 4);
    if (random() % 4000 == 0) step /= 2;
    series.append(Step{step}, 1.7e9 + i / 7, 0.0, Quality::kGood);
  }
  for (const run::Stretch& stretch : series.stretches()) {
    for (int round = 0; round < 500; ++round) {
      const auto by = round % 2 == 0 ? run::By::kStep : run::By::kTime;
      const std::size_t near = stretch.first + random() % (stretch.last - stretch.first);
      const double x = series.x_at(near, by) + static_cast<double>(random() % 5) - 2.0;
      std::size_t expected = stretch.first;
      while (expected < stretch.last && series.x_at(expected, by) < x) ++expected;
      REQUIRE(series.first_from(stretch, x, by) == expected);
    }
  }
}
