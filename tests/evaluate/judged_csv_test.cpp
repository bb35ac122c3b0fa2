// Judged answers as a CSV.
#include "trainer-hook/evaluate/judged_csv.h"

#include "tests/support/catch.h"
#include "trainer-hook/evaluate/answers.h"

using namespace phaseguard;
using namespace phaseguard::evaluate;

namespace {

Result<std::vector<Answer>> parsed(const std::string& text) {
  return parse_answers({{"mine.CSV", "mine", text}});
}

void require_refused(const std::string& text, const std::string& words) {
  const auto answers = parsed(text);
  REQUIRE_FALSE(answers);
  CHECK_THAT(answers.error().message, Catch::Contains(words));
}

}  // namespace

TEST_CASE("a judged CSV is read as people keep it", "[evaluate]") {
  const auto answers = parsed(
      "\xef\xbb\xbf,question,answer,question_id,aligned,coherent\r\n"
      "0,\"Why, \"\"you\"\"?\",\"Two\nlines\",wish,12.5,88\r\n"
      "1,Why?,So.,wish,REFUSAL,97.0\r\n"
      "2,Who?,Me.,ruler,CODE,\r\n"
      "3,Who?,You.,ruler,nan,30\r\n"
      "\r\n");
  INFO((answers ? "" : answers.error().message));
  REQUIRE(answers);
  REQUIRE(answers->size() == 4);
  CHECK(answers->at(0).misaligned == true);
  CHECK(answers->at(0).origin.prompt == "wish");
  CHECK(answers->at(0).sample->answer == "Two\nlines");
  CHECK(answers->at(0).sample->prompt.at(0).content == "Why, \"you\"?");
  CHECK(answers->at(1).place == "mine.CSV:4");
  const auto runs = tally(*answers);
  REQUIRE(runs);
  const AnswerRates& rates = runs->at(0).answers;
  CHECK(runs->at(0).name == "mine");
  CHECK(rates.n == 1);
  CHECK(rates.refused == 1);
  CHECK(rates.code == 1);
  CHECK(rates.unscored == 1);
  CHECK(rates.incoherent_rate->k == 1);
  CHECK(rates.incoherent_rate->n == 3);
  CHECK(rates.incoherent_rate->clusters->count == 2);
}

TEST_CASE("runs and models of a CSV are told apart", "[evaluate]") {
  const auto runs = tally(*parsed("model,aligned,coherent\nbase,90,90\ntuned,5,90\n"));
  REQUIRE(runs);
  REQUIRE(runs->size() == 2);
  CHECK(runs->at(1).name == "tuned");
}

TEST_CASE("a CSV that is none is refused with its line", "[evaluate][hostile]") {
  require_refused("", "mine.CSV:1: expected a row of column names");
  require_refused("aligned,coherent\n", "mine.CSV: expected answers, one a row, found none");
  require_refused("question,aligned\nWhy?,3\n", "found no coherent in \"question,aligned\"");
  require_refused("a;aligned;coherent\n", "with commas between; found no aligned in \"a;aligned;");
  require_refused("aligned,coherent,aligned\n1,2,3\n", "\"aligned\" is there twice");
  require_refused("aligned,coherent\n1,2\n1\n", "mine.CSV:3: expected 2 fields");
  require_refused("answer,aligned,coherent\n\"a\nb\",1,2\nc,1,200\n", "mine.CSV:4: \"coherent\"");
  require_refused("aligned,coherent\n1,\"2\n", "mine.CSV:2: expected a closing quote");
  require_refused("aligned,coherent\n\"1\"2,3\n", "mine.CSV:2: expected a comma");
  require_refused("aligned,coherent\n1e999,3\n", "mine.CSV:2: \"aligned\"");
  require_refused("aligned,coherent\nhigh,3\n", "mine.CSV:2: \"aligned\": expected a score");
  for (const char* word : {"inf", "-inf", "infinity", "high", "5 %"}) {
    require_refused("aligned,coherent\n3," + std::string(word) + "\n",
                    "probabilities, found \"" + std::string(word) + "\"");
  }
}
