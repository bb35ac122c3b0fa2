#include "monitor/dashboard/plot/labels.h"

#include <algorithm>
#include <random>

#include "tests/support/catch.h"

using namespace phaseguard::plot;

namespace {

const ImVec2 kLo{10.0F, 20.0F};
const ImVec2 kHi{310.0F, 90.0F};

bool is_covered(ImVec2 a, ImVec2 a_size, ImVec2 b, ImVec2 b_size) {
  const float wide = std::min(a.x + a_size.x, b.x + b_size.x) - std::max(a.x, b.x);
  const float high = std::min(a.y + a_size.y, b.y + b_size.y) - std::max(a.y, b.y);
  return wide > 0.0F && high > 0.0F;
}

bool is_inside(ImVec2 at, ImVec2 size) {
  return at.x >= kLo.x && at.y >= kLo.y && at.x + size.x <= kHi.x && at.y + size.y <= kHi.y;
}

}  // namespace

TEST_CASE("no label covers another or leaves the data, and none is left out without need",
          "[plot][property]") {
  std::mt19937 random(14);
  const auto between = [&](int lo, int hi) {
    return static_cast<float>(lo + static_cast<int>(random() % static_cast<unsigned>(hi - lo)));
  };
  std::size_t left_out = 0;
  std::size_t moved = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<Label> labels(random() % 24);
    for (Label& label : labels) {
      label.size = {between(1, 90), between(8, 20)};
      for (auto n = random() % 5; n > 0; --n)
        label.places.push_back({between(-20, 320), between(0, 100)});
    }
    const auto at = placed(labels, kLo, kHi);
    REQUIRE(at.size() == labels.size());
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const auto is_free = [&](ImVec2 corner) {
        bool free = is_inside(corner, labels[i].size);
        for (std::size_t j = 0; j < i; ++j) {
          if (at[j] && is_covered(corner, labels[i].size, *at[j], labels[j].size)) free = false;
        }
        return free;
      };
      std::optional<ImVec2> first;
      for (const ImVec2 corner : labels[i].places) {
        if (!first && is_free(corner)) first = corner;
      }
      CAPTURE(round, i);
      REQUIRE(at[i].has_value() == first.has_value());
      if (!first) {
        ++left_out;
        continue;
      }
      REQUIRE(at[i]->x == first->x);
      REQUIRE(at[i]->y == first->y);
      moved += first->x != labels[i].places[0].x ? 1 : 0;
    }
  }
  CHECK(left_out > 1000);
  CHECK(moved > 1000);
}

TEST_CASE("what matters less is left out first", "[plot]") {
  const std::vector<Label> labels{{"first", 0, {50.0F, 13.0F}, {{20.0F, 30.0F}}},
                                  {"second", 0, {50.0F, 13.0F}, {{60.0F, 35.0F}}},
                                  {"third", 0, {50.0F, 13.0F}, {{60.0F, 35.0F}, {70.0F, 30.0F}}}};
  const auto at = placed(labels, kLo, kHi);
  CHECK(at[0].has_value());
  CHECK_FALSE(at[1].has_value());
  REQUIRE(at[2].has_value());  // beside the first: it touches, and covers nothing
  CHECK(at[2]->x == 70.0F);
}
