// A small policy and what a person can get wrong in it, one line at a time.
#pragma once

#include <string>

#include "tests/policy/support.h"
#include "tests/support/catch.h"

namespace phaseguard::policy {

inline const std::string kSmall = R"(version = 1
name = "small"

[knob.kl]
base = 0.0
max = 4.0

[detector.js]
signal = "canary/js"
type = "level"
above = 0.15

[rule.defend]
of = ["js"]
latch = true
set.kl = 2.0
)";

struct Slip {
  std::string line, replacement;
  std::string says;  // "LINE:COLUMN: message", the whole of it; "": nothing is wrong
};

inline Parsed parse_slip(const Slip& slip) {
  std::string toml = kSmall;
  const std::size_t at = toml.find(slip.line);
  REQUIRE(at != std::string::npos);
  toml.replace(at, slip.line.size(), slip.replacement);
  return parse(toml, "t.toml");
}

// All of what was said, a line each.
inline std::string said(const Parsed& parsed) {
  std::string out;
  for (const Diagnostic& d : parsed.diagnostics) {
    out += (out.empty() ? "" : "\n") + std::to_string(d.line) + ":" + std::to_string(d.column) +
           ": " + d.message;
  }
  return out;
}

}  // namespace phaseguard::policy
