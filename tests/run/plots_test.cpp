#include "monitor/run/plots.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "monitor/wire/signals.h"
#include "tests/run/story.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using run::plots_of;
using run::PlotSpec;
using run::RunState;
using test::Story;

namespace {

using Names = std::vector<std::string>;

RunState folded(const Story& story) {
  RunState state;
  for (const wire::Message& message : story.messages) run::fold(state, message);
  return state;
}

Names ids_of(const std::vector<PlotSpec>& plots) {
  Names ids;
  for (const PlotSpec& plot : plots) ids.push_back(plot.id);
  return ids;
}

Names labels_of(const PlotSpec& plot) {
  Names labels;
  for (const run::PlotLine& line : plot.lines) labels.push_back(line.label);
  return labels;
}

const PlotSpec& find(const std::vector<PlotSpec>& plots, const std::string& id) {
  const auto found =
      std::find_if(plots.begin(), plots.end(), [&](const PlotSpec& plot) { return plot.id == id; });
  INFO(id);
  REQUIRE(found != plots.end());
  return *found;
}

wire::SignalDecl declared(const char* name, const char* unit, double min, double max) {
  wire::SignalDecl signal;
  signal.name = name;
  signal.unit = unit;
  signal.min = min;
  signal.max = max;
  return signal;
}

wire::DetectorInfo detector(const char* name, const char* signal, const char* type,
                            double threshold, const char* unit = "") {
  wire::DetectorInfo info;
  info.name = name;
  info.signal = signal;
  info.type = type;
  info.threshold = threshold;
  info.unit = unit;
  return info;
}

wire::PolicyLoaded watching(std::vector<wire::DetectorInfo> detectors) {
  wire::PolicyLoaded policy;
  policy.name = "p";
  policy.mode = wire::Mode::kEnforce;
  policy.detectors = std::move(detectors);
  return policy;
}

// What the lab declares, in its order.
wire::Hello lab_hello() {
  wire::Hello hello = test::hello();
  hello.signals.clear();
  for (const char* name :
       {"train/loss", "train/ce", "train/kl", "train/grad_norm", "train/learning_rate", "canary/js",
        "canary/js_max", "canary/dist", "canary/margin", "probe/risk", "drift/misaligned_persona",
        "judge/score", "data/llr", "data/llr_share", "data/ref_nll", "data/ref_nll_decisive"}) {
    hello.signals.push_back(wire::declare_signal(name, 5));
  }
  return hello;
}

wire::PolicyLoaded hybrid() {
  return watching({detector("llr", "data/llr_share", "ewma", 0.2, "1"),
                   detector("judge", "judge/score", "ewma", 0.3, "1"),
                   detector("margin", "canary/margin", "level", 1.5, "nats"),
                   detector("format_drift", "canary/js", "level", 0.15, "nats")});
}

}  // namespace

TEST_CASE("the lab's plots: what is watched first, then the rest by group", "[run]") {
  Story story;
  story.add(0, lab_hello());
  story.add(0, hybrid());
  const RunState state = folded(story);
  const auto plots = plots_of(state);
  CHECK(ids_of(plots) ==
        Names{"canary/js", "canary/margin", "judge/score", "data/llr_share",  // watched
              "canary/dist", "data/llr", "data/ref_nll", "probe/risk", "drift/misaligned_persona",
              "train/loss", "train/kl", "train/grad_norm", "train/learning_rate", "knob kl"});
  for (const PlotSpec& plot : plots) {
    INFO(plot.id);
    CHECK(plot.is_watched() == !plot.levels.empty());
    CHECK_FALSE(plot.help.empty());
    CHECK_FALSE(plot.title.empty());
    CHECK(plot.remark.empty());
  }
  const PlotSpec& js = plots.front();
  CHECK(js.title == "Canary JS divergence");
  CHECK(js.unit == "nats");
  CHECK(js.group_title == "Canaries");
  CHECK(js.details == "0 to 0.6931, every 5 steps");
  CHECK(labels_of(js) == Names{"canary/js", "canary/js_max"});
  CHECK(js.levels.front().label == "format_drift > 0.15");
  CHECK(js.watchers == Names{"format_drift: level > 0.15 nats"});
  CHECK(labels_of(find(plots, "train/loss")) == Names{"train/loss", "train/ce"});
  CHECK(labels_of(find(plots, "data/ref_nll")).back() == "data/ref_nll_decisive");
  CHECK(find(plots, "drift/misaligned_persona").title == "Drift: misaligned_persona");
  CHECK(find(plots, "judge/score").unit.empty());  // "1" is nothing to print
  CHECK(find(plots, "judge/score").lines.front().joins_within == 12.5);
  const PlotSpec& knob = plots.back();
  CHECK(knob.is_knob);
  CHECK(labels_of(knob) == Names{"applied", "decided"});
  CHECK(knob.max == 4.0);
}

