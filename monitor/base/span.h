// A view of contiguous values that its caller keeps alive: std::span for the rooms a C++17 trainer
// includes. C++17-clean, pure.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

namespace phaseguard {

template <class T>
class Span {
 public:
  constexpr Span() = default;
  constexpr Span(T* data, std::size_t size) : data_(data), size_(size) {}

  // Any container with data() and size() whose elements are T (vector, array, string_view).
  template <class Container, class = std::enable_if_t<std::is_convertible_v<
                                 decltype(std::declval<Container&>().data()), T*>>>
  constexpr Span(
      Container& values)  // NOLINT(google-explicit-constructor): a view of what it is given
      : data_(values.data()), size_(values.size()) {}
  template <class Container, class = std::enable_if_t<std::is_convertible_v<
                                 decltype(std::declval<const Container&>().data()), T*>>>
  constexpr Span(const Container& values)  // NOLINT(google-explicit-constructor)
      : data_(values.data()), size_(values.size()) {}

  [[nodiscard]] constexpr T* data() const { return data_; }
  [[nodiscard]] constexpr std::size_t size() const { return size_; }
  [[nodiscard]] constexpr bool empty() const { return size_ == 0; }
  [[nodiscard]] constexpr T* begin() const { return data_; }
  [[nodiscard]] constexpr T* end() const { return data_ + size_; }
  constexpr T& operator[](std::size_t i) const { return data_[i]; }
  [[nodiscard]] constexpr Span sub(std::size_t first, std::size_t count) const {
    return Span(data_ + first, count);
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace phaseguard
