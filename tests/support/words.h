// Words of the wire compared with their texts, and printed as them: a test says what stands on the
// wire. The product compares enumerators.
#pragma once

#include <optional>
#include <ostream>
#include <string_view>
#include <type_traits>

#include "monitor/wire/words.h"

namespace phaseguard::wire {

template <class E>
bool operator==(const Word<E>& word, std::string_view text) {
  return word.text() == text;
}
template <class E>
bool operator==(const NamedWord<E>& word, std::string_view text) {
  return word.text() == text;
}
template <class E, class = std::enable_if_t<std::is_enum_v<E>>>
bool operator==(E word, std::string_view text) {
  return text_of(word) == text;
}
template <class E, class = std::enable_if_t<std::is_enum_v<E>>>
bool operator==(const std::optional<E>& word, std::string_view text) {
  return word ? text_of(*word) == text : text.empty();
}

template <class E>
std::ostream& operator<<(std::ostream& out, const Word<E>& word) {
  return out << '"' << word.text() << '"';
}
template <class E>
std::ostream& operator<<(std::ostream& out, const NamedWord<E>& word) {
  return out << '"' << word.text() << '"';
}

}  // namespace phaseguard::wire
