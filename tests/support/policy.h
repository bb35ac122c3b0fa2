// A policy from its text.
#pragma once

#include <string>

#include "monitor/policy/document.h"
#include "tests/support/catch.h"

namespace phaseguard::test {

// Fails the test when the text is no policy, and says why.
inline policy::Document document_of(const std::string& toml) {
  policy::Parsed parsed = policy::parse(toml, "test.toml");
  for (const auto& finding : parsed.diagnostics) {
    UNSCOPED_INFO(policy::to_text(finding, "test.toml"));
  }
  REQUIRE(parsed.document);
  return *parsed.document;
}

}  // namespace phaseguard::test
