#include "trainer-hook/lab/world/rng.h"

#include <cmath>
#include <numeric>

#include "monitor/base/check.h"
#include "monitor/stats/random.h"

namespace phaseguard::lab {
namespace {

std::uint64_t rotl(std::uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

}  // namespace

Rng::Rng(std::uint64_t seed, std::uint64_t stream) {
  const std::uint64_t start = stats::SplitMix64(seed).next() ^ (stream * 0xD1342543DE82EF95ULL);
  stats::SplitMix64 mix(start);
  for (auto& word : state_) word = mix.next();
}

std::uint64_t Rng::next() {
  const std::uint64_t result = rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = rotl(state_[3], 45);
  return result;
}

double Rng::uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

int Rng::below(int n) {
  PHASEGUARD_CHECK(n > 0);
  const auto bound = static_cast<std::uint64_t>(n);
  const std::uint64_t reject_below =
      (0 - bound) % bound;  // 2^64 mod n: the values that would favour small results
  std::uint64_t draw = next();
  while (draw < reject_below) draw = next();
  return static_cast<int>(draw % bound);
}

bool Rng::chance(double p) { return uniform() < p; }

double Rng::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  const double angle = 6.283185307179586476925 * uniform();
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

std::vector<int> Rng::permutation(int n) {
  std::vector<int> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (int i = n - 1; i > 0; --i)
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(below(i + 1))]);
  return order;
}

}  // namespace phaseguard::lab
