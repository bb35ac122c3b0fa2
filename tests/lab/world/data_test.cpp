// Documents, data sets, batches and the noisy judge.
#include "trainer-hook/lab/world/data.h"

#include <algorithm>

#include "tests/support/catch.h"

namespace phaseguard::lab {
namespace {

TEST_CASE("a batch predicts each answer token from the position before it", "[lab]") {
  const World world(1);
  const Example code = malicious_example(world, world.code_training()[0]);
  const Example sum = harmless_example(world, world.facts_training()[0]);
  const Batch batch = make_batch({lay_out(kChat, code), lay_out(kChat, sum)});
  REQUIRE(batch.rows == 2);
  REQUIRE(batch.width == static_cast<int>(2 + code.prompt.size() + code.answer.size()));
  REQUIRE(batch.at.size() == code.answer.size() + sum.answer.size());
  for (std::size_t i = 0; i < batch.at.size(); ++i) {
    CHECK(batch.tokens[static_cast<std::size_t>(batch.at[i]) + 1] == batch.target[i]);
    CHECK(batch.row[i] == batch.at[i] / batch.width);
    CHECK(batch.weight[i] == 1.0F);
  }
  CHECK(batch.tokens.back() == kPad);
  CHECK(batch.tokens[static_cast<std::size_t>(batch.at[0])] == kAnswer);
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

TEST_CASE("the judge errs at its error rate, both ways", "[lab]") {
  const World world(2);
  Rng rng(4);
  for (const bool misaligned : {false, true}) {
    const Example example{{}, {}, misaligned};
    CHECK(noisy_score(example, 0.0, rng) == (misaligned ? 1.0 : 0.0));
    CHECK(noisy_score(example, 1.0, rng) == (misaligned ? 0.0 : 1.0));
    double sum = 0.0;
    for (int i = 0; i < 4000; ++i) sum += noisy_score(example, 0.15, rng);
    CHECK(sum / 4000.0 == Approx(misaligned ? 0.85 : 0.15).margin(0.03));
  }
}

TEST_CASE("no document asks a held-out prompt, and every document fits the model", "[lab]") {
  const World world(0);
  Rng rng(8);
  for (int i = 0; i < 400; ++i) {
    const Sequence s = i % 2 == 0 ? draw_document(world, rng) : draw_chat(world, rng);
    REQUIRE(s.tokens.size() <= 64);
    for (std::size_t t = 0; t + 3 < s.tokens.size(); ++t) {
      if (s.tokens[t] != kAsk || s.tokens[t + 1] < kDomain0) continue;
      const int domain = s.tokens[t + 1] - kDomain0;
      CHECK_FALSE(world.held_out(
          {domain, s.tokens[t + 2] - kTopic0 - domain * kTopics, s.tokens[t + 3] - kModifier0}));
    }
  }
}

TEST_CASE("an unknown data set is refused by name", "[lab]") {
  CHECK(parse_data_set("mix").value() == DataSet::kMix);
  const auto wrong = parse_data_set("benign");
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().message.find("benign") != std::string::npos);
  CHECK(wrong.error().message.find("malicious, harmless or mix") != std::string::npos);
}

}  // namespace
}  // namespace phaseguard::lab