TEST_CASE("a stranger's signals have full plots, unknown groups last and by name", "[run]") {
  Story story;
  wire::Hello hello;
  hello.session = "s";
  hello.signals = {declared("zebra/b", "1", 0, 1),         declared("mine/score", "points", 0, 10),
                   declared("train/accuracy", "1", 0, 1),  declared("mine/a/deep", "", 0, 1),
                   declared("train/loss", "bits", 0, 100), declared("alone", "s", 0, 9)};
  hello.signals[1].every_steps = 4;
  hello.knobs.emplace_back();
  hello.knobs.back().name = "lr_scale";
  story.add(0, hello);
  story.add(0, watching({detector("high", "mine/score", "level", 6.0, "points")}));
  story.add(4, test::report(wire::Report::Origin::kStep, {test::sample("mine/score", 2.5)}));
  const RunState state = folded(story);
  const auto plots = plots_of(state);
  CHECK(ids_of(plots) == Names{"mine/score", "train/loss", "train/accuracy", "alone", "mine/a/deep",
                               "zebra/b", "knob lr_scale"});
  const PlotSpec& mine = plots.front();
  CHECK(mine.title == "mine/score");
  CHECK(mine.unit == "points");
  CHECK(mine.min == 0.0);
  CHECK(mine.max == 10.0);
  CHECK(mine.group_title == "mine");
  CHECK(mine.help.empty());
  CHECK(mine.details == "0 to 10, every 4 steps");
  REQUIRE(mine.levels.size() == 1);
  CHECK(mine.levels.front().value == 6.0);
  CHECK(mine.lines.front().series->value_at(0) == 2.5);
  const PlotSpec loss = find(plots, "train/loss");
  CHECK(loss.title == "Training loss");  // what the catalogue says of it,
  CHECK(loss.unit == "bits");            // in the trainer's own unit and range
  CHECK(loss.max == 100.0);
  CHECK(loss.levels.empty());
}

TEST_CASE("without a policy nothing is watched, without a hello what was sent is shown", "[run]") {
  Story story;
  story.add(0, lab_hello());
  auto plots = plots_of(folded(story));
  CHECK(plots.front().id == "canary/js");
  CHECK(std::none_of(plots.begin(), plots.end(), [](const auto& p) { return p.is_watched(); }));

  Story late;
  late.add(3, test::report(wire::Report::Origin::kStep,
                           {test::sample("train/loss", 2.0), test::sample("x/y", 1.0)}));
  const RunState state = folded(late);
  plots = plots_of(state);
  CHECK(ids_of(plots) == Names{"train/loss", "x/y"});
  CHECK(plots[1].remark.empty());
  CHECK(plots_of(RunState{}).empty());

  Story undeclared;
  undeclared.add(0, lab_hello());
  undeclared.add(1, test::report(wire::Report::Origin::kStep, {test::sample("x/y", 1.0)}));
  const RunState second = folded(undeclared);
  plots = plots_of(second);
  CHECK(find(plots, "x/y").remark == "not declared by this trainer");
}

