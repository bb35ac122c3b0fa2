#include "monitor/stats/fraction.h"

#include <cstddef>

#include "monitor/base/text.h"

namespace phaseguard::stats {

namespace {

using Wide = Fraction::Wide;

constexpr Wide kMost = (Wide{1} << 62) - 1;
constexpr std::size_t kMostDigits = 18;

Wide gcd(Wide a, Wide b) {
  while (b != 0) {
    const Wide rest = a % b;
    a = b;
    b = rest;
  }
  return a < 0 ? -a : a;
}

tl::unexpected<Error> not_a_number(std::string_view text) {
  return fail(Errc::kMalformed, "expected a number such as 48.61 or a count such as 35/72, found " +
                                    phaseguard::quoted(text, 40));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "-12.50" as (-1250, 100).
Result<Fraction> decimal(std::string_view text, std::string_view all) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  Wide num = 0, den = 1;
  std::size_t digits = 0;
  bool point = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '.' && !point && i > 0 && i + 1 < text.size()) {
      point = true;
      continue;
    }
    if (!is_digit(c) || ++digits > kMostDigits) return not_a_number(all);
    num = num * 10 + (c - '0');
    if (point) den *= 10;
  }
  if (digits == 0) return not_a_number(all);
  return Fraction::make(negative ? -num : num, den);
}

}  // namespace

Result<Fraction> Fraction::make(Wide num, Wide den) {
  if (den == 0) return fail(Errc::kInvalidArgument, "fraction: division by 0");
  const Wide sign = den < 0 ? -1 : 1;
  const Wide common = gcd(num, den);
  num = sign * (num / common);
  den = sign * (den / common);
  if (num > kMost || num < -kMost || den > kMost) {
    return fail(Errc::kLimit, "fraction: more than 62 bits; give rates with fewer digits");
  }
  Fraction out;
  out.num_ = static_cast<std::int64_t>(num);
  out.den_ = static_cast<std::int64_t>(den);
  return out;
}

Result<Fraction> Fraction::parse(std::string_view text) {
  const std::size_t bar = text.find('/');
  if (bar == std::string_view::npos) return decimal(text, text);
  auto above = decimal(text.substr(0, bar), text);
  auto below = decimal(text.substr(bar + 1), text);
  if (!above) return above;
  if (!below) return below;
  if (above->den() != 1 || below->den() != 1 || below->num() <= 0) return not_a_number(text);
  return make(above->num(), below->num());
}

double Fraction::value() const { return static_cast<double>(num_) / static_cast<double>(den_); }

int Fraction::compare(const Fraction& a, const Fraction& b) {
  const Wide left = Wide{a.num_} * b.den_, right = Wide{b.num_} * a.den_;
  return left < right ? -1 : left > right ? 1 : 0;
}

Result<Fraction> Fraction::add(const Fraction& a, const Fraction& b) {
  // Each product stays below 2^124, their sum below 2^125.
  return make(Wide{a.num_} * b.den_ + Wide{b.num_} * a.den_, Wide{a.den_} * b.den_);
}

Result<Fraction> Fraction::subtract(const Fraction& a, const Fraction& b) {
  return make(Wide{a.num_} * b.den_ - Wide{b.num_} * a.den_, Wide{a.den_} * b.den_);
}

Result<Fraction> Fraction::multiply(const Fraction& a, const Fraction& b) {
  return make(Wide{a.num_} * b.num_, Wide{a.den_} * b.den_);
}

Result<Fraction> Fraction::divide(const Fraction& a, const Fraction& b) {
  return make(Wide{a.num_} * b.den_, Wide{a.den_} * b.num_);
}

Result<Fraction> percent_of(std::string_view text) {
  auto parsed = Fraction::parse(text);
  if (!parsed) return parsed;
  const Wide scale = text.find('/') == std::string_view::npos ? 1 : 100;
  auto percent = Fraction::make(Wide{parsed->num()} * scale, parsed->den());
  if (!percent) return percent;
  if (percent->num() < 0 || percent->num() > Wide{100} * percent->den()) {
    return fail(Errc::kInvalidArgument,
                "expected a rate of 0 to 100 %, found " + phaseguard::quoted(text, 40));
  }
  return percent;
}

}  // namespace phaseguard::stats
