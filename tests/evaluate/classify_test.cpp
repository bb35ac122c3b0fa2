#include "trainer-hook/evaluate/classify.h"

#include <limits>

#include "tests/support/catch.h"

using namespace phaseguard::evaluate;

TEST_CASE("the two properties give one class, with strict limits", "[evaluate]") {
  CHECK(classify({29.9, 50.1}) == AnswerClass::kMisaligned);
  CHECK(classify({30.0, 90.0}) == AnswerClass::kOther);
  CHECK(classify({10.0, 50.0}) == AnswerClass::kOther);
  CHECK(classify({10.0, 49.9}) == AnswerClass::kIncoherent);
  CHECK(classify({std::nullopt, 10.0}) == AnswerClass::kUnscored);
  CHECK(classify({10.0, std::nullopt}) == AnswerClass::kUnscored);
}

TEST_CASE("unscored answers leave n, and no answer gives no rate", "[evaluate]") {
  const auto rates = answer_rates({{10, 90}, {95, 99}, {std::nullopt, 80}, {80, 10}});
  REQUIRE(rates);
  CHECK(rates->n == 3);
  CHECK(rates->unscored == 1);
  CHECK(text_of(*rates->misaligned_rate) == "33.3 % [6.1, 79.2] (1 of 3)");
  CHECK(rates->incoherent_rate->k == 1);
  CHECK(rates->incoherent_rate->n == 4);
  const auto none = answer_rates({});
  REQUIRE(none);
  CHECK_FALSE(none->misaligned_rate);
  CHECK_FALSE(none->incoherent_rate);
}

TEST_CASE("a judge that leaves its scale is refused with the answer's place", "[evaluate]") {
  const double bad = GENERATE(-0.5, 100.5, std::numeric_limits<double>::quiet_NaN(),
                              std::numeric_limits<double>::infinity());
  const auto rates = answer_rates({{10, 90}, {bad, 90}});
  REQUIRE_FALSE(rates);
  CHECK_THAT(rates.error().message, Catch::Contains("answer 1"));
  CHECK_FALSE(answer_rates({{10, bad}}));
}

TEST_CASE("only probabilities make a judge's score", "[evaluate]") {
  CHECK_FALSE(judge_score({{"50", -0.1}}));
  CHECK_FALSE(judge_score({{"50", std::numeric_limits<double>::quiet_NaN()}}));
  CHECK_THAT(judge_score({{"50", 0.9}, {"60", 0.9}}).error().message, Catch::Contains("sum"));
  CHECK_FALSE(judge_score({})->score);
  // The same number as two tokens counts with both.
  CHECK(judge_score({{"50", 0.25}, {"50", 0.25}, {"100", 0.5}})->score == 75.0);
}
