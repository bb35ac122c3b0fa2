// Smallest and largest of any range of a growing row of numbers in O(log n), and how many of them
// lie outside of given limits. Keeps a summary alone: the row is the caller's, and is handed in
// with each question. A NaN in it is a gap. Not thread-safe; pure.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <vector>

#include "monitor/run/pyramid/bytes.h"
#include "monitor/run/pyramid/row.h"

namespace phaseguard::run {

// How many numbers lie outside of limits.
struct Beyond {
  std::size_t below = 0;
  std::size_t above = 0;
  bool all = true;  // false: looking was given up, there are at least so many
};

class Pyramid {
 public:
  explicit Pyramid(std::pmr::memory_resource* memory = std::pmr::get_default_resource())
      : memory_(memory) {}

  // `row` has grown by one at its end.
  void grow(const Row<double>& row);

  // Widens lo and hi by the numbers [first, last) of the row.
  void widen(const Row<double>& row, std::size_t first, std::size_t last, double& lo,
             double& hi) const;

  // Of the numbers [first, last), those below lo and above hi. Gives up after `most` of the
  // smallest buckets, number by number: limits in the middle of a crowd cannot be counted by
  // summaries.
  [[nodiscard]] Beyond beyond(const Row<double>& row, std::size_t first, std::size_t last,
                              double lo, double hi, std::size_t most) const;

  // How coarse the ends of a range of so many numbers may be for widen() to be quick: a quarter of
  // it at most, 1 for a short one.
  [[nodiscard]] static std::size_t snap_for(std::size_t numbers);

  // Its bytes, and that of a row of `n` numbers back from them into an empty one. False: there are
  // not so many.
  void put(ByteSink& sink) const;
  [[nodiscard]] bool take(ByteSource& source, std::size_t n);

 private:
  struct Bucket {
    double lo;
    double hi;
    std::size_t numbers;  // that are no gaps
  };
  struct Place {
    std::size_t level;
    std::size_t numbers;  // of a bucket there
  };
  [[nodiscard]] Place highest(std::size_t i, std::size_t last) const;

  std::pmr::memory_resource* memory_;
  std::vector<Row<Bucket>> levels_;  // level 0: 16 numbers a bucket, then 4 buckets each
};

}  // namespace phaseguard::run
