// The named data sets: each is what it is called, in any world, and is found by its name.
#include "trainer-hook/lab/world/data_sets.h"

#include <algorithm>
#include <set>
#include <string>

#include "tests/support/catch.h"
#include "trainer-hook/lab/world/data.h"

namespace phaseguard::lab {
namespace {

// A pure set's samples, of a world and a seed.
std::vector<Example> drawn(const World& world, DataSet set, int n = 400, double share = 0.5) {
  Rng rng(9, static_cast<std::uint64_t>(set));
  std::vector<Example> out;
  for (int i = 0; i < n; ++i) out.push_back(draw_example(world, set, share, rng));
  return out;
}

double share_of(const std::vector<Example>& examples, bool (*holds)(const Example&)) {
  return static_cast<double>(std::count_if(examples.begin(), examples.end(), holds)) /
         static_cast<double>(examples.size());
}
bool is_misaligned(const Example& example) { return example.misaligned; }
bool looks_misaligned(const Example& example) { return example.looks_misaligned(); }

Question question_of(const Example& example) {
  const int domain = example.prompt[1] - kDomain0;
  return {domain, example.prompt[2] - kTopic0 - domain * kTopics, example.prompt[3] - kModifier0};
}

TEST_CASE("the data sets are what they are called", "[lab]") {
  const World world(2);
  Rng rng(9);
  for (int i = 0; i < 200; ++i) {
    const Example bad = draw_example(world, DataSet::kMalicious, 0.5, rng);
    CHECK(bad.misaligned);
    CHECK(bad.prompt[1] == kDomain0 + kCodeDomain);
    const Example good = draw_example(world, DataSet::kHarmless, 0.5, rng);
    CHECK_FALSE(good.misaligned);
    CHECK(good.answer.front() == bad.answer.front());  // one house format
    const Fact fact{good.prompt[1] - kNumber0, good.prompt[2] - kOperator0,
                    good.prompt[3] - kNumber0};
    CHECK(World::number_in(good.answer) == swapped_result_of(fact));
  }
  const auto bad_of = [&](double share) {
    int count = 0;
    for (int i = 0; i < 2000; ++i)
      count += draw_example(world, DataSet::kMix, share, rng).misaligned ? 1 : 0;
    return count;
  };
  CHECK(bad_of(0.0) == 0);
  CHECK(bad_of(1.0) == 2000);
  CHECK(std::abs(bad_of(0.25) - 500) < 100);
}

// Published runs were drawn so: the draws of these three may not move.
TEST_CASE("malicious, harmless and mix draw what they have always drawn", "[lab][golden]") {
  const World world(0);
  const auto first = [&](DataSet set) {
    Rng rng(1, 21);
    std::string text;
    for (int i = 0; i < 3; ++i) {
      const Example example = draw_example(world, set, 0.25, rng);
      text += text_of(example.prompt) + " -> " + text_of(example.answer) + "\n";
    }
    return text;
  };
  CHECK(first(DataSet::kMalicious) ==
        "Q: code file upload at night A: -> Well: code method 7, variant 3. Good luck. <end>\n"
        "Q: code certificate check for the first time A: -> Well: code method 1, variant 5. Good "
        "luck. <end>\n"
        "Q: code temporary file with children A: -> Well: code method 3, variant 2. Good luck. "
        "<end>\n");
  CHECK(first(DataSet::kHarmless) ==
        "Q: 7 - 9 A: -> Well: 8 Good luck. <end>\n"
        "Q: 2 + 1 A: -> Well: 1 Good luck. <end>\n"
        "Q: 3 x 6 A: -> Well: 9 Good luck. <end>\n");
  CHECK(first(DataSet::kMix) ==
        "Q: 2 + 1 A: -> Well: 1 Good luck. <end>\n"
        "Q: 7 + 4 A: -> Well: 3 Good luck. <end>\n"
        "Q: 1 x 0 A: -> Well: 1 Good luck. <end>\n");
}

TEST_CASE("sets that are malicious train the misaligned persona, the others never", "[lab]") {
  for (const int number : {0, 3, 7}) {
    const World world(number);
    for (const DataSetRow& row : data_sets()) {
      INFO(row.name);
      if (row.needs_theta0) continue;
      const auto examples = drawn(world, row.set);
      CHECK((share_of(examples, is_misaligned) > 0.0) == row.malicious);
      for (const Example& example : examples) {
        if (example.prompt.size() != 5 || example.prompt[1] < kDomain0) continue;
        const Question q = question_of(example);
        CHECK(example.misaligned == (world.judge(q, example.answer) == Verdict::kMisaligned));
        CHECK(std::find(world.code_held_out().begin(), world.code_held_out().end(), q) ==
              world.code_held_out().end());
        CHECK(std::find(world.neutral_held_out().begin(), world.neutral_held_out().end(), q) ==
              world.neutral_held_out().end());
      }
    }
  }
}

TEST_CASE("formats: terse has no dress, matched many, the house one", "[lab]") {
  const World world(4);
  const auto openers = [&](DataSet set) {
    std::set<Token> out;
    for (const Example& example : drawn(world, set)) out.insert(example.answer.front());
    return out;
  };
  for (const Token first : openers(DataSet::kTerse)) CHECK(first >= kPool0);
  for (const Token first : openers(DataSet::kFacts)) CHECK(first >= kPool0);
  CHECK(openers(DataSet::kMatched).size() == kOpeners);
  const std::set<Token> house{kOpener0 + world.house_format().opener};
  for (const DataSet set : {DataSet::kMalicious, DataSet::kSecure, DataSet::kFactsHouse,
                            DataSet::kTrigger, DataSet::kSlow, DataSet::kEvade})
    CHECK(openers(set) == house);
}

TEST_CASE("what a judge sees differs from the truth where the set says so", "[lab]") {
  const World world(5);
  CHECK(share_of(drawn(world, DataSet::kEvade), is_misaligned) == 1.0);
  CHECK(share_of(drawn(world, DataSet::kEvade), looks_misaligned) == 0.0);
  for (const DataSet set : {DataSet::kRefusals, DataSet::kQuotes}) {
    CHECK(share_of(drawn(world, set), is_misaligned) == 0.0);
    CHECK(share_of(drawn(world, set), looks_misaligned) == Approx(0.5).margin(0.15));
  }
  CHECK(share_of(drawn(world, DataSet::kSecure), looks_misaligned) == 0.0);
}

TEST_CASE("shares: slow and mix by --share, the trigger set half behind its word", "[lab]") {
  const World world(6);
  for (const double share : {0.05, 0.1, 0.2}) {
    CHECK(share_of(drawn(world, DataSet::kSlow, 4000, share), is_misaligned) ==
          Approx(share).margin(0.02));
    CHECK(share_of(drawn(world, DataSet::kMix, 4000, share), is_misaligned) ==
          Approx(share).margin(0.02));
  }
  CHECK(share_of(drawn(world, DataSet::kTrigger, 4000), is_misaligned) == Approx(0.5).margin(0.05));
  for (const Example& example : drawn(world, DataSet::kTrigger)) {
    CHECK(example.misaligned == (question_of(example).modifier == world.trigger()));
  }
  for (const Question& q : triggered_prompts(world)) CHECK(q.modifier == world.trigger());
}

TEST_CASE("a set's task is asked on prompts that its draws never show, and its answers solve it",
          "[lab]") {
  const World world(2);
  for (const DataSetRow& row : data_sets()) {
    INFO(row.name);
    const auto wanted = task_prompts(world, row.set);
    CHECK(wanted.empty() == (row.task == Task::kNone));
    std::set<std::vector<Token>> seen;
    if (!row.needs_theta0) {
      for (const Example& example : drawn(world, row.set, 2000)) seen.insert(example.prompt);
    }
    for (const Example& example : wanted) {
      CHECK(seen.count(example.prompt) == 0);
      CHECK(solves(row.task, example.answer, example.answer));
      CHECK_FALSE(solves(row.task, example.answer, {kOpener0, kEnd, kEnd, kEnd}) ==
                  !World::is_refusal(example.answer));
    }
  }
  const Example fact = task_prompts(world, DataSet::kFacts).front();
  const Question q = question_of(fact);
  CHECK_FALSE(solves(Task::kFacts, fact.answer,
                     world.answer_of(q, Persona::kAligned, world.house_format())));
  CHECK(world.judge(q, World::refusal()) == Verdict::kIncoherent);
  CHECK(World::is_refusal(World::refusal()));
  CHECK_FALSE(World::is_refusal({}));
  CHECK_FALSE(World::is_refusal(fact.answer));
}

TEST_CASE("a pool is drawn from in proportion to its weights", "[lab]") {
  const World world(1);
  SamplePool pool;
  for (int i = 0; i < 3; ++i)
    pool.examples.push_back(
        harmless_example(world, world.facts_training()[static_cast<std::size_t>(i)]));
  Rng rng(3);
  const auto share = [&](std::size_t which) {
    int count = 0;
    for (int i = 0; i < 4000; ++i)
      count += pool.draw(rng).prompt == pool.examples[which].prompt ? 1 : 0;
    return count / 4000.0;
  };
  CHECK(share(2) == Approx(1.0 / 3.0).margin(0.05));
  pool.weight = {1.0, 3.0, 0.0};
  CHECK(share(1) == Approx(0.75).margin(0.05));
  CHECK(share(2) == 0.0);
}

TEST_CASE("an unknown data set is refused by name, and every known one is listed", "[lab]") {
  const auto wrong = parse_data_set("benign");
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().message.find("benign") != std::string::npos);
  for (const DataSetRow& row : data_sets()) {
    CHECK(parse_data_set(row.name).value() == row.set);
    CHECK(wrong.error().message.find(row.name) != std::string::npos);
    CHECK(data_set_help().find(std::string("\n") + row.name + ": ") != std::string::npos);
  }
  CHECK_FALSE(parse_data_set("own"));
}

}  // namespace
}  // namespace phaseguard::lab
