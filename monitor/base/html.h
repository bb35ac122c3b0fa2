// Untrusted text in a page of HTML or SVG. Pure; any thread. C++17-clean.
#pragma once

#include <string>
#include <string_view>

namespace phaseguard {

// `text` as text: markup and both kinds of quotes escaped, control characters but \n shown as "?".
[[nodiscard]] std::string html(std::string_view text);

}  // namespace phaseguard
