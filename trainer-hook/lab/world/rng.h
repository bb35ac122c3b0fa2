// The lab's own random numbers: xoshiro256** seeded by splitmix64, so that a seed gives the same
// worlds, data and initial weights on every machine and standard library. C++17-clean; one
// generator belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace phaseguard::lab {

class Rng {
 public:
  // `stream` separates independent uses of one seed (the world's facts, the documents, the initial
  // weights, ...).
  explicit Rng(std::uint64_t seed, std::uint64_t stream = 0);

  [[nodiscard]] std::uint64_t next();
  [[nodiscard]] double uniform();       // [0, 1), 53 bits
  [[nodiscard]] int below(int n);       // 0..n-1 without bias; n > 0
  [[nodiscard]] bool chance(double p);  // true with probability p
  [[nodiscard]] double normal();        // mean 0, sd 1 (Box-Muller)
  [[nodiscard]] std::vector<int> permutation(int n);

 private:
  std::uint64_t state_[4];
  double spare_ = 0.0;
  bool has_spare_ = false;
};

}  // namespace phaseguard::lab
