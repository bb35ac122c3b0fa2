#include "monitor/policy/laws/natural_log.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace phaseguard::policy {

namespace {

// ln 2 in two parts: the first has its last 20 bits clear, so that a product with an exponent is
// exact.
constexpr double kLn2High = 0x1.62e42fee00000p-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kSqrt2 = 0x1.6a09e667f3bcdp+0;
constexpr std::uint64_t kMantissa = 0x000fffffffffffffU;
constexpr std::uint64_t kOne = 0x3ff0000000000000U;

constexpr std::array<double, 12> kTail = [] {
  std::array<double, 12> terms{};
  for (std::size_t k = 1; k <= terms.size(); ++k) {
    terms[k - 1] = 2.0 / static_cast<double>(2 * k + 1);
  }
  return terms;
}();

// 2/3 z + 2/5 z^2 + ... of ln((1 + s) / (1 - s)) = 2 s + s * tail(s^2); |s| <= 3 - 2 sqrt 2, so
// that the first term left out is below 2^-60 of the whole.
double tail(double z) {
  double sum = 0.0;
  for (auto term = kTail.rbegin(); term != kTail.rend(); ++term) sum = z * (*term + sum);
  return sum;
}

}  // namespace

double natural_log(double x) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  if (!(x >= 0.0)) return std::numeric_limits<double>::quiet_NaN();
  if (x == 0.0) return -kInf;
  if (x == kInf) return x;
  std::int64_t exponent = 0;
  if (x < std::numeric_limits<double>::min()) {  // denormal
    x *= 0x1p54;
    exponent = -54;
  }
  const auto bits = std::bit_cast<std::uint64_t>(x);
  exponent += static_cast<std::int64_t>(bits >> 52U) - 1023;
  double mantissa = std::bit_cast<double>((bits & kMantissa) | kOne);
  if (mantissa > kSqrt2) {
    mantissa *= 0.5;
    ++exponent;
  }
  // ln(1 + f) = f - (f^2/2 - s (f^2/2 + tail)): f, the largest part, goes in unrounded.
  const double f = mantissa - 1.0;
  const double s = f / (2.0 + f);
  const double half_square = 0.5 * f * f;
  const double rest = s * (half_square + tail(s * s));
  const auto e = static_cast<double>(exponent);
  if (exponent == 0) return f - (half_square - rest);
  return e * kLn2High - ((half_square - (rest + e * kLn2Low)) - f);
}

}  // namespace phaseguard::policy
