#include "monitor/base/number_option.h"

#include "tests/support/catch.h"

using namespace phaseguard;

TEST_CASE("a number option takes its range alone, ends included", "[base]") {
  const CLI::Validator share = number_within(0.0, 1.0);
  for (const char* good : {"0", "1", "0.5", "1e-3"}) CHECK(share(good).empty());
  for (const char* bad : {"nan", "-nan", "inf", "1.0001", "-0.1", "abc", "", "0.5x"}) {
    INFO(bad);
    CHECK(share(bad) == "expected a number from 0 to 1, found \"" + std::string(bad) + "\"");
  }
  CHECK(share.get_description() == "FLOAT in [0 - 1]");
}

TEST_CASE("a seed is a whole number that does not wrap", "[base]") {
  for (const char* good : {"0", "1", "9223372036854775807"}) CHECK(seed_word()(good).empty());
  for (const char* bad :
       {"-1", "9223372036854775808", "99999999999999999999", "1.5", "", "x", " 1"}) {
    INFO(bad);
    CHECK(seed_word()(bad) == "expected a whole number from 0 to 9223372036854775807, found \"" +
                                  std::string(bad) + "\"");
  }
}
