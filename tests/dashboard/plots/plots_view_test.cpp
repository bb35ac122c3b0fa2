// What was chosen of the plots, where things lie on their x axis, and what is exported: without a
// screen.
#include "monitor/dashboard/model/plots_view.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <variant>

#include "monitor/dashboard/model/describe.h"
#include "monitor/dashboard/model/items.h"
#include "monitor/dashboard/model/places.h"
#include "monitor/dashboard/model/table_export.h"
#include "monitor/dashboard/plot/curves/statistics.h"
#include "tests/dashboard/synthetic_run.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;

namespace {

run::RunState state_of(const std::vector<wire::Message>& messages) {
  run::RunState state;
  state.run = messages.front().header.run;
  for (const wire::Message& m : messages) run::fold(state, m);
  return state;
}

wire::Message applied_at(const run::RunState& state, std::int64_t step, double value,
                         wire::Cause cause, wire::Source source) {
  wire::Message m;
  m.header.run = state.run;
  m.header.seq = Seq{state.last_seq.value + 1};
  m.header.step = Step{step};
  m.header.t = state.t + 1.0;
  m.header.attempt = state.attempt;
  wire::Applied applied;
  applied.segment = state.segment;
  applied.source = source;
  wire::AppliedKnob kl;
  kl.name = "kl";
  kl.value = value;
  kl.cause = std::move(cause);
  applied.knobs = {kl};
  m.body = applied;
  return m;
}

}  // namespace

TEST_CASE("own plots come first, with the signals that were given to them", "[model]") {
  const run::RunState state = state_of(test::synthetic_run());
  PlotsView view;
  const std::string id =
      add_own_plot(view, "mine", {"train/loss", "canary/js/canary-3", "nowhere"});
  CHECK(add_own_plot(view, "", {}) == "own 2");
  const auto plots = chosen_plots(state, run::plots_of(state), view);
  REQUIRE(plots.size() == run::plots_of(state).size() + 2);
  CHECK(plots[0].id == id);
  CHECK(plots[0].title == "mine");
  REQUIRE(plots[0].lines.size() == 3);
  CHECK(plots[0].lines[0].series == &state.signals.at("train/loss").series);
  CHECK(plots[0].lines[1].series == &state.signals.at("canary/js/canary-3").series);
  CHECK(plots[0].lines[2].series == nullptr);
  CHECK(plots[1].title == "Plot 2");
  remove_own_plot(view, id);
  CHECK(chosen_plots(state, run::plots_of(state), view).size() == plots.size() - 1);
  CHECK(add_own_plot(view, "again", {}) == "own 1");  // whose choices are gone
  CHECK(view.choices.at("own 1").added.empty());
}

TEST_CASE("a double click in a legend isolates a line, and a second one ends that", "[model]") {
  PlotChoice choice;
  const std::vector<std::string> labels{"a", "b", "c"};
  const auto double_click = [&] {
    toggle_line(choice, "b");  // its first click
    isolate_line(choice, "b", labels);
  };
  double_click();
  CHECK(choice.hidden == std::set<std::string>{"a", "c"});
  double_click();
  CHECK(choice.hidden.empty());
  toggle_line(choice, "a");
  double_click();
  CHECK(choice.hidden == std::set<std::string>{"a", "c"});
}

TEST_CASE("what was in force is told by its cause, piece by piece", "[model]") {
  test::RunOptions options;
  options.fires = false;
  options.ends = false;
  options.steps = 20;
  run::RunState state = state_of(test::synthetic_run(options));
  CHECK(protected_intervals(state, 20.0).empty());
  const wire::Cause rule(wire::CauseKind::kRule, "defend");
  const wire::Cause ann(wire::CauseKind::kOperator, "ann");
  run::fold(state, applied_at(state, 22, 2.0, rule, wire::Source::kGuard));
  run::fold(state, applied_at(state, 25, 2.0, rule, wire::Source::kDaemon));
  run::fold(state, applied_at(state, 30, 3.0, ann, wire::Source::kDaemon));
  run::fold(state, applied_at(state, 31, 3.0, ann, wire::Source::kDaemon));
  run::fold(state, applied_at(state, 40, 0.0, wire::CauseKind::kBase, wire::Source::kDaemon));
  run::fold(state, applied_at(state, 44, 1.0, wire::CauseKind::kLink, wire::Source::kHold));
  const auto on = protected_intervals(state, 50.0);
  REQUIRE(on.size() == 4);
  CHECK(on[0].from == 22.0);
  CHECK(on[0].to == 25.0);
  CHECK(on[0].by_guard);
  CHECK(on[0].text == "kl by rule defend, decided by the trainer's guard");
  CHECK(on[1].to == 30.0);
  CHECK_FALSE(on[1].by_guard);
  CHECK(on[1].cause == wire::CauseKind::kRule);
  CHECK(on[2].text == "kl by operator ann");
  CHECK(on[2].to == 40.0);
  CHECK(on[2].cause == wire::CauseKind::kOperator);
  CHECK(on[3].from == 44.0);
  CHECK(on[3].to == 50.0);
  CHECK(on[3].text == "kl by substitute for a lost link");
}

