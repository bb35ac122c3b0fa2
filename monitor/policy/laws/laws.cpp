#include "monitor/policy/laws/laws.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "monitor/policy/laws/window_js.h"

namespace phaseguard::policy {

namespace {

// eprocess: bounds that keep M a number. The lower one loses nothing that an alpha could ask for.
constexpr double kLeastWealth = 1e-200;
constexpr double kMostWealth = 1e200;

// Finite values may still overflow in sums: bounds and restarts keep every law out of NaN for good.
constexpr double kMost = std::numeric_limits<double>::max();

bool is_nan(double x) { return x != x; }

// The ring `values` with room for `size` numbers, filled from `next` on.
void push(LawState& state, std::int64_t size, double x) {
  const auto limit = static_cast<std::size_t>(size);
  if (state.values.size() < limit) {
    if (state.values.capacity() < limit) state.values.reserve(limit);
    state.values.push_back(x);
  } else {
    state.values[static_cast<std::size_t>(state.next)] = x;
  }
  state.next = state.next + 1 == size ? 0 : state.next + 1;
}

void push_step(LawState& state, std::int64_t size, std::int64_t at, Step step) {
  const auto limit = static_cast<std::size_t>(size);
  if (state.steps.size() < limit) {
    if (state.steps.capacity() < limit) state.steps.reserve(limit);
    state.steps.push_back(step.value);
  } else {
    state.steps[static_cast<std::size_t>(at)] = step.value;
  }
}

// From the oldest entry of a full ring to the newest: sums depend on the order.
template <class Each>
void in_order(std::size_t size, std::int64_t oldest, Each each) {
  for (auto i = static_cast<std::size_t>(oldest); i < size; ++i) each(i);
  for (std::size_t i = 0; i < static_cast<std::size_t>(oldest); ++i) each(i);
}

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

double median(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle - 1] + values[middle]) / 2.0;
}

double mad_threshold(const MadShiftLaw& law, std::vector<double> increments) {
  const double med = median(increments);
  for (double& x : increments) x = std::fabs(x - med);
  const double threshold = med + law.mads * median(increments);
  return is_nan(threshold) ? std::numeric_limits<double>::infinity() : threshold;
}

// Measurements of rows: the ring holds 2 * window of them.
double window_js(const WindowJsLaw& law, LawState& state, Step step, const Rows& rows) {
  const auto size = static_cast<std::int64_t>(rows.items.size());
  const std::size_t room = rows.items.size() * static_cast<std::size_t>(2 * law.window);
  if (state.columns == 0) {  // the scratch for both sums lies behind the ring
    state.columns = rows.columns;
    state.values.assign(room + 2 * rows.items.size(), 0.0);
  }
  std::copy(rows.items.begin(), rows.items.end(),
            state.values.begin() + static_cast<std::ptrdiff_t>(state.next * size));
  push_step(state, 2 * law.window, state.next, step);
  state.next = (state.next + 1) % (2 * law.window);
  if (static_cast<std::int64_t>(state.steps.size()) < 2 * law.window) return wire::kNaN;
  const phaseguard::Span<double> all(state.values);
  const double value = dissimilarity(all.sub(0, room), law.window, size, rows.columns, state.next,
                                     all.sub(room, all.size() - room));
  if (!(value <= state.peak)) {
    state.peak = value;
    const std::int64_t candidate = (state.next + law.window - 1) % (2 * law.window);
    state.peak_step = Step{state.steps[static_cast<std::size_t>(candidate)]};
  }
  return value;
}

double grown(const EprocessLaw& law, double m, double x) {
  const double gain = 1.0 + law.bet * (x - law.null_mean);
  if (is_nan(m)) m = law.form == EForm::kEsr ? 0.0 : 1.0;
  if (law.form == EForm::kEsr) m += 1.0;
  if (law.form == EForm::kEcusum) m = std::max(m, 1.0);
  return std::min(std::max(m * gain, kLeastWealth), kMostWealth);
}

double summed(const CusumLaw& law, double s, double x) {
  if (is_nan(s)) s = 0.0;
  s = s + x - law.mean - law.slack;
  return s > 0.0 ? s : 0.0;
}