TEST_CASE("several detectors on one signal share its plot", "[run]") {
  Story story;
  story.add(0, lab_hello());
  story.add(0, watching({detector("a", "canary/js", "level", 0.15, "nats"),
                         detector("b", "canary/js", "ewma", 0.15, "nats"),
                         detector("c", "canary/js", "level", 0.3, "nats"),
                         detector("slope", "canary/js", "rate", 0.02, "nats/step"),
                         detector("sum", "canary/js", "cusum", 1.0, "nats"),
                         detector("odd", "canary/js", "of tomorrow", 0.1, "nats"),
                         detector("bits", "canary/js", "level", 0.2, "bits"),
                         detector("bad", "canary/js", "level", wire::kNaN, "nats")}));
  const auto plots = plots_of(folded(story));
  const PlotSpec& js = plots.front();
  CHECK(js.id == "canary/js");
  REQUIRE(js.levels.size() == 2);  // where the statistic has the signal's unit and scale
  CHECK(js.levels[0].label == "a, b > 0.15");
  CHECK(js.levels[1].label == "c > 0.3");
  REQUIRE(js.watchers.size() == 8);
  CHECK(js.watchers[3] == "slope: rate > 0.02 nats/step (on a scale of its own: no line)");
  CHECK(plots[1].watchers.empty());
}

TEST_CASE("a companion that is watched has a plot of its own", "[run]") {
  Story story;
  story.add(0, lab_hello());
  story.add(0, watching({detector("hot", "canary/js_max", "level", 0.4, "nats")}));
  const auto plots = plots_of(folded(story));
  CHECK(plots[0].id == "canary/js_max");
  CHECK(plots[1].id == "canary/js");
  CHECK(labels_of(plots[1]) == Names{"canary/js"});

  Story alone;
  wire::Hello hello;
  hello.signals = {wire::declare_signal("canary/js_max")};
  alone.add(0, hello);
  CHECK(ids_of(plots_of(folded(alone))) == Names{"canary/js_max"});
}

TEST_CASE("canary items: a strip, their largest beside the mean, no plots of their own", "[run]") {
  const RunState state = folded(test::story());
  const auto plots = plots_of(state);
  CHECK(ids_of(plots) == Names{"judge/score", "canary/js", "train/loss", "knob kl"});
  const PlotSpec js = find(plots, "canary/js");
  REQUIRE(js.items.size() == 2);
  CHECK(js.items[1].label == "c02");
  CHECK(js.items[1].series == &state.signals.at("canary/js/c02").series);
  CHECK(labels_of(js) == Names{"canary/js", "max of 2 prompts"});
  CHECK(js.lines[1].largest_of.size() == 2);
}

TEST_CASE("a watched item, and a watched signal that was never declared, are shown", "[run]") {
  Story story = test::story();
  story.messages[1].body = watching({detector("one", "canary/js/c01", "level", 0.1, "nats"),
                                     detector("lost", "other/thing", "level", 2.0),
                                     detector("gone", "max(other/*)", "level", 2.0)});
  const RunState state = folded(story);
  const auto plots = plots_of(state);
  CHECK(ids_of(plots) == Names{"canary/js/c01", "max(other/*)", "other/thing", "canary/js",
                               "judge/score", "train/loss", "knob kl"});
  CHECK(plots[0].lines.front().series->size() == 3);
  CHECK(plots[0].levels.size() == 1);
  CHECK(plots[1].group == "other");
  CHECK(plots[2].remark == "watched by the policy, and not declared by this trainer");
  CHECK(plots[2].lines.front().series == nullptr);
  CHECK(plots[2].levels.size() == 1);

  story.messages.resize(2);  // before the first measurement
  const auto early = plots_of(folded(story));
  CHECK(early.front().id == "canary/js/c01");
  CHECK(early.front().remark.empty());
}

TEST_CASE("a difference of two signals is drawn with the line that watches it", "[run]") {
  Story story;
  wire::Hello hello = lab_hello();
  hello.signals.push_back(declared("judge/score@base", "1", 0, 1));
  story.add(0, hello);
  story.add(0, watching({detector("worse", "judge/score - judge/score@base", "ewma", 0.1, "1")}));
  const auto send = [&](std::int64_t step, const char* name, double value) {
    story.add(step, test::report(wire::Report::Origin::kBatch, {test::sample(name, value)}));
  };
  send(5, "judge/score", 0.5);
  send(5, "judge/score@base", 0.25);
  const RunState state = folded(story);
  const auto plots = plots_of(state);
  const PlotSpec& first = plots.front();
  CHECK(first.id == "judge/score - judge/score@base");
  CHECK(first.group == "judge");
  CHECK(first.min == -1.0);
  CHECK(first.levels.front().label == "worse > 0.1");
  REQUIRE(first.lines.front().series->size() == 1);
  CHECK(first.lines.front().series->value_at(0) == 0.25);
  CHECK_FALSE(find(plots, "judge/score").is_watched());
}

