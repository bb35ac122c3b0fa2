#include "monitor/run/pyramid/packed.h"

#include <algorithm>
#include <array>
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
  Block block{*least, mask_of(width), width, std::pmr::vector<std::uint8_t>(memory_)};
  block.bytes.resize(kBlock * width + sizeof(std::uint64_t));
  for (std::size_t i = 0; i < kBlock; ++i) {
    const std::uint64_t distance = newest_[i] - block.least;
    std::memcpy(block.bytes.data() + i * width, &distance, width);
  }
  blocks_.push_back(std::move(block));
  packed_ += kBlock;
  newest_.clear();
}

void Packed::put(ByteSink& sink) const {
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    const std::array<std::uint64_t, 2> head{block.least, block.width};
    sink.put(head.data(), sizeof head);
    sink.put(block.bytes.data(), kBlock * block.width);
  }
  sink.put(newest_.data(), newest_.size() * sizeof(std::uint64_t));
}

bool Packed::take(ByteSource& source, std::size_t n) {
  for (; packed_ + kBlock <= n; packed_ += kBlock) {
    std::array<std::uint64_t, 2> head{};
    if (!source.take(head.data(), sizeof head) || head[1] > sizeof(std::uint64_t)) return false;
    const auto width = static_cast<std::size_t>(head[1]);
    Block block{head[0], mask_of(width), width, std::pmr::vector<std::uint8_t>(memory_)};
    block.bytes.resize(kBlock * width + sizeof(std::uint64_t));
    if (!source.take(block.bytes.data(), kBlock * width)) return false;
    blocks_.push_back(std::move(block));
  }
  newest_.resize(n - packed_);
  return source.take(newest_.data(), newest_.size() * sizeof(std::uint64_t));
}

}  // namespace phaseguard::run
