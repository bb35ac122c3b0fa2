// Random numbers that are the same with every compiler and library: bootstrap, splits, seeds of the
// lab's generator, jitter of retries.
// C++17-clean.
#pragma once

#include <cstddef>
#include <cstdint>

namespace phaseguard::stats {

// SplitMix64 (Steele, Lea and Flood 2014). One generator belongs to one thread.
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ull;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  // 0..n-1, n > 0; biased by less than n / 2^64.
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(next() % n); }

 private:
  std::uint64_t state_;
};

}  // namespace phaseguard::stats
