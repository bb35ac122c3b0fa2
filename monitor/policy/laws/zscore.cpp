// zscore: standard deviations above the mean of the measurements before.
#include <cmath>

#include "monitor/base/text.h"
#include "monitor/policy/laws/law_row.h"

namespace phaseguard::policy {

namespace {

// Population sd in two passes.
double zscore(const LawState& state, double x) {
  const std::size_t size = state.values.size();
  const auto count = static_cast<double>(size);
  double sum = 0.0;
  in_order(size, state.next, [&](std::size_t i) { sum += state.values[i]; });
  const double mean = sum / count;
  double squares = 0.0;
  in_order(size, state.next, [&](std::size_t i) {
    const double gap = state.values[i] - mean;
    squares += gap * gap;
  });
  const double sd = std::sqrt(squares / count);
  return sd > 0.0 ? (x - mean) / sd : wire::kNaN;
}

Compared take(const DetectorSpec& spec, LawState& state, const Point& now) {
  const std::int64_t window = own<ZscoreLaw>(spec).window;
  const bool full = is_full(state, window);
  const Compared compared = full ? above(spec, zscore(state, now.x)) : Compared{};
  push(state, window, now.x);
  return compared;
}

std::int64_t least(const DetectorSpec& spec, double) {
  return streak_from(spec, own<ZscoreLaw>(spec).window + 1);
}

bool is_sound(const DetectorSpec& spec, const LawState& state) {
  return is_ring(state, own<ZscoreLaw>(spec).window, state.values.size());
}

std::string watched(const DetectorSpec& spec, const std::string& signal) {
  return signal + " lies more than " + number_text(spec.above) +
         " standard deviations above the mean of the " +
         std::to_string(own<ZscoreLaw>(spec).window) + " measurements before it";
}

}  // namespace

const LawRow& ZscoreLaw::row() {
  static constexpr auto kKeys =
      level_keys(key<&ZscoreLaw::window>("window", {.min = 2, .max = kMaxWindow}));
  static constexpr LawRow kRow{.name = "zscore",
                               .has_streak = true,
                               .keys = kKeys,
                               .finish = nothing_more,
                               .take = take,
                               .threshold = above_of,
                               .least_points = least,
                               .is_sound = is_sound,
                               .scale = Scale::kOwn,
                               .unit = [](auto&, auto&) { return std::string("sd"); },
                               .watched = watched,
                               .null_text = no_null};
  return kRow;
}

}  // namespace phaseguard::policy
