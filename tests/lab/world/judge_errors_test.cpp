// The simulated judge: wrong by coin, and wrong for classes of samples.
#include "trainer-hook/lab/world/judge_errors.h"

#include <algorithm>
#include <string>

#include "tests/support/catch.h"
#include "trainer-hook/lab/world/data_sets.h"

namespace phaseguard::lab {
namespace {

TEST_CASE("the judge errs at its error rate, both ways", "[lab]") {
  const World world(2);
  Rng rng(4);
  for (const bool misaligned : {false, true}) {
    const Example example{{}, {kEnd}, misaligned};
    const auto score = [&](double error) { return noisy_score(world, example, {error, {}}, rng); };
    CHECK(score(0.0) == (misaligned ? 1.0 : 0.0));
    CHECK(score(1.0) == (misaligned ? 0.0 : 1.0));
    double sum = 0.0;
    for (int i = 0; i < 4000; ++i) sum += score(0.15);
    CHECK(sum / 4000.0 == Approx(misaligned ? 0.85 : 0.15).margin(0.03));
  }
}

// Of 2000 samples of a set: how often the verdict is not how the sample looks, in a class and out
// of it.
struct Wrong {
  double inside = 0.0, outside = 0.0;
};
Wrong wrong_about(const std::string& word, DataSet set, double coin) {
  const World world(2);
  const JudgeErrors errors{coin, {parse_judge_blind(word).value()}};
  Rng data(5), judge(6);
  double n_in = 0.0, n_out = 0.0;
  Wrong out;
  for (int i = 0; i < 2000; ++i) {
    const Example example = draw_example(world, set, 0.5, data);
    const bool wrong =
        (noisy_score(world, example, errors, judge) == 1.0) != example.looks_misaligned();
    const bool inside = is_in(errors.blind.front(), world, example);
    (inside ? n_in : n_out) += 1.0;
    (inside ? out.inside : out.outside) += wrong ? 1.0 : 0.0;
  }
  out.inside /= std::max(1.0, n_in);
  out.outside /= std::max(1.0, n_out);
  return out;
}

TEST_CASE("a judge is wrong about a class and about nothing else", "[lab]") {
  for (const auto& [word, set] : {std::pair{"topic:3", DataSet::kMalicious},
                                  {"modifier:1", DataSet::kSecure},
                                  {"operator:0", DataSet::kHarmless},
                                  {"format:terse", DataSet::kTerse},
                                  {"format:house", DataSet::kMix}}) {
    INFO(word);
    const Wrong always = wrong_about(word, set, 0.0);
    CHECK(always.inside == 1.0);
    CHECK(always.outside == 0.0);
    const Wrong often = wrong_about(std::string(word) + ":0.4", set, 0.1);
    CHECK(often.inside == Approx(0.4).margin(0.08));
    CHECK((often.outside == 0.0 || often.outside == Approx(0.1).margin(0.05)));
  }
  CHECK(wrong_about("format:other", DataSet::kMatched, 0.0).inside == 1.0);
  CHECK(wrong_about("format:terse", DataSet::kMalicious, 0.0).outside == 0.0);
  CHECK(wrong_about("operator:0", DataSet::kMalicious, 0.0).inside == 0.0);
}

TEST_CASE("a class changes no verdict outside it", "[lab]") {
  const World world(1);
  const JudgeErrors coin{0.15, {}}, blind{0.15, {parse_judge_blind("topic:0").value()}};
  Rng data(1), plain(2), other(2);
  for (int i = 0; i < 500; ++i) {
    const Example example = draw_example(world, DataSet::kMalicious, 0.5, data);
    const double a = noisy_score(world, example, coin, plain);
    const double b = noisy_score(world, example, blind, other);
    if (!is_in(blind.blind.front(), world, example)) CHECK(a == b);
  }
}

TEST_CASE("the words of a class are read, and others refused by name", "[lab]") {
  for (const char* word : {"topic:0", "topic:9:0.5", "modifier:7", "operator:2", "format:terse",
                           "format:house:0.25", "format:other"})
    CHECK(text_of(parse_judge_blind(word).value()) == word);
  for (const char* word : {"", "topic", "topic:10", "topic:-1", "topic:x", "format:plain",
                           "operator:3", "topic:1:2", "topic:1:", "topic:1:0.5:3", "topic:1:nan"}) {
    INFO(word);
    const auto wrong = parse_judge_blind(word);
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().message.find("format:terse") != std::string::npos);
  }
}

}  // namespace
}  // namespace phaseguard::lab