TEST_CASE("steps have a time, the first trip a place", "[model]") {
  const run::RunState state = state_of(test::synthetic_run());
  const auto& loss = state.signals.at("train/loss").series;
  const std::size_t last = loss.size() - 1;
  const auto step = static_cast<double>(loss.step_at(last).value);
  CHECK(time_of_step(state, step) == loss.t_at(last));
  const double between = time_of_step(state, step - 0.5);
  CHECK(between < loss.t_at(last));
  CHECK(between > loss.t_at(last - 1));
  const auto trip = first_trip(state);
  REQUIRE(trip.has_value());
  CHECK(trip->step == 10.0);
  auto messages = test::synthetic_run();
  messages.erase(std::remove_if(messages.begin(), messages.end(),
                                [](const wire::Message& m) {
                                  return std::holds_alternative<wire::Decision>(m.body);
                                }),
                 messages.end());
  CHECK_FALSE(first_trip(state_of(messages)).has_value());
}

TEST_CASE("tokens are counted by a signal that never falls, else there is a reason", "[model]") {
  run::RunState state = state_of(test::synthetic_run());
  CHECK(obstacle_of(state, plot::XKind::kElapsed).empty());
  CHECK(obstacle_of(state, plot::XKind::kTokens).find("declares no signal") != std::string::npos);
  run::SignalState& tokens = state.signals["train/tokens"];
  tokens.declaration.name = "train/tokens";
  tokens.declaration.unit = "tokens";
  CHECK(obstacle_of(state, plot::XKind::kTokens).find("no count of tokens") != std::string::npos);
  CHECK(token_signal(state) == nullptr);
  tokens.series.append(Step{0}, 0.0, 512.0, Quality::kGood);
  tokens.series.append(Step{1}, 1.0, 1024.0, Quality::kGood);
  CHECK(obstacle_of(state, plot::XKind::kTokens).empty());
  CHECK(token_signal(state) == &tokens);
  tokens.series.append(Step{2}, 2.0, 512.0, Quality::kGood);  // of each step: that is no count
  CHECK(obstacle_of(state, plot::XKind::kTokens).find("falls") != std::string::npos);
  CHECK(obstacle_of(run::RunState{}, plot::XKind::kWall).find("nothing") != std::string::npos);
}

TEST_CASE("the CSV of a plot has every point, exactly", "[model]") {
  const run::RunState state = state_of(test::synthetic_run());
  PlotsView view;
  add_own_plot(view, "two", {"judge/score", "canary/js"});
  const auto plots = chosen_plots(state, run::plots_of(state), view);
  const std::string csv = csv_of(state, plots[0]);
  const auto& judge = state.signals.at("judge/score").series;
  const auto& js = state.signals.at("canary/js").series;
  CHECK(static_cast<std::size_t>(std::count(csv.begin(), csv.end(), '\n')) ==
        1 + judge.size() + js.size());
  std::size_t at = csv.find('\n') + 1;
  for (std::size_t i = 0; i < judge.size(); ++i) {
    const std::size_t end = csv.find("\r\n", at);
    const std::string row = csv.substr(at, end - at);
    at = end + 2;
    std::vector<std::string> cells{""};
    for (const char c : row) {
      if (c == ',') {
        cells.emplace_back();
      } else {
        cells.back().push_back(c);
      }
    }
    REQUIRE(cells.size() == 7);
    CHECK(cells[0] == "judge/score");
    CHECK(cells[1] == "1");
    CHECK(cells[3] == std::to_string(judge.step_at(i).value));
    CHECK(std::stod(cells[4]) == judge.t_at(i));
    CHECK(cells[5].empty() == std::isnan(judge.value_at(i)));
    if (!cells[5].empty()) CHECK(std::stod(cells[5]) == judge.value_at(i));
  }
  CHECK(csv.find(",bad\r\n") != std::string::npos);
  CHECK(csv.find("judge/score,1,0,") != std::string::npos);  // before the rollback, and behind it
  CHECK(csv.find("judge/score,1,1,") != std::string::npos);
  CHECK(file_name_of(state, plots[0], "csv") == "lab-malicious-7_own_1.csv");
}

