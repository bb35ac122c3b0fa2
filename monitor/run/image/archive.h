// The same description of a value for writing its bytes and for reading them: `pass(archive,
// value)` for numbers, texts, lists and what is made of them, fields.h for the structs. A reader
// stops at the first thing that does not fit, and takes no memory for what is not there. Private to
// the room.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <memory_resource>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "monitor/base/types.h"
#include "monitor/run/pyramid/bytes.h"
#include "monitor/run/series.h"
#include "monitor/run/state.h"
#include "monitor/wire/words.h"

namespace phaseguard::run::image {

class Put {
 public:
  static constexpr bool kTakes = false;
  explicit Put(ByteSink& sink) : sink_(sink) {}
  void bytes(const void* from, std::size_t n) { sink_.put(from, n); }
  void series(const Series& series) { series.put(sink_); }
  [[nodiscard]] static bool ok() { return true; }

 private:
  ByteSink& sink_;
};

class Take {
 public:
  static constexpr bool kTakes = true;
  Take(ByteSource& source, std::pmr::memory_resource* memory) : source_(source), memory_(memory) {}
  void bytes(void* to, std::size_t n) {
    if (ok_) ok_ = source_.take(to, n);
    if (!ok_) std::memset(to, 0, n);
  }
  void series(Series& series) {
    series = Series(memory_);
    if (ok_) ok_ = series.take(source_);
  }
  void refuse() { ok_ = false; }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  ByteSource& source_;
  std::pmr::memory_resource* memory_;
  bool ok_ = true;
};

template <class T, template <class...> class Of>
inline constexpr bool kIs = false;
template <template <class...> class Of, class... Ts>
inline constexpr bool kIs<Of<Ts...>, Of> = true;

template <class T>
inline constexpr bool kIsArray = false;
template <class T, std::size_t n>
inline constexpr bool kIsArray<std::array<T, n>> = true;

// The last enumerator. One that is missing does not compile.
template <class E>
constexpr std::uint8_t kLast = E::the_last_enumerator_is_not_said_in_fields_h;

// Numbers of the machine's own form.
template <class A, class T>
void pass_plain(A& a, T& value) {
  a.bytes(&value, sizeof value);
}

template <class A, class T>
void pass_bool(A& a, T& value) {
  auto byte = static_cast<std::uint8_t>(value);
  a.bytes(&byte, sizeof byte);
  if constexpr (A::kTakes) value = byte != 0;
}

template <class A, class E>
void pass_enum(A& a, E& value) {
  auto byte = static_cast<std::uint8_t>(value);
  a.bytes(&byte, sizeof byte);
  if constexpr (A::kTakes) {
    if (byte > kLast<E>) a.refuse();
    value = byte > kLast<E> ? E{} : static_cast<E>(byte);
  }
}

// How many follow.
template <class A>
std::uint64_t pass_count(A& a, std::size_t size) {
  std::uint64_t n = size;
  a.bytes(&n, sizeof n);
  return n;
}

template <class A, class T>
void pass_text(A& a, T& text) {
  const std::uint64_t n = pass_count(a, text.size());
  if constexpr (A::kTakes) {
    text.clear();
    std::array<char, 4096> part;
    for (std::uint64_t left = n; left > 0 && a.ok();) {
      const auto some = static_cast<std::size_t>(std::min<std::uint64_t>(left, part.size()));
      a.bytes(part.data(), some);
      text.append(part.data(), some);
      left -= some;
    }
  } else {
    a.bytes(text.data(), text.size());
  }
}

template <class A, class T>
void pass_word(A& a, T& word) {
  std::string text = word.text();
  pass_text(a, text);
  if constexpr (A::kTakes) word = T::from(std::move(text));
}

template <class A, class T>
void pass(A& a, T& value);

template <class A, class T>
void pass_list(A& a, T& list) {
  const std::uint64_t n = pass_count(a, list.size());
  if constexpr (A::kTakes) {
    list.clear();
    for (std::uint64_t i = 0; i < n && a.ok(); ++i) pass(a, list.emplace_back());
  } else {
    for (auto& one : list) pass(a, one);
  }
}

template <class A, class T>
void pass_map(A& a, T& map) {
  const std::uint64_t n = pass_count(a, map.size());
  if constexpr (A::kTakes) {
    map.clear();
    for (std::uint64_t i = 0; i < n && a.ok(); ++i) {
      std::string key;
      pass_text(a, key);
      pass(a, map[key]);
    }
  } else {
    for (auto& [key, one] : map) {
      pass_text(a, key);
      pass(a, one);
    }
  }
}

template <class A, class T>
void pass_optional(A& a, T& value) {
  bool is_there = value.has_value();
  pass_bool(a, is_there);
  if constexpr (A::kTakes) {
    value.reset();
    if (is_there) value.emplace();
  }
  if (value) pass(a, *value);
}

// A struct of fields.h.
template <class A, class... Ts>
void all(A& a, Ts&... values) {
  (pass(a, values), ...);
}

template <class A, class T>
void pass(A& a, T& value) {
  using Plain = std::remove_const_t<T>;
  if constexpr (std::is_same_v<Plain, bool>) {
    pass_bool(a, value);
  } else if constexpr (std::is_arithmetic_v<Plain>) {
    pass_plain(a, value);
  } else if constexpr (std::is_enum_v<Plain>) {
    pass_enum(a, value);
  } else if constexpr (kIs<Plain, Strong>) {
    pass_plain(a, value.value);
  } else if constexpr (std::is_same_v<Plain, std::string>) {
    pass_text(a, value);
  } else if constexpr (kIs<Plain, wire::Word> || kIs<Plain, wire::NamedWord>) {
    pass_word(a, value);
  } else if constexpr (kIs<Plain, std::optional>) {
    pass_optional(a, value);
  } else if constexpr (kIs<Plain, std::vector> || kIs<Plain, std::deque>) {
    pass_list(a, value);
  } else if constexpr (kIs<Plain, std::map>) {
    pass_map(a, value);
  } else if constexpr (kIsArray<Plain>) {
    for (auto& one : value) pass(a, one);
  } else if constexpr (std::is_same_v<Plain, Series>) {
    a.series(value);
  } else {
    fields(a, value);
  }
}

}  // namespace phaseguard::run::image
