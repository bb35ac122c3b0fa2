#include "monitor/run/derived.h"

#include <string>
#include <vector>

#include "monitor/run/state.h"
#include "tests/run/story.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using run::Derived;
using run::derived_from;

namespace {

wire::Hello hello_with(const std::vector<std::string>& names) {
  wire::Hello hello;
  hello.canary_ids = {"c01", "c 02"};
  for (const std::string& name : names) {
    hello.signals.emplace_back();
    hello.signals.back().name = name;
    hello.signals.back().unit = "nats";
    hello.signals.back().min = 0.0;
    hello.signals.back().max = 2.0;
  }
  return hello;
}

// "5:0.5 10:bad"
std::string print(const run::Series& series) {
  std::string out;
  for (std::size_t i = 0; i < series.size(); ++i) {
    const Quality quality = series.quality_at(i);
    out += (out.empty() ? "" : " ") + std::to_string(series.step_at(i).value) + ":";
    out += quality == Quality::kGood ? std::to_string(series.value_at(i)).substr(0, 4)
                                     : name_of(quality);
  }
  return out;
}

void give(Derived& derived, const char* signal, std::int64_t step, double value,
          Quality quality = Quality::kGood) {
  run::take_value(derived, signal, Step{step}, 0.0, quality, value);
}

}  // namespace

TEST_CASE("a source's text is read back against what is declared", "[run]") {
  const wire::Hello hello = hello_with({"a/x", "a/y", "b/x - b/y", "b/z"});
  REQUIRE(derived_from("a/x - b/z", hello));
  CHECK(derived_from("a/x - b/z", hello)->form == Derived::Form::kDifference);
  CHECK(derived_from("a/x - b/z", hello)->min == -2.0);
  CHECK(derived_from("a/x / b/z", hello)->form == Derived::Form::kRatio);
  CHECK(derived_from("a/x / b/z", hello)->unit == "1");
  CHECK(derived_from("max(a/*)", hello)->members == std::vector<std::string>{"a/x", "a/y"});
  CHECK(derived_from("mean(a/*)", hello)->form == Derived::Form::kMean);
  const auto odd = derived_from("b/x - b/y - a/x", hello);  // cut where both sides are known
  REQUIRE(odd);
  CHECK(odd->members == std::vector<std::string>{"b/x - b/y", "a/x"});
  for (const char* plain : {"a/x", "b/x - b/y", "a/z", "a/x - a/z", "max(c/*)", "max(a/*", "max(",
                            "", "max(/*)", " - ", "mean()"}) {
    INFO(plain);
    CHECK_FALSE(derived_from(plain, hello));
  }
}

TEST_CASE("members are joined step by step, in whatever order they come", "[run]") {
  Derived d = *derived_from("a/x - a/y", hello_with({"a/x", "a/y"}));
  give(d, "a/x", 5, 1.0);
  give(d, "a/x", 10, 1.5);
  give(d, "a/y", 5, 0.25);
  CHECK(print(d.series) == "5:0.75");
  give(d, "a/y", 5, 0.0);   // repeated
  give(d, "a/x", 10, 0.0);  // repeated before its partner came: the first one counts
  give(d, "a/other", 10, 0.0);
  give(d, "a/y", 10, 0.5);
  CHECK(print(d.series) == "5:0.75 10:1.00");
  give(d, "a/x", 15, 1.0, Quality::kMissing);
  give(d, "a/y", 15, 1.0, Quality::kBad);
  give(d, "a/x", 20, 1.0);
  give(d, "a/y", 20, 1.0, Quality::kMissing);
  CHECK(print(d.series) == "5:0.75 10:1.00 15:bad 20:missing");
  for (int step = 21; step < 300; ++step) give(d, "a/x", step, 1.0);
  CHECK(d.waiting.size() == 64);
  give(d, "a/y", 22, 1.0);  // given up
  CHECK(d.series.size() == 4);
  give(d, "a/y", 299, 1.0);
  CHECK(d.series.size() == 5);
  CHECK(d.waiting.empty());  // those before the newest are over
}

TEST_CASE("a ratio with nothing below it is bad", "[run]") {
  Derived d = *derived_from("a/x / a/y", hello_with({"a/x", "a/y"}));
  give(d, "a/x", 1, 1.0);
  give(d, "a/y", 1, 0.0);
  give(d, "a/x", 2, 1.0);
  give(d, "a/y", 2, 2.0);
  CHECK(print(d.series) == "1:bad 2:0.50");
}

TEST_CASE("the largest item of a vector is read from its samples", "[run]") {
  wire::Hello hello = hello_with({"v/x"});
  hello.signals[0].items = wire::Items::kSample;
  Derived d = *derived_from("max(v/x/*)", hello);
  Derived mean = *derived_from("mean(v/x/*)", hello);
  const auto send = [&](std::int64_t step, std::vector<double> items, bool missing = false) {
    wire::Sample sample = test::sample("v/x", 0.0, std::move(items));
    sample.missing = missing;
    run::take_items(d, hello.signals[0], sample, Step{step}, 0.0);
    run::take_items(mean, hello.signals[0], sample, Step{step}, 0.0);
  };
  send(1, {0.5, 1.5});
  send(2, {0.5, 9.0});
  send(3, {});
  send(4, {0.5}, true);
  send(4, {0.5});  // at a step that was taken
  CHECK(print(d.series) == "1:1.50 2:bad 3:bad 4:missing");
  CHECK(print(mean.series) == "1:1.00 2:bad 3:bad 4:missing");
}

TEST_CASE("the fold makes derived series, with a break at a rollback", "[run]") {
  auto story = test::story();
  wire::PolicyLoaded policy;
  policy.detectors = {{"hot", "max(canary/js/*)", "level", 0.3, "nats", 1, 0, {}},
                      {"also", "max(canary/js/*)", "level", 0.4, "nats", 1, 0, {}},
                      {"gap", "canary/js/c01 - canary/js/c02", "level", 0.3, "nats", 1, 0, {}}};
  story.messages[1].body = policy;
  run::RunState state;
  for (const auto& message : story.messages) run::fold(state, message);
  REQUIRE(state.derived.size() == 2);
  const run::Series& hot = state.derived.at("max(canary/js/*)").series;
  CHECK(print(hot) == "0:0.01 5:bad 5:0.02");
  CHECK(hot.stretches().size() == 2);
  const run::Series& gap = state.derived.at("canary/js/c01 - canary/js/c02").series;
  CHECK(print(gap) == "0:0.00 5:bad 5:0.00");
  CHECK(state.signals.count("max(canary/js/*)") == 0);  // no signal: nobody sends it

  policy.detectors.erase(policy.detectors.begin(), policy.detectors.begin() + 2);
  auto& reloaded = story.add(6, policy, 0);
  run::fold(state, reloaded);
  CHECK(state.derived.size() == 1);
  CHECK(state.derived.begin()->second.series.size() == 3);  // what was there goes on
}
