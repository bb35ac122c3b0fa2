// Numbers on a command line. CLI11's own ranges take NaN, wrap -1 where it is unsigned, and do not
// say what was expected. Only programs, which have CLI11, include this. Pure.
#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <string>
#include <system_error>

#include "monitor/base/text.h"

namespace phaseguard {

// A number from `low` to `high`, both included.
inline CLI::Validator number_within(double low, double high) {
  const std::string range = number_text(low) + " to " + number_text(high);
  const auto check = [=](const std::string& word) {
    double value = 0.0;
    // As the option itself will read it.
    const bool read = CLI::detail::lexical_cast(word, value);
    if (read && value >= low && value <= high) return std::string();
    return "expected a number from " + range + ", found " + quoted(word, 60);
  };
  return {check, "FLOAT in [" + number_text(low) + " - " + number_text(high) + "]"};
}

// A seed: whole numbers that JSON and every other reader of a record can hold.
inline CLI::Validator seed_word() {
  const auto check = [](const std::string& word) {
    std::int64_t value = -1;
    const char* const end = word.data() + word.size();
    const auto read = std::from_chars(word.data(), end, value);
    if (read.ec == std::errc() && read.ptr == end && value >= 0) return std::string();
    return "expected a whole number from 0 to " + std::to_string(INT64_MAX) + ", found " +
           quoted(word, 60);
  };
  return {check, "INT in [0 - " + std::to_string(INT64_MAX) + "]"};
}

}  // namespace phaseguard
