// Strict JSON for files that come from outside: nlohmann-json with its exceptions caught, a key
// given twice refused, nesting and the length of keys bounded; numbers as JSON. Only rooms that
// link nlohmann-json include this. Pure.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/text.h"

namespace phaseguard {

inline constexpr int kMaxJsonDepth = 64;
inline constexpr std::size_t kMaxJsonKeyBytes = 1024;

// Error: not JSON (with the parser's place), a key given twice in one object or too long, nested
// too deep.
[[nodiscard]] inline Result<nlohmann::json> parse_json(std::string_view text) {
  std::vector<std::set<std::string>> keys(kMaxJsonDepth + 2);
  std::string refused;
  const auto watch = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if (depth > kMaxJsonDepth) {
      if (refused.empty()) refused = "nested deeper than " + std::to_string(kMaxJsonDepth);
      return false;
    }
    const auto level = static_cast<std::size_t>(depth);
    if (event == Event::object_start) keys[level + 1].clear();
    if (event != Event::key || !refused.empty()) return true;
    const auto& key = parsed.get_ref<const std::string&>();
    const bool fits = key.size() <= kMaxJsonKeyBytes;
    if (!fits) refused = "a key is longer than " + std::to_string(kMaxJsonKeyBytes) + " bytes";
    if (fits && !keys[level].insert(key).second) {
      refused = "key " + phaseguard::quoted(key, 80) + " is given twice";
    }
    return refused.empty();
  };
  try {
    nlohmann::json value = nlohmann::json::parse(text.begin(), text.end(), watch);
    if (!refused.empty()) return fail(Errc::kMalformed, refused);
    return value;
  } catch (const nlohmann::json::exception& error) {
    std::string what = error.what();  // "[json.exception.parse_error.101] parse error at line ..."
    const auto bracket = what.find("] ");
    return fail(Errc::kMalformed, bracket == std::string::npos ? what : what.substr(bracket + 2));
  }
}

// Error: a key of `object` that is none of `keys`, with the one that was likely meant.
[[nodiscard]] inline Result<void> known_keys(const nlohmann::json& object,
                                             const std::vector<std::string>& keys) {
  for (const auto& [key, value] : object.items()) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    const std::string meant = nearest(key, keys);
    return fail(Errc::kMalformed, "unknown key " + phaseguard::quoted(key, 60) +
                                      (meant.empty() ? "" : ", did you mean \"" + meant + "\"?"));
  }
  return {};
}

// null for a number that is not defined: JSON has no NaN and no infinity.
[[nodiscard]] inline nlohmann::json number_json(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

}  // namespace phaseguard
