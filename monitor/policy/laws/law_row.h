// A law of detectors as a row: every part of it, filled in by one file (level.cpp, ewma.cpp, ...)
// and read by the rest of the policy room, which asks the row and never which law it is. Pure.
//
// A new law is three files: its spec, as one more alternative of DetectorLaw (detector_spec.h); a
// file here that defines the spec's row(); that file's name in CMakeLists.txt. A part that is left
// out does not compile, but for the few at the end, which ordinary laws do without. A field of
// LawState that only the new law needs is a new form of snapshots besides.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "monitor/base/span.h"
#include "monitor/policy/document.h"
#include "monitor/policy/laws/laws.h"
#include "monitor/policy/source.h"

namespace phaseguard::policy {

// ---- keys: what the policy file says of a law, and where it goes. The language room reads them.

inline constexpr double kUnbounded = std::numeric_limits<double>::infinity();
inline constexpr double kMaxCount = 1e6;
inline constexpr double kMaxWindow = 4096;

struct KeyRange {
  double min = -kUnbounded;  // of a number; of a count, which must have both
  double max = kUnbounded;
  bool open = false;                               // min and max themselves are out of range
  const char* expected = "";                       // of a number out of range: "a number above 0"
  phaseguard::Span<const char* const> words = {};  // in the order of the enumerators
  bool required = true;                  // else the spec keeps its own value where there is none
  std::optional<double> otherwise = {};  // ... or has this one
  bool is_line = false;    // a value of the signal itself: may be given by its declared noise
  bool is_spread = false;  // a difference of such values: may be given in sd of that noise
};

struct Key {
  enum class Kind : std::uint8_t { kNumber, kCount, kWord, kAmount, kHysteresis };
  const char* name;
  Kind kind;       // kAmount: intervals, steps or seconds; kHysteresis: see kClear
  bool is_common;  // of DetectorSpec: read before those of the law
  KeyRange wanted;
  void (*put)(DetectorSpec&, const Span& value);  // a number, count or word's index is its count
};

template <class C, class T>
T& at(DetectorSpec& spec, T C::*member) {
  if constexpr (std::is_same_v<C, DetectorSpec>) {
    return spec.*member;
  } else {
    return std::get<C>(spec.law).*member;
  }
}

template <auto kMember>
void put_at(DetectorSpec& spec, const Span& value) {
  auto& member = at(spec, kMember);
  using T = std::decay_t<decltype(member)>;
  if constexpr (std::is_same_v<T, Span>) {
    member = value;
  } else if constexpr (std::is_same_v<T, double>) {
    member = value.count;
  } else {
    member = static_cast<T>(static_cast<std::int64_t>(value.count));
  }
}

template <class C, class T>
constexpr Key::Kind kind_of(T C::*) {
  if (std::is_same_v<T, double>) return Key::Kind::kNumber;
  if (std::is_same_v<T, std::int64_t>) return Key::Kind::kCount;
  return std::is_same_v<T, Span> ? Key::Kind::kAmount : Key::Kind::kWord;
}
// A key for &CusumLaw::mean or &DetectorSpec::above; its kind follows from the member's type. For
// constants: the compiler refuses what throws.
template <auto kMember>
constexpr Key key(const char* name, const KeyRange& wanted = {}) {
  constexpr Key::Kind kKind = kind_of(kMember);
  constexpr bool kIsCommon = std::is_invocable_v<decltype(kMember), const DetectorSpec&>;
  const bool bounded = wanted.min > -kUnbounded && wanted.max < kUnbounded;
  if (kKind == Key::Kind::kCount && !bounded) throw "a count has a range";
  if (kKind == Key::Kind::kWord && wanted.words.empty()) throw "a word is one of some";
  return {name, kKind, kIsCommon, wanted, put_at<kMember>};
}

// A count that need not be there.
constexpr KeyRange count_from(double min, double max = kMaxCount) {
  KeyRange wanted;
  wanted.min = min;
  wanted.max = max;
  wanted.required = false;
  return wanted;
}

// `clear` and `clear_consecutive`, which lean on `above` and `consecutive`: read together, last of
// the common ones, by the language room itself.
inline constexpr Key kClear{"clear", Key::Kind::kHysteresis, true, count_from(1), nullptr};
inline constexpr Key kClearConsecutive{"clear_consecutive", Key::Kind::kHysteresis, true,
                                       count_from(1), nullptr};
inline constexpr Key kAbove = key<&DetectorSpec::above>("above");

// Those of level and its like, and `own` ones behind them.
template <class... Own>
constexpr std::array<Key, 5 + sizeof...(Own)> level_keys(const Own&... own) {
  return {kAbove,
          key<&DetectorSpec::consecutive>("consecutive", count_from(1)),
          key<&DetectorSpec::warmup>("warmup", count_from(0)),
          kClear,
          kClearConsecutive,
          own...};
}

// A key whose value does not go with the others.
struct Misfit {
  const char* key;
  std::string expected;
  double found;
};

// ---- the row

// A part that a row must have: there is no default, and nothing narrows into it.
template <class T>
class Part {
 public:
  template <class U, class = std::enable_if_t<!std::is_same_v<std::decay_t<U>, Part>>,
            class = decltype(T{std::declval<U>()})>
  constexpr Part(U&& given) : value_{std::forward<U>(given)} {}
  constexpr operator const T&() const { return value_; }

