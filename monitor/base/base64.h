// Bytes as base64 (RFC 4648, with padding), by libsodium. Pure; any thread. C++17-clean.
#pragma once

#include <string>
#include <string_view>

namespace phaseguard {

[[nodiscard]] std::string base64(std::string_view bytes);

}  // namespace phaseguard
