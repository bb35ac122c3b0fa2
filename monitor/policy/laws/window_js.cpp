// window_js: what was measured left of a candidate against what was measured right of it.
#include "monitor/policy/laws/window_js.h"

#include <algorithm>
#include <array>

#include "monitor/policy/laws/law_row.h"
#include "monitor/policy/laws/natural_log.h"
#include "monitor/policy/phrases.h"

namespace phaseguard::policy {

namespace {

// 1, 1/6, 1/15, ...: 1 / (k (2 k - 1)). 0.0625^14 of the last is below 2^-64.
constexpr std::array<double, 14> kSeries = [] {
  std::array<double, 14> terms{};
  for (std::size_t k = 1; k <= terms.size(); ++k) {
    terms[k - 1] = 1.0 / static_cast<double>(k * (2 * k - 1));
  }
  return terms;
}();

// (1 + d) ln(1 + d) + (1 - d) ln(1 - d) for d in [-1, 1], >= 0. By its series d^2 + d^4/6 +
// d^6/15 + ... where the two terms would cancel.
double entropy_gap(double d) {
  const double z = d * d;
  if (z <= 0.0625) {
    double sum = 0.0;
    for (auto term = kSeries.rbegin(); term != kSeries.rend(); ++term) sum = z * (*term + sum);
    return sum;
  }
  const double a = 1.0 + d;
  const double b = 1.0 - d;
  const double left = a > 0.0 ? a * natural_log(a) : 0.0;
  const double right = b > 0.0 ? b * natural_log(b) : 0.0;
  return left + right;
}

void add_measurement(phaseguard::Span<double> sum, phaseguard::Span<const double> ring,
                     std::int64_t slot) {
  const double* from = ring.data() + static_cast<std::size_t>(slot) * sum.size();
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += from[i];
}

// ---- the row

// Measurements of rows: the ring holds 2 * window of them, the scratch for both sums behind it.
std::int64_t room_of(const DetectorSpec& spec) { return 2 * own<WindowJsLaw>(spec).window; }

Compared take(const DetectorSpec& spec, LawState& state, const Point& now) {
  const Rows& rows = now.rows;
  const std::int64_t places = room_of(spec);
  const auto size = static_cast<std::int64_t>(rows.items.size());
  const std::size_t room = rows.items.size() * static_cast<std::size_t>(places);
  if (state.columns == 0) {
    state.columns = rows.columns;
    state.values.assign(room + 2 * rows.items.size(), 0.0);
  }
  std::copy(rows.items.begin(), rows.items.end(),
            state.values.begin() + static_cast<std::ptrdiff_t>(state.next * size));
  push_step(state, places, now.step);
  state.next = (state.next + 1) % places;
  if (static_cast<std::int64_t>(state.steps.size()) < places) return {};
  const phaseguard::Span<double> all(state.values);
  const double value = dissimilarity(all.sub(0, room), places / 2, size, rows.columns, state.next,
                                     all.sub(room, all.size() - room));
  if (!(value <= state.peak)) {
    state.peak = value;
    const std::int64_t candidate = (state.next + places / 2 - 1) % places;
    state.peak_step = Step{state.steps[static_cast<std::size_t>(candidate)]};
  }
  return above(spec, value);
}

// Rows of the shape that it already holds.
bool admits(const DetectorSpec& spec, const LawState& state, const Point& now) {
  const Rows& rows = now.rows;
  if (rows.columns <= 0) return false;
  const auto size = static_cast<std::int64_t>(rows.items.size());
  const auto held = static_cast<std::int64_t>(state.values.size()) / (room_of(spec) + 2);
  return state.columns == 0 ? size <= kMaxRowNumbers
                            : rows.columns == state.columns && size == held;
}

bool is_sound(const DetectorSpec& spec, const LawState& state) {
  const std::int64_t places = room_of(spec);
  const bool whole_rings = state.values.size() % static_cast<std::size_t>(places + 2) == 0;
  return is_ring(state, places, state.steps.size()) &&
         (state.columns == 0 ? state.next == 0 : whole_rings);
}

std::string watched(const DetectorSpec& spec, const std::string& signal) {
  const std::string window = count_of(own<WindowJsLaw>(spec).window, "measurement");
  return "the Jensen-Shannon divergence between the mean of " + window + " of " + signal +
         " and the mean of the next " + window + is_above(spec) + " nats";
}

std::string null_text(const DetectorSpec&) {
  return "Assumes that calm training leaves the distribution still, which no fine-tune does: "
         "calibrate on harmless runs.";
}

}  // namespace

const LawRow& WindowJsLaw::row() {
  static constexpr std::array kKeys{key<&WindowJsLaw::window>("window", {.min = 1, .max = 32}),
                                    kAbove};
  static constexpr LawRow kRow{.name = "window_js",
                               .has_streak = false,
                               .keys = kKeys,
                               .finish = nothing_more,
                               .take = take,
                               .threshold = above_of,
                               .least_points = [](auto& spec, auto) { return room_of(spec); },
                               .is_sound = is_sound,
                               .scale = Scale::kDivergence,
                               .unit = [](auto&, auto&) { return std::string("nats"); },
                               .watched = watched,
                               .null_text = null_text,
                               .reads_rows = true,
                               .admits = admits};
  return kRow;
}

bool are_distributions(phaseguard::Span<const double> items, std::int64_t columns) {
  const auto width = static_cast<std::size_t>(columns);
  if (items.empty() || items.size() % width != 0) return false;
  for (std::size_t row = 0; row < items.size(); row += width) {
    double sum = 0.0;
    for (std::size_t i = row; i < row + width; ++i) {
      if (!(items[i] >= 0.0 && items[i] <= 1.0 + kRowSumTolerance)) return false;
      sum += items[i];
    }
    if (!(sum >= 1.0 - kRowSumTolerance && sum <= 1.0 + kRowSumTolerance)) return false;
  }
  return true;
}

double js_of_sums(const double* p, const double* q, std::size_t n, double weight) {
  double total = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    const double sum = p[i] + q[i];
    if (!(sum > 0.0)) continue;
    total += sum * entropy_gap((p[i] - q[i]) / sum);
  }
  return 0.25 * total / weight;  // f = 1/2 m (...), m = (p + q) / 2 of the means
}

double dissimilarity(phaseguard::Span<const double> ring, std::int64_t window, std::int64_t size,
                     std::int64_t columns, std::int64_t oldest, phaseguard::Span<double> scratch) {
  const auto whole = static_cast<std::size_t>(size);
  const auto width = static_cast<std::size_t>(columns);
  const phaseguard::Span<double> left = scratch.sub(0, whole);
  const phaseguard::Span<double> right = scratch.sub(whole, whole);
  std::fill(left.begin(), left.end(), 0.0);
  std::fill(right.begin(), right.end(), 0.0);
  for (std::int64_t i = 0; i < 2 * window; ++i) {
    add_measurement(i < window ? left : right, ring, (oldest + i) % (2 * window));
  }
  double total = 0.0;
  for (std::size_t row = 0; row < whole; row += width) {
    total += js_of_sums(left.data() + row, right.data() + row, width, static_cast<double>(window));
  }
  const std::size_t rows = whole / width;
  return total / static_cast<double>(rows);
}

}  // namespace phaseguard::policy