 private:
  T value_;
};

// What a statistic is.
enum class Scale : std::uint8_t {
  kSignal,      // a value that the signal itself could have
  kDivergence,  // a Jensen-Shannon divergence in nats, whatever the signal's unit
  kOwn
};

// Of a law that votes as time goes by, with no measurement at all. Its threshold is an amount of
// time, and it is exceeded without regard to warm-up.
struct Clock {
  // An attempt goes on from `start` with the state of the one before.
  Part<void (*)(LawState&, Step start)> carry_over;
  // Its statistic now; not finite: not known.
  Part<double (*)(const DetectorSpec&, LawState&, const Moment&)> passed;
  // First step at which it can vote, in an attempt that begins at `start`; -1: not known.
  Part<Step (*)(const DetectorSpec&, Step start, std::int64_t every_steps)> earliest;
  // What its vote says of this statistic: " no good judge/score for 12 steps".
  Part<std::string (*)(const DetectorSpec&, double statistic)> vote_text;
};

struct Finding {
  Severity severity;
  std::string message;  // what follows "[detector.NAME]"
};

struct LawRow {
  Part<const char*> name;  // the word of `type = ...`
  Part<bool> has_streak;   // votes after `consecutive` in a row, else for as long as it trips
  Part<phaseguard::Span<const Key>> keys;  // its own, in the order of docs/POLICY.md
  // After all keys are read without error: what follows from them, and whether they go together.
  Part<std::optional<Misfit> (*)(DetectorSpec&)> finish;

  // One counted GOOD measurement, n counting it. A NaN statistic: nothing to compare yet.
  Part<Compared (*)(const DetectorSpec&, LawState&, const Point&)> take;
  Part<double (*)(const DetectorSpec&, const LawState&)> threshold;      // threshold_of in laws.h
  Part<std::int64_t (*)(const DetectorSpec&, double max)> least_points;  // of GOOD measurements
  // Whether the law can go on from a state that came out of a snapshot.
  Part<bool (*)(const DetectorSpec&, const LawState&)> is_sound;

  Part<Scale> scale;
  // Of statistic and threshold; `signal`: the signal's unit, "": not known.
  Part<std::string (*)(const DetectorSpec&, const std::string& signal)> unit;
  // Votes when ...: explain's sentence, and what false alarms assume or that nothing is promised.
  Part<std::string (*)(const DetectorSpec&, const std::string& signal)> watched;
  Part<std::string (*)(const DetectorSpec&)> null_text;

