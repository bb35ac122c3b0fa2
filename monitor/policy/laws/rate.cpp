// rate: the least-squares slope over a window.
#include "monitor/policy/laws/law_row.h"

namespace phaseguard::policy {

namespace {

double slope(const LawState& state) {
  const std::size_t size = state.values.size();
  const auto count = static_cast<double>(size);
  const std::int64_t origin = state.steps[static_cast<std::size_t>(state.next)];
  const auto at = [&](std::size_t i) { return static_cast<double>(state.steps[i] - origin); };
  double steps = 0.0;
  double values = 0.0;
  in_order(size, state.next, [&](std::size_t i) {
    steps += at(i);
    values += state.values[i];
  });
  const double mean_step = steps / count;
  const double mean_value = values / count;
  double products = 0.0;
  double squares = 0.0;
  in_order(size, state.next, [&](std::size_t i) {
    const double gap = at(i) - mean_step;
    products += gap * (state.values[i] - mean_value);
    squares += gap * gap;
  });
  // Steps grow, but for an attempt that measures again what the one before had seen.
  return squares > 0.0 ? products / squares : wire::kNaN;
}

Compared take(const DetectorSpec& spec, LawState& state, const Point& now) {
  const std::int64_t window = own<RateLaw>(spec).window;
  push_step(state, window, now.step);
  push(state, window, now.x);
  return is_full(state, window) ? above(spec, slope(state)) : Compared{};
}

bool is_sound(const DetectorSpec& spec, const LawState& state) {
  return is_ring(state, own<RateLaw>(spec).window, state.steps.size()) &&
         state.values.size() == state.steps.size();
}

std::string unit(const DetectorSpec&, const std::string& signal) {
  if (signal.empty()) return "";
  return signal == "1" ? "1/step" : signal + "/step";
}

std::string watched(const DetectorSpec& spec, const std::string& signal) {
  return "the slope of " + signal + " over its last " + std::to_string(own<RateLaw>(spec).window) +
         " measurements" + is_above(spec) + " per step";
}

}  // namespace

const LawRow& RateLaw::row() {
  static constexpr auto kKeys =
      level_keys(key<&RateLaw::window>("window", {.min = 2, .max = kMaxWindow}));
  static constexpr LawRow kRow{
      .name = "rate",
      .has_streak = true,
      .keys = kKeys,
      .finish = nothing_more,
      .take = take,
      .threshold = above_of,
      .least_points = [](auto& spec, auto) { return streak_from(spec, own<RateLaw>(spec).window); },
      .is_sound = is_sound,
      .scale = Scale::kOwn,
      .unit = unit,
      .watched = watched,
      .null_text = no_null};
  return kRow;
}

}  // namespace phaseguard::policy
