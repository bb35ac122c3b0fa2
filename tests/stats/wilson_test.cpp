#include "monitor/stats/wilson.h"

#include <cmath>

#include "tests/support/catch.h"

using namespace phaseguard;
using stats::text_of;

TEST_CASE("published intervals", "[stats][golden]") {
  CHECK(text_of(*stats::wilson(35, 72)) == "48.6 % [37.4, 59.9] (35 of 72)");
  CHECK(text_of(*stats::wilson(15, 72)) == "20.8 % [13.1, 31.6] (15 of 72)");
  CHECK(text_of(*stats::wilson(0, 72)) == "0.0 % [0.0, 5.1] (0 of 72)");
}

TEST_CASE("an interval holds its rate, is symmetric, and ends exactly at 0 and 1",
          "[stats][property]") {
  for (std::int64_t n : {1, 2, 7, 100, 1000000}) {
    for (std::int64_t k = 0; k <= n; k += std::max<std::int64_t>(1, n / 7)) {
      const auto rate = stats::wilson(k, n), mirror = stats::wilson(n - k, n);
      REQUIRE(rate);
      CHECK(0.0 <= rate->lower);
      CHECK(rate->lower <= rate->rate);
      CHECK(rate->rate <= rate->upper);
      CHECK(rate->upper <= 1.0);
      CHECK(rate->lower == Approx(1.0 - mirror->upper).margin(1e-12));
      CHECK(stats::wilson(k, n, 0.99)->upper >= rate->upper);
    }
    CHECK(stats::wilson(0, n)->lower == 0.0);
    CHECK(stats::wilson(n, n)->upper == 1.0);
  }
}

TEST_CASE("no trials, no rate", "[stats]") {
  CHECK_FALSE(stats::wilson(0, 0));
  CHECK_FALSE(stats::wilson(3, 2));
  CHECK_FALSE(stats::wilson(-1, 5));
  CHECK_FALSE(stats::wilson(1, 5, 0.0));
  CHECK_FALSE(stats::wilson(1, 5, 1.0));
  CHECK_FALSE(stats::wilson(1, 5, std::nan("")));
}

TEST_CASE("the normal quantile", "[stats]") {
  CHECK(stats::normal_two_sided(0.95) == Approx(1.959963984540054).epsilon(1e-14));
  CHECK(stats::normal_two_sided(0.5) == Approx(0.6744897501960817).epsilon(1e-14));
  CHECK(stats::normal_two_sided(0.999999) == Approx(4.891638475699).epsilon(1e-9));
}