  // ---- ordinary laws leave these out

  const char* relation = ">";  // of statistic and threshold when it votes
  bool reads_rows = false;     // wants distributions, and nothing else
  // Whether it can use a value that is GOOD for its signal; null: any.
  bool (*admits)(const DetectorSpec&, const LawState&, const Point&) = nullptr;
  // What a declared source means for it, beyond what is said of every law; null: nothing.
  void (*check_fit)(const DetectorSpec&, const SourceFit&, std::vector<Finding>&) = nullptr;
  // The constant that needs libm, kept in the record for replays; null: none.
  double& (*libm_constant)(DetectorSpec&) = nullptr;
  const Clock* clock = nullptr;
};

[[nodiscard]] const LawRow& row_of(const DetectorLaw& law);
[[nodiscard]] inline const LawRow& row_of(const DetectorSpec& spec) { return row_of(spec.law); }

// Every law with the values it has by itself, in the order of DetectorLaw and docs/POLICY.md.
[[nodiscard]] phaseguard::Span<const DetectorLaw> all_laws();

// ---- what laws share

template <class Law>
[[nodiscard]] const Law& own(const DetectorSpec& spec) {
  return std::get<Law>(spec.law);
}

// Where the row's line goes that a detector has by the signal's noise; null: it has no such line.
[[nodiscard]] const Key* noise_key(const LawRow& row);
// Where a limit goes that it has in sd of that noise; null: it has none.
[[nodiscard]] const Key* spread_key(const LawRow& row);

[[nodiscard]] inline Compared above(const DetectorSpec& spec, double statistic) {
  return {statistic, statistic > spec.above};
}
[[nodiscard]] double above_of(const DetectorSpec& spec, const LawState& state);  // as a threshold
[[nodiscard]] std::string is_above(const DetectorSpec& spec);                    // " is above 0.3"
// "0.3", or what it will be drawn from: "its declared noise and 3 sd".
[[nodiscard]] std::string line_text(const DetectorSpec& spec, double line);
[[nodiscard]] std::string spread_text(double sds, double limit);  // "8 sd of its declared noise"

// A streak whose first measurement is the `first`-th counted one, past warm-up.
[[nodiscard]] std::int64_t streak_from(const DetectorSpec& spec, std::int64_t first);
// Measurements of `x` alone until evidence trips that starts at `start`, in the law's own
// arithmetic: rounding is monotone, so with the largest x there can be nothing is faster. -1: it
// stops growing. At most 4096: beyond, the count is a lower bound.
[[nodiscard]] std::int64_t points_until(const DetectorSpec& spec, double x, double start,
                                        bool (*grows)(double before, double now));

// A ring of `size` numbers in `values`, which is filled from `next` on. Of steps beside numbers the
// step goes in first.
void push_step(LawState& state, std::int64_t size, Step step);
void push(LawState& state, std::int64_t size, double x);
[[nodiscard]] bool is_full(const LawState& state, std::int64_t size);
// In a snapshot: `held` of `size` places are filled.
[[nodiscard]] bool is_ring(const LawState& state, std::int64_t size, std::size_t held);
// From the oldest entry of a full ring to the newest: sums depend on the order.
template <class Each>
void in_order(std::size_t size, std::int64_t oldest, Each each) {
  for (auto i = static_cast<std::size_t>(oldest); i < size; ++i) each(i);
  for (std::size_t i = 0; i < static_cast<std::size_t>(oldest); ++i) each(i);
}

[[nodiscard]] std::optional<Misfit> nothing_more(DetectorSpec& spec);           // finish
[[nodiscard]] bool any_state(const DetectorSpec& spec, const LawState& state);  // is_sound
[[nodiscard]] std::string signal_unit(const DetectorSpec& spec, const std::string& signal);
[[nodiscard]] std::string no_null(const DetectorSpec& spec);

}  // namespace phaseguard::policy