struct Take {
  const DetectorSpec& spec;
  LawState& state;
  Step step;
  double x;
  const Rows& rows;

  Compared above(double statistic) const { return {statistic, statistic > spec.above}; }

  Compared operator()(const LevelLaw&) const { return above(x); }
  Compared operator()(const EwmaLaw& law) const {
    const double next = is_nan(state.y) ? x : state.y + law.alpha * (x - state.y);
    state.y = std::isfinite(next) ? next : x;
    return above(state.y);
  }
  Compared operator()(const RateLaw& law) const {
    push_step(state, law.window, state.next, step);
    push(state, law.window, x);
    const bool full = state.values.size() == static_cast<std::size_t>(law.window);
    return full ? above(slope(state)) : Compared{};
  }
  Compared operator()(const ZscoreLaw& law) const {
    const bool full = state.values.size() == static_cast<std::size_t>(law.window);
    const Compared compared = full ? above(zscore(state, x)) : Compared{};
    push(state, law.window, x);
    return compared;
  }
  Compared operator()(const MadShiftLaw& law) const {
    if (is_nan(state.y)) {
      state.y = x;
      return {};
    }
    const double next = law.keep * state.y + (1.0 - law.keep) * x;
    const double delta = std::clamp(next - state.y, -kMost, kMost);
    state.y = next;
    if (!is_nan(state.threshold)) return {delta, delta > state.threshold};
    state.values.push_back(delta);
    const bool full = state.values.size() == static_cast<std::size_t>(law.calibrate);
    if (full) state.threshold = mad_threshold(law, state.values);
    return {delta, false};
  }
  Compared operator()(const CusumLaw& law) const {
    state.y = summed(law, state.y, x);
    return {state.y, state.y > law.limit};
  }
  Compared operator()(const PageHinkleyLaw& law) const {
    if (is_nan(state.y)) state.y = 0.0;
    state.next += 1;  // measurements in `sum`
    state.sum += x;
    state.y += x - state.sum / static_cast<double>(state.next) - law.delta;
    state.low = std::min(state.low, state.y);
    const double gap = state.y - state.low;
    if (!std::isfinite(gap)) state = LawState{};
    return {gap, gap > law.limit};
  }
  Compared operator()(const WindowJsLaw& law) const {
    return above(window_js(law, state, step, rows));
  }
  Compared operator()(const EprocessLaw& law) const {
    state.y = grown(law, state.y, x);
    return {state.y, state.y >= 1.0 / law.alpha};
  }
  Compared operator()(const StaleLaw&) const {
    state.good = step;
    state.fresh = true;
    return {0.0, false};
  }
};

}  // namespace

Compared take(const DetectorSpec& spec, LawState& state, Step step, double x, const Rows& rows) {
  Compared compared = std::visit(Take{spec, state, step, x, rows}, spec.law);
  if (is_nan(compared.statistic)) compared = {};
  return compared;
}

double threshold_of(const DetectorSpec& spec, const LawState& state) {
  if (const auto* cusum = std::get_if<CusumLaw>(&spec.law)) return cusum->limit;
  if (const auto* page_hinkley = std::get_if<PageHinkleyLaw>(&spec.law)) return page_hinkley->limit;
  if (const auto* eprocess = std::get_if<EprocessLaw>(&spec.law)) return 1.0 / eprocess->alpha;
  if (const auto* stale = std::get_if<StaleLaw>(&spec.law)) return stale->after.count;
  if (std::holds_alternative<MadShiftLaw>(spec.law)) return state.threshold;
  return spec.above;
}

bool admits(const DetectorSpec& spec, const LawState& state, double x, const Rows& rows) {
  if (std::holds_alternative<EprocessLaw>(spec.law)) return x >= 0.0 && x <= 1.0;
  const auto* law = std::get_if<WindowJsLaw>(&spec.law);
  if (law == nullptr) return true;
  if (rows.columns <= 0) return false;
  const auto size = static_cast<std::int64_t>(rows.items.size());
  const std::int64_t held = static_cast<std::int64_t>(state.values.size()) / (2 * law->window + 2);
  return state.columns == 0 ? size <= kMaxRowNumbers
                            : rows.columns == state.columns && size == held;
}

}  // namespace phaseguard::policy
