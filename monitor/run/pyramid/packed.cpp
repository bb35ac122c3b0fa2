#include "monitor/run/pyramid/packed.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace phaseguard::run {

static_assert(std::endian::native == std::endian::little, "the low bytes of a number come first");

void Packed::push_back(std::uint64_t number) {
  newest_.push_back(number);
  if (newest_.size() < kBlock) return;
  const auto [least, most] = std::minmax_element(newest_.begin(), newest_.end());
  const auto bits = static_cast<std::size_t>(std::bit_width(*most - *least));
  const std::size_t width = (bits + 7) / 8;
  const std::uint64_t mask = width == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << 8 * width) - 1;
  Block block{*least, mask, width, std::pmr::vector<std::uint8_t>(memory_)};
  block.bytes.resize(kBlock * width + sizeof(std::uint64_t));
  for (std::size_t i = 0; i < kBlock; ++i) {
    const std::uint64_t distance = newest_[i] - block.least;
    std::memcpy(block.bytes.data() + i * width, &distance, width);
  }
  blocks_.push_back(std::move(block));
  packed_ += kBlock;
  newest_.clear();
}

}  // namespace phaseguard::run
