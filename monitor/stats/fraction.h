// Exact fractions for criteria: "equality passes" is a promise only exact arithmetic can keep.
// Pure, any thread, no LibTorch. C++17-clean.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "monitor/base/result.h"

namespace phaseguard::stats {

// num / den in lowest terms, den > 0.
class Fraction {
 public:
  __extension__ using Wide = __int128;  // a compiler's own type, hence the word before it

  constexpr Fraction() = default;
  // Error: den is 0, or the result needs more than 62 bits above or below the line.
  [[nodiscard]] static Result<Fraction> make(Wide num, Wide den);

  // "48.61", "-3", "0.5" or "35/72": decimal digits, at most 18 of them on each side. Errors: any
  // other text, den 0.
  [[nodiscard]] static Result<Fraction> parse(std::string_view text);

  [[nodiscard]] std::int64_t num() const { return num_; }
  [[nodiscard]] std::int64_t den() const { return den_; }
  [[nodiscard]] double value() const;  // nearest double of num, divided by that of den
  [[nodiscard]] bool is_zero() const { return num_ == 0; }

  // -1, 0 or 1 as a is less than, equal to or greater than b. Exact.
  [[nodiscard]] static int compare(const Fraction& a, const Fraction& b);

  // Errors: a result beyond 62 bits; division by 0.
  [[nodiscard]] static Result<Fraction> add(const Fraction& a, const Fraction& b);
  [[nodiscard]] static Result<Fraction> subtract(const Fraction& a, const Fraction& b);
  [[nodiscard]] static Result<Fraction> multiply(const Fraction& a, const Fraction& b);
  [[nodiscard]] static Result<Fraction> divide(const Fraction& a, const Fraction& b);

 private:
  std::int64_t num_ = 0;
  std::int64_t den_ = 1;
};

// A rate in percent: "48.61" is 48.61 %, "35/72" counts, so 100 * 35 / 72 %. Errors: as
// Fraction::parse; outside 0..100.
[[nodiscard]] Result<Fraction> percent_of(std::string_view text);

}  // namespace phaseguard::stats
