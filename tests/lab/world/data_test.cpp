// Documents, data sets, batches and the noisy judge.
#include "trainer-hook/lab/world/data.h"

#include <algorithm>

#include "tests/support/catch.h"
#include "trainer-hook/lab/world/data_sets.h"

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

}  // namespace
}  // namespace phaseguard::lab
