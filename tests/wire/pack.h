// MessagePack by hand, for frames that no encoder of ours would write.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace phaseguard::wire {

inline std::string big_endian(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
  return out;
}

inline std::string str32(std::size_t size) { return "\xdb" + big_endian(size, 4); }
inline std::string bin32(std::size_t size) { return "\xc6" + big_endian(size, 4); }
inline std::string array32(std::size_t size) { return "\xdd" + big_endian(size, 4); }
inline std::string map32(std::size_t size) { return "\xdf" + big_endian(size, 4); }
inline std::string text(std::string_view t) { return str32(t.size()) + std::string(t); }
inline std::string bin(std::string_view t) { return bin32(t.size()) + std::string(t); }
inline std::string integer(std::int64_t i) {
  return "\xd3" + big_endian(static_cast<std::uint64_t>(i), 8);
}
inline std::string nil() { return "\xc0"; }

using Pairs = std::initializer_list<std::pair<std::string_view, std::string>>;

inline std::string map(Pairs pairs) {
  std::string out = map32(pairs.size());
  for (const auto& [key, value] : pairs) out += text(key) + value;
  return out;
}

inline std::string repeat(std::string_view piece, std::size_t n) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += piece;
  return out;
}

// A message with a whole envelope and `pairs` besides.
inline std::string frame(std::string_view kind, Pairs pairs) {
  std::string out = map32(6 + pairs.size());
  out += text("v") + array32(2) + integer(1) + integer(0);
  out += text("kind") + text(kind) + text("run") + text("r") + text("seq") + integer(1);
  out += text("step") + integer(0) + text("t") + integer(0);
  for (const auto& [key, value] : pairs) out += text(key) + value;
  return out;
}

}  // namespace phaseguard::wire
