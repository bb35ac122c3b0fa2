// A row that grows at its end and keeps what it has where it is, in blocks of 256, so that a long
// one never copies itself while somebody waits. Their memory comes from the resource that it was
// made with, which must outlive it and its copies. Not thread-safe; pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory_resource>
#include <utility>
#include <vector>

namespace phaseguard::run {

template <class T>
class Row {
 public:
  explicit Row(std::pmr::memory_resource* memory = std::pmr::get_default_resource())
      : memory_(memory) {}

  void push_back(T one) {
    make_room();
    blocks_.back().push_back(std::move(one));
  }
  // `n` of them at once.
  void append(const T* some, std::size_t n) {
    while (n > 0) {
      make_room();
      const std::size_t fit = std::min(n, kBlock - blocks_.back().size());
      blocks_.back().insert(blocks_.back().end(), some, some + fit);
      some += fit;
      n -= fit;
    }
  }
  // i < size(). Those of one block lie side by side.
  [[nodiscard]] const T& operator[](std::size_t i) const { return blocks_[i / kBlock][i % kBlock]; }
  [[nodiscard]] T& back() { return blocks_.back().back(); }
  [[nodiscard]] std::size_t size() const {
    return blocks_.empty() ? 0 : (blocks_.size() - 1) * kBlock + blocks_.back().size();
  }
  [[nodiscard]] bool empty() const { return blocks_.empty(); }

  static constexpr std::size_t kBlock = 256;

 private:
  void make_room() {
    if (!blocks_.empty() && blocks_.back().size() < kBlock) return;
    blocks_.emplace_back(std::pmr::polymorphic_allocator<T>(memory_));
    if (blocks_.size() > 1) blocks_.back().reserve(kBlock);  // a short row takes no whole block
  }

  std::pmr::memory_resource* memory_;
  std::vector<std::pmr::vector<T>> blocks_;
};

}  // namespace phaseguard::run
