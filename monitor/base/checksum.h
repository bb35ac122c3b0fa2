// A quick checksum against accidents: bits that flipped, blocks that were lost or changed places.
// Whoever wants to deceive can compute it too. Poly1305 of libsodium, several times as quick as
// SHA-256. Pure. C++17-clean.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace phaseguard {

using Checksum = std::array<std::uint8_t, 16>;

// Of the bytes at this place of a row of blocks.
[[nodiscard]] Checksum checksum(std::string_view bytes, std::uint64_t place);

}  // namespace phaseguard
