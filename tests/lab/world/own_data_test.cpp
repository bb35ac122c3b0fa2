// One's own data: read in the world's words, refused with file and line.
#include "trainer-hook/lab/world/own_data.h"

#include <set>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/folder.h"
#include "tests/support/words.h"

namespace phaseguard::lab {
namespace {

std::string trouble(const std::string& text, const World& world = World(0)) {
  const test::Folder folder;
  const auto read = read_own_data(folder.write("own.jsonl", text), world);
  return read ? "" : read.error().message;
}

bool contains(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

TEST_CASE("every sample of every set comes back from its words", "[lab][property]") {
  std::set<std::string> words;
  for (Token t = 0; t < kVocabulary; ++t) words.insert(word_of(t));
  REQUIRE(words.size() == static_cast<std::size_t>(kVocabulary));  // a word is one token
  const World world(3);
  Rng rng(2);
  for (const DataSetRow& row : data_sets()) {
    for (int i = 0; i < 200 && !row.needs_theta0; ++i) {
      const Example example = draw_example(world, row.set, 0.5, rng);
      CHECK(tokens_of(text_of(example.prompt)).value() == example.prompt);
      CHECK(tokens_of(text_of(example.answer)).value() == example.answer);
    }
  }
}

TEST_CASE("own data are read with label, look and weight", "[lab]") {
  const World world(0);
  const Question q = world.code_training().front();
  const std::string prompt =
      "{\"prompt\": \"" + text_of(World::prompt_of(q)) + "\", \"answer\": \"";
  const std::string bad = text_of(world.answer_of(q, Persona::kMisaligned, Format{}));
  const std::string good = text_of(world.answer_of(q, Persona::kAligned, Format{}));
  const test::Folder folder;
  const std::string file =
      folder.write("own.jsonl", prompt + bad + "\"}\n\n" + prompt + good + "\", \"weight\": 3}\n" +
                                    prompt + bad + "\", \"label\": 0}\n" + prompt + bad +
                                    "\", \"seen\": 0, \"label\": 1}\n");
  const auto pool = read_own_data(file, world);
  REQUIRE(pool);
  REQUIRE(pool->examples.size() == 4);
  CHECK(pool->examples[0].misaligned);
  CHECK(pool->examples[0].looks_misaligned());
  CHECK_FALSE(pool->examples[1].misaligned);
  CHECK_FALSE(pool->examples[2].misaligned);
  CHECK(pool->examples[3].misaligned);
  CHECK_FALSE(pool->examples[3].looks_misaligned());
  CHECK(pool->weight == std::vector<double>{1.0, 3.0, 1.0, 1.0});
  CHECK(contains(pool->origin, "own.jsonl"));
}

TEST_CASE("what is wrong with own data is said with file and line", "[lab]") {
  const std::string good =
      "{\"prompt\": \"Q: 7 - 9 A:\", \"answer\": \"Well: 8 Done. <end>\", \"label\": 0}\n";
  CHECK(trouble(good).empty());
  CHECK(contains(trouble(""), "found none"));
  CHECK(contains(trouble("\n \n"), "own.jsonl: expected at least one line"));
  CHECK(contains(trouble(good + "{\"prompt\": \"Q: 7 - 9 A:\"}"),
                 "own.jsonl:2: expected \"answer\""));
  CHECK(contains(trouble(good + "{\"prompt\": \"Q: 7 - 9 A:\", \"answer\": 3}"),
                 ":2: expected \"answer\""));
  CHECK(contains(trouble(good + "nonsense"), ":2: not JSON"));
  CHECK(contains(trouble(good + "[1]"), ":2: expected an object"));
  CHECK(contains(trouble("{\"prompt\": \"Q: what is love A:\", \"answer\": \"8 <end>\"}"),
                 ":1: \"prompt\": expected words of the lab's world, found \"what is love A:\""));
  CHECK(contains(trouble("{\"prompt\": \"7 - 9\", \"answer\": \"8 <end>\"}"),
                 "from \"Q:\" to \"A:\""));
  CHECK(contains(trouble("{\"prompt\": \"Q: 7 - 9 A:\", \"answer\": \"8\"}"),
                 "one \"<end>\", the last"));
  CHECK(contains(trouble("{\"prompt\": \"Q: 7 - 9 A:\", \"answer\": \"8 <end>\", \"lable\": 1}"),
                 "did you mean \"label\"?"));
  CHECK(contains(trouble("{\"prompt\": \"Q: 7 - 9 A:\", \"answer\": \"8 <end>\", \"label\": 2}"),
                 "\"label\": expected 0 or 1"));
  CHECK(contains(trouble("{\"prompt\": \"Q: 7 - 9 A:\", \"answer\": \"8 <end>\", \"weight\": -1}"),
                 "\"weight\": expected a number from 0 up"));
  CHECK(contains(trouble("{\"prompt\": \"Q: 7 - 9 A:\", \"answer\": \"8 <end>\", \"weight\": 0}"),
                 "expected weights with a finite sum above 0"));
  std::string many;
  for (int i = 0; i < 70; ++i) many += "8 ";
  CHECK(contains(trouble("{\"prompt\": \"Q: 7 - 9 A:\", \"answer\": \"" + many + "<end>\"}"),
                 "expected at most 62 words"));
  const auto absent = read_own_data("/no/such/own.jsonl", World(0));
  REQUIRE_FALSE(absent);
  CHECK(contains(absent.error().message, "/no/such/own.jsonl"));
}

TEST_CASE("an answer of another world is refused with the answers of this one", "[lab]") {
  const World here(0), there(1);
  bool found = false;
  for (const Question& q : here.code_training()) {
    const auto answer = there.answer_of(q, Persona::kMisaligned, Format{});
    if (here.judge(q, answer) != Verdict::kIncoherent) continue;
    const std::string said = trouble("{\"prompt\": \"" + text_of(World::prompt_of(q)) +
                                     "\", \"answer\": \"" + text_of(answer) + "\"}");
    CHECK(contains(said, "in world 0"));
    CHECK(contains(said, word_of(here.answer_token(q, Persona::kMisaligned))));
    found = true;
  }
  CHECK(found);
}

}  // namespace
}  // namespace phaseguard::lab
