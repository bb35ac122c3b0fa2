// Bytes as base64 (RFC 4648, with padding), by libsodium. Pure; any thread. C++17-clean.
#pragma once

#include <string>
#include <string_view>

#include "monitor/base/result.h"

namespace phaseguard {

[[nodiscard]] std::string base64(std::string_view bytes);

// The bytes again. Errors: anything but what base64() gives, line breaks included.
[[nodiscard]] Result<std::string> from_base64(std::string_view text);

}  // namespace phaseguard
