// What holds for every law, and the list of them: the alternatives of DetectorLaw.
#include "monitor/policy/laws/laws.h"

#include <algorithm>
#include <cmath>
#include <concepts>

#include "monitor/base/text.h"
#include "monitor/policy/laws/law_row.h"

namespace phaseguard::policy {

namespace {

template <class Law>
concept HasRow = requires {
  { Law::row() } -> std::same_as<const LawRow&>;
};
template <class Laws>
constexpr bool kAllHaveRows = false;
template <class... Laws>
constexpr bool kAllHaveRows<std::variant<Laws...>> = (HasRow<Laws> && ...);
static_assert(kAllHaveRows<DetectorLaw>, "a law of DetectorLaw has no row: see law_row.h");

constexpr std::int64_t kMostFollowed = 4096;
constexpr std::int64_t kNever = -1;

template <std::size_t... kIndex>
constexpr std::array<DetectorLaw, sizeof...(kIndex)> each_once(std::index_sequence<kIndex...>) {
  return {DetectorLaw(std::in_place_index<kIndex>)...};
}

// `list` with room for `size` entries, written at `at` once it is full.
template <class T>
void put(std::vector<T>& list, std::int64_t size, std::int64_t at, T entry) {
  const auto limit = static_cast<std::size_t>(size);
  if (list.size() < limit) {
    if (list.capacity() < limit) list.reserve(limit);
    list.push_back(entry);
  } else {
    list[static_cast<std::size_t>(at)] = entry;
  }
}

}  // namespace

const LawRow& row_of(const DetectorLaw& law) {
  return std::visit([]<class Law>(const Law&) -> const LawRow& { return Law::row(); }, law);
}

phaseguard::Span<const DetectorLaw> all_laws() {
  static constexpr auto kAll =
      each_once(std::make_index_sequence<std::variant_size_v<DetectorLaw>>());
  return kAll;
}

const char* name_of(const DetectorLaw& law) { return row_of(law).name; }
bool has_streak(const DetectorLaw& law) { return row_of(law).has_streak; }

double threshold_of(const DetectorSpec& spec, const LawState& state) {
  return row_of(spec).threshold(spec, state);
}

std::int64_t least_points(const DetectorSpec& spec, double max) {
  const LawRow& row = row_of(spec);
  const std::int64_t by_law = row.least_points(spec, max);
  if (spec.bad != BadSignal::kVote || row.clock != nullptr) return by_law;
  // Lost data may vote before any value could.
  const std::int64_t by_faults =
      row.has_streak ? std::max(spec.warmup + 1, spec.consecutive) : kFaultsToVote;
  return by_law == kNever ? by_faults : std::min(by_law, by_faults);
}

// ---- what laws share

double above_of(const DetectorSpec& spec, const LawState&) { return spec.above; }
std::string line_text(const DetectorSpec& spec, double line) {
  if (!spec.noise_sds || std::isfinite(line)) return number_text(line);
  return *spec.noise_sds == 0.0 ? "its declared noise"
                                : "its declared noise and " + number_text(*spec.noise_sds) + " sd";
}
std::string spread_text(double sds, double limit) {
  return std::isfinite(limit) ? number_text(limit) : number_text(sds) + " sd of its declared noise";
}
std::string is_above(const DetectorSpec& spec) {
  return " is above " + line_text(spec, spec.above);
}

const Key* noise_key(const LawRow& row) {
  const phaseguard::Span<const Key> keys = row.keys;
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const Key& key) {
    return key.wanted.is_line || (key.put == kAbove.put && row.scale == Scale::kSignal);
  });
  return found == keys.end() ? nullptr : &*found;
}

const Key* spread_key(const LawRow& row) {
  const phaseguard::Span<const Key> keys = row.keys;
  const auto found =
      std::find_if(keys.begin(), keys.end(), [](const Key& key) { return key.wanted.is_spread; });
  return found == keys.end() ? nullptr : &*found;
}

std::int64_t streak_from(const DetectorSpec& spec, std::int64_t first) {
  return std::max(spec.warmup + 1, first + spec.consecutive - 1);
}

std::int64_t points_until(const DetectorSpec& spec, double x, double start,
                          bool (*grows)(double before, double now)) {
  LawState state;
  double before = start;
  for (std::int64_t n = 1; n < kMostFollowed; ++n) {
    const Compared now = row_of(spec).take(spec, state, {Step{n}, x, {}});
    if (now.tripped) return n;
    if (!grows(before, now.statistic)) return kNever;
    before = now.statistic;
  }
  return kMostFollowed;
}

void push_step(LawState& state, std::int64_t size, Step step) {
  put(state.steps, size, state.next, step.value);
}

void push(LawState& state, std::int64_t size, double x) {
  put(state.values, size, state.next, x);
  state.next = state.next + 1 == size ? 0 : state.next + 1;
}

bool is_full(const LawState& state, std::int64_t size) {
  return state.values.size() == static_cast<std::size_t>(size);
}

bool is_ring(const LawState& state, std::int64_t size, std::size_t held) {
  return held <= static_cast<std::size_t>(size) && state.next >= 0 && state.next < size;
}

std::optional<Misfit> nothing_more(DetectorSpec&) { return std::nullopt; }
bool any_state(const DetectorSpec&, const LawState&) { return true; }
std::string signal_unit(const DetectorSpec&, const std::string& signal) { return signal; }
std::string no_null(const DetectorSpec&) {
  return "No null hypothesis: how often it is wrong is known only from recorded harmless runs.";
}

}  // namespace phaseguard::policy
