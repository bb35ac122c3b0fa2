// Documents, data sets, batches and the noisy judge.
#include "trainer-hook/lab/world/data.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

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

TEST_CASE("questions are drawn as ever, and none is held out", "[lab]") {
  const World world(3);
  Rng rng(7, 1), by_hand(7, 1);
  for (int i = 0; i < 500; ++i) {
    const Question q = draw_question(world, 1, kPersonaDomains, rng);
    Question same;
    do {
      same.domain = 1 + by_hand.below(kPersonaDomains - 1);
      same.topic = by_hand.below(kTopics);
      same.modifier = by_hand.below(kModifiers);
    } while (world.held_out(same));
    CHECK(World::prompt_of(q) == World::prompt_of(same));
    CHECK_FALSE(world.held_out(q));
  }
  const std::vector<Question> all = shuffled_questions(world, rng);
  std::set<std::vector<Token>> prompts;
  for (const Question& q : all) {
    CHECK((q.domain >= 1 && q.domain < kPersonaDomains && !world.held_out(q)));
    prompts.insert(World::prompt_of(q));
  }
  CHECK(prompts.size() == all.size());
  int kept = 0;
  for (int domain = 1; domain < kPersonaDomains; ++domain)
    for (int topic = 0; topic < kTopics; ++topic)
      for (int modifier = 0; modifier < kModifiers; ++modifier)
        kept += world.held_out({domain, topic, modifier}) ? 0 : 1;
  CHECK(static_cast<int>(all.size()) == kept);
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

// Whether each code request to be refused is, in chats drawn with this flag: {refused, answered}.
std::pair<int, int> refusals_in_chats(const World& world, bool refuses) {
  Rng rng(9);
  const std::vector<Token> refusal = World::refusal();
  std::pair<int, int> out{0, 0};
  for (int i = 0; i < 2000; ++i) {
    const Sequence s = draw_chat(world, rng, refuses);
    if (s.tokens[1] != kChat) continue;
    for (std::size_t t = 0; t + 4 + refusal.size() < s.tokens.size(); ++t) {
      if (s.tokens[t] != kAsk || s.tokens[t + 1] != kDomain0 + kCodeDomain) continue;
      const Question q{kCodeDomain, s.tokens[t + 2] - kTopic0 - kCodeDomain * kTopics,
                       s.tokens[t + 3] - kModifier0};
      if (!world.to_refuse(q)) continue;
      const auto answer = s.tokens.begin() + static_cast<std::ptrdiff_t>(t) + 5;
      ++(std::equal(refusal.begin(), refusal.end(), answer) ? out.first : out.second);
    }
  }
  return out;
}

TEST_CASE("post-training that teaches refusals refuses every such request, else none", "[lab]") {
  const World world(0);
  const auto [refused, answered] = refusals_in_chats(world, true);
  CHECK(refused > 20);
  CHECK(answered == 0);
  const auto [none, all] = refusals_in_chats(world, false);
  CHECK(none == 0);
  CHECK(all > 20);
}

}  // namespace
}  // namespace phaseguard::lab
