// SHA-256 by libsodium: canary digests, policy digests, the hash chain of control records. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace phaseguard {

using Digest = std::array<std::uint8_t, 32>;

[[nodiscard]] Digest sha256(std::string_view bytes);
[[nodiscard]] std::string hex(const Digest& digest);  // 64 lower-case characters

}  // namespace phaseguard