TEST_CASE("the order of plots depends on names alone", "[run]") {
  Story forward;
  Story backward;
  wire::Hello hello = lab_hello();
  wire::PolicyLoaded policy = hybrid();
  forward.add(0, hello);
  forward.add(0, policy);
  std::reverse(hello.signals.begin(), hello.signals.end());
  std::reverse(policy.detectors.begin(), policy.detectors.end());
  backward.add(0, hello);
  backward.add(0, policy);
  const Names before = ids_of(plots_of(folded(forward)));
  CHECK(ids_of(plots_of(folded(backward))) == before);
  forward.add(5,
              test::report(wire::Report::Origin::kBatch,
                           {test::sample("train/kl", 9e9), test::sample("canary/js", wire::kNaN)}));
  CHECK(ids_of(plots_of(folded(forward))) == before);
}

TEST_CASE("a value axis shows what is there, within what was declared", "[run]") {
  const double inf = run::kUnlimited;
  const auto is = [](run::ValueRange r, double lo, double hi) {
    CHECK(r.lo == Approx(lo).margin(1e-12));
    CHECK(r.hi == Approx(hi));
  };
  is(run::value_range(0.1, 0.9, 0.0, 1.0), 0.0, 1.04);    // fills it by half: all of it
  is(run::value_range(0.1, 0.2, 0.0, 1.0), 0.09, 0.21);   // does not: fitted
  is(run::value_range(0.01, 0.2, 0.0, 1.0), 0.0, 0.219);  // from zero
  is(run::value_range(3.0, 4.0, -50.0, 50.0), 2.9, 4.1);  // a generous range flattens nothing
  is(run::value_range(-0.9, 0.4, -1.0, 1.0), -1.08, 1.08);
  is(run::value_range(0.98, 0.999, 0.0, 1.0), 0.0, 1.04);
  is(run::value_range(9.0, 10.0, 0.0, inf), 8.9, 10.1);
  is(run::value_range(-2.0, -1.0, -2.0, inf), -2.04, -0.9);  // no room beyond what can be
  is(run::value_range(inf, -inf, 0.0, 10.0), 0.0, 10.4);     // nothing yet
  is(run::value_range(inf, -inf), 0.0, 1.0);
  is(run::value_range(0.0, 0.0), 0.0, 1.0);
  is(run::value_range(0.0, 0.0, 0.0, 0.5), 0.0, 0.52);
  is(run::value_range(-3.0, 5.0, 0.0, 1.0), -3.8, 5.8);  // a line outside the declared range
  for (const double bad : {wire::kNaN, inf, -inf, 1e308, -1e308}) {
    for (const auto range :
         {run::value_range(bad, 1.0, 1.0, bad), run::value_range(0.0, 1.0, -bad, bad),
          run::value_range(inf, -inf, -bad, bad), run::value_range(-bad, bad)}) {
      CHECK(std::isfinite(range.lo));
      CHECK(std::isfinite(range.hi));
      CHECK(range.lo < range.hi);
    }
  }
}

TEST_CASE("a line far from the values gets no room on their axis", "[run]") {
  CHECK(run::has_room(0.3, 0.0, 0.1));
  CHECK(run::has_room(-0.3, 0.0, 0.1));
  CHECK_FALSE(run::has_room(100.0, 1.0, 3.0));
  CHECK_FALSE(run::has_room(-100.0, 1.0, 3.0));
  CHECK(run::has_room(100.0, run::kUnlimited, -run::kUnlimited));  // no values yet
  CHECK(run::has_room(0.5, 0.0, 0.0));
  CHECK_FALSE(run::has_room(wire::kNaN, 0.0, 1.0));
}
