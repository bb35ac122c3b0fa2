#include "monitor/base/toml/bounds.h"
#include "tests/support/catch.h"

using namespace phaseguard;

namespace {

std::string times(std::size_t n, const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += text;
  return out;
}

std::string excess(const std::string& toml) {
  const auto found = toml_excess(toml);
  if (!found) return "";
  return std::to_string(found->line) + ":" + std::to_string(found->column) + ": " + found->what;
}

void check_parts(const std::string& before, const std::string& after) {
  INFO(before << "a.a..." << after);
  CHECK(excess(before + times(kMaxTomlParts - 1, "a.") + "a" + after).empty());
  CHECK_THAT(excess(before + times(kMaxTomlParts, "a.") + "a" + after),
             Catch::Contains("expected at most 16 parts in a key, found more"));
}

void check_depth(const std::string& open, const std::string& close) {
  INFO(open);
  const auto nested = [&](std::size_t n) {
    return "x = " + times(n, open) + "1" + times(n, close);
  };
  CHECK(excess(nested(kMaxTomlDepth)).empty());
  CHECK_THAT(excess(nested(kMaxTomlDepth + 1)), Catch::Contains("inside each other"));
}

}  // namespace

TEST_CASE("keys and headers of many parts are refused before they are built", "[base][hostile]") {
  check_parts("", " = 1");
  check_parts("[", "]");
  check_parts("[[", "]]");
  check_parts("x = { ", " = 1 }");
  check_parts("x = { b = 1, ", " = 1 }");
  check_parts("x = 1\n# a.a\n", " = 1");
  CHECK(excess(times(200'000, "a.") + "a = 1") ==
        "1:32: expected at most 16 parts in a key, found more");
  CHECK(excess("x = 1\n  " + times(40, "a.") + "a = 1").substr(0, 5) == "2:34:");
}

TEST_CASE("values nested deep are refused before they are built", "[base][hostile]") {
  check_depth("[", "]");
  check_depth("{ a = ", " }");
  CHECK_THAT(excess("x = " + std::string(60'000, '[')), Catch::Contains("inside each other"));
}

TEST_CASE("keys are bounded, values and comments are not", "[base]") {
  const std::string longest(kMaxTomlKeyBytes + 100, 'k');
  CHECK_THAT(excess(longest + " = 1"), Catch::Contains("at most 1024 bytes in a key"));
  CHECK_THAT(excess("\"" + longest + "\" = 1"), Catch::Contains("at most 1024 bytes in a key"));
  CHECK(excess("# " + longest + longest + "\nx = 1").empty());
  CHECK(excess("x = \"" + longest + "\"\ny = '" + longest + "' # " + longest + "\n").empty());
  CHECK(excess("x = [\n" + times(2000, "  1.5, 2.5,\n") + "]\n").empty());
}

TEST_CASE("what is inside a string is no key and no bracket", "[base]") {
  const std::string dots = times(50, "a.") + times(50, "[") + times(50, "{");
  for (const char* quote : {"\"", "'", "\"\"\"", "'''"}) {
    INFO(quote);
    CHECK(excess("x = " + (quote + dots) + quote + "\ny = 1").empty());
  }
  CHECK(excess("x = \"\"\"\n" + dots + "\n\\\"\"\" " + dots + "\"\"\"\n").empty());
  CHECK(excess("x = \"a\\\"" + dots + "\"").empty());
  CHECK(excess("\"" + times(50, ".") + "\" = 1").empty());
  // A string that does not end on its line: the parser says so, and what follows is looked at.
  CHECK_THAT(excess("x = \"a\n" + times(50, "a.") + " = 1"), Catch::Contains("parts in a key"));
}
