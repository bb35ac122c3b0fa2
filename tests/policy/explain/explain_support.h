// What the tests of explain share.
#pragma once

#include <string>

#include "monitor/policy/explain/explain.h"
#include "tests/policy/support.h"

namespace phaseguard::policy {

inline const std::string kExplained =
    "version = 1\nname = \"t\"\n[knob.kl]\nbase = 0.5\nmax = 10.0\n";

inline Explanation told(const std::string& toml, std::int64_t cadence = 5) {
  const Document document = must_parse(toml);
  return explain(document, assumed_declaration(document, cadence));
}

// Keys of a table, and the sentences they must give.
struct Sentence {
  std::string keys, says;
};

}  // namespace phaseguard::policy
