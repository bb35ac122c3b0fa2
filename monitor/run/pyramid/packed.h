// A row of whole numbers of 64 bits, each 256 of them in as few bytes as their distances need: 1 a
// number for steps one by one, 4 for times within some minutes. Gives back what it was given, bit
// for bit, whatever that was. Not thread-safe; pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <vector>

#include "monitor/run/pyramid/bytes.h"
#include "monitor/run/pyramid/row.h"

namespace phaseguard::run {

class Packed {
 public:
  explicit Packed(std::pmr::memory_resource* memory = std::pmr::get_default_resource())
      : memory_(memory), blocks_(memory) {}

  void push_back(std::uint64_t number);
  // i < size()
  [[nodiscard]] std::uint64_t operator[](std::size_t i) const {
    if (i >= packed_) return newest_[i - packed_];
    const Block& block = blocks_[i / kBlock];
    std::uint64_t bits = 0;
    std::memcpy(&bits, block.bytes.data() + i % kBlock * block.width, sizeof bits);
    return block.least + (bits & block.mask);
  }
  [[nodiscard]] std::size_t size() const { return packed_ + newest_.size(); }

  // Its bytes, and `n` numbers back from them into an empty one. False: they are not those of such
  // a row.
  void put(ByteSink& sink) const;
  [[nodiscard]] bool take(ByteSource& source, std::size_t n);

 private:
  static constexpr std::size_t kBlock = 256;
  [[nodiscard]] static constexpr std::uint64_t mask_of(std::size_t width) {
    return width == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << 8 * width) - 1;
  }
  struct Block {
    std::uint64_t least;
    std::uint64_t mask;                    // the low `width` bytes
    std::size_t width;                     // bytes of a number, 0 to 8
    std::pmr::vector<std::uint8_t> bytes;  // distances from `least`, and room to read 8 at the last
  };

  std::pmr::memory_resource* memory_;
  Row<Block> blocks_;
  std::size_t packed_ = 0;             // numbers in blocks
  std::vector<std::uint64_t> newest_;  // fewer than a block, as they are
};

}  // namespace phaseguard::run