TEST_CASE("statistics of an interval are those of its points", "[plot][property]") {
  std::mt19937_64 random(31);
  run::Series series;
  for (int i = 0; i < 3000; ++i) {
    const double value = 1e9 + 0.25 * i + static_cast<double>(random() % 1000) * 1e-3;
    series.append(Step{i}, 10.0 * i, value, random() % 9 == 0 ? Quality::kBad : Quality::kGood);
  }
  for (int round = 0; round < 50; ++round) {
    const double lo = static_cast<double>(random() % 2900);
    const plot::Range x{lo, lo + 1.0 + static_cast<double>(random() % 900)};
    std::vector<std::pair<double, double>> points;
    std::size_t bad = 0;
    for (std::size_t i = 0; i < series.size(); ++i) {
      if (!x.contains(series.x_at(i, run::By::kStep))) continue;
      if (std::isnan(series.value_at(i))) {
        ++bad;
      } else {
        points.emplace_back(series.x_at(i, run::By::kStep), series.value_at(i) - 1e9);
      }
    }
    const plot::Statistics s = plot::statistics_of(series, {}, x);
    REQUIRE(s.n == points.size());
    REQUIRE(s.bad == bad);
    if (points.size() < 3) continue;
    double mean_x = 0.0, mean_y = 0.0, up = 0.0, across = 0.0;
    for (const auto& [px, py] : points) mean_x += px, mean_y += py;
    mean_x /= static_cast<double>(s.n), mean_y /= static_cast<double>(s.n);
    for (const auto& [px, py] : points) {
      up += (px - mean_x) * (py - mean_y), across += (px - mean_x) * (px - mean_x);
    }
    CHECK(s.mean - 1e9 == Approx(mean_y).margin(1e-5));
    CHECK(s.slope == Approx(up / across).margin(1e-8));
    CHECK(s.change == Approx(points.back().second - points.front().second).margin(1e-6));
  }
}

TEST_CASE("by step, statistics leave out what was done again", "[plot]") {
  run::Series series;
  for (int i = 0; i <= 10; ++i) series.append(Step{i}, i, 1.0, Quality::kGood);
  for (int i = 4; i <= 20; ++i) series.append(Step{i}, 100.0 + i, 3.0, Quality::kGood);
  const plot::Statistics steps = plot::statistics_of(series, {}, {0.0, 20.0});
  CHECK(steps.n == 21);
  CHECK(steps.mean == Approx((4.0 * 1.0 + 17.0 * 3.0) / 21.0));
  CHECK(plot::statistics_of(series, {plot::XKind::kWall}, {0.0, 200.0}).n == 28);
}

TEST_CASE("a prompt's story: its value, its place among all, its largest", "[model]") {
  run::Series a, b, c;
  for (int i = 0; i < 10; ++i) {
    a.append(Step{5 * i}, i, i == 3 ? 9.0 : 1.0, Quality::kGood);
    b.append(Step{5 * i}, i, 2.0, i == 7 ? Quality::kBad : Quality::kGood);
    c.append(Step{5 * i}, i, 0.1 * i, Quality::kGood);
  }
  run::PlotSpec plan;
  plan.items = {{"a", &a}, {"b", &b}, {"c", &c}};
  const ItemStory story = story_of(plan, 0, 24.0, run::By::kStep);
  CHECK(story.at == 25.0);
  CHECK(story.value == 1.0);
  CHECK(story.place == 2);
  CHECK(story.of == 3);
  CHECK(story.largest == 9.0);
  CHECK(story.largest_at == 15.0);
  REQUIRE(story.worst.size() == 3);
  CHECK(story.worst[0].label == "b");
  const ItemStory bad = story_of(plan, 1, 35.0, run::By::kStep);
  CHECK(std::isnan(bad.value));
  CHECK(bad.place == 0);
  CHECK(bad.of == 2);
}
