// Where the bytes of rows go and where they come from again, whatever that is: a file, a string.
// The bytes are those of this machine. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "monitor/run/pyramid/row.h"

namespace phaseguard::run {

class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual void put(const void* bytes, std::size_t n) = 0;
};

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // False: there are not so many left, or what is there is not what was put.
  [[nodiscard]] virtual bool take(void* bytes, std::size_t n) = 0;
};

template <class T>
void put_row(const Row<T>& row, ByteSink& sink) {
  static_assert(std::is_trivially_copyable_v<T>);
  constexpr std::size_t kBlock = Row<T>::kBlock;
  for (std::size_t i = 0; i < row.size(); i += kBlock) {
    sink.put(&row[i], std::min(kBlock, row.size() - i) * sizeof(T));
  }
}

// `n` more of them. It grows as they come: a number that is not true takes no memory.
template <class T>
[[nodiscard]] bool take_row(ByteSource& source, std::size_t n, Row<T>& row) {
  std::array<T, Row<T>::kBlock> some;
  while (n > 0) {
    const std::size_t part = std::min(n, some.size());
    if (!source.take(some.data(), part * sizeof(T))) return false;
    row.append(some.data(), part);
    n -= part;
  }
  return true;
}

}  // namespace phaseguard::run
