// The plots as a researcher uses them: synthetic mouse and keys, what is drawn and what is kept.
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "monitor/dashboard/panels/panels.h"
#include "monitor/dashboard/panels/plots/plots.h"
#include "tests/dashboard/headless.h"
#include "tests/dashboard/synthetic_run.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;
using test::Headless;

namespace {

Model model_of(std::vector<wire::Message> messages) {
  Model model("ann", "s");
  SourceState state;
  state.loading = false;
  model.apply({state, std::move(messages)}, {1.76e9, Nanos{1}});
  return model;
}

Model two_runs() {
  test::RunOptions other;
  other.name = "lab-harmless-7";
  other.fires = false;
  auto messages = test::synthetic_run(other);
  messages.erase(std::remove_if(messages.begin(), messages.end(),
                                [](const wire::Message& m) {
                                  return std::holds_alternative<wire::Decision>(m.body);
                                }),
                 messages.end());  // no rule fires there
  for (wire::Message& m : test::synthetic_run()) messages.push_back(std::move(m));
  Model model = model_of(std::move(messages));
  model.act(SelectRun{*RunId::parse("lab-malicious-7")}, {1.76e9, Nanos{2}});
  return model;
}

struct Screen {
  explicit Screen(Model shown = model_of(test::synthetic_run())) : model(std::move(shown)) {
    gui.frames(3, model, view);
  }
  bool click(const std::string& control) { return gui.click(control, model, view); }
  void turn(int n = 2) { gui.frames(n, model, view); }
  void right_click(const std::string& control) {
    gui.move(view.controls.at(control).middle());
    turn();
    gui.press(true, 1);
    turn(1);
    gui.press(false, 1);
    turn(3);
  }
  void drag(ImVec2 from, ImVec2 to, int button = 0) {
    gui.move(from);
    turn();
    gui.press(true, button);
    turn();
    for (int i = 1; i <= 4; ++i) {
      const float part = 0.25F * static_cast<float>(i);
      gui.move({from.x + part * (to.x - from.x), from.y + part * (to.y - from.y)});
      turn();
    }
    gui.press(false, button);
    turn(3);
  }
  plot::PlotSpec spec(const std::string& id) {
    sheet.reset();
    sheet = std::make_unique<Sheet>(model, view);
    for (const run::PlotSpec& plan : view.plots) {
      if (plan.id == id) return spec_of(plan, *sheet);
    }
    return {};
  }

  Model model;
  View view;
  Headless gui;
  std::unique_ptr<Sheet> sheet;
};

std::size_t drawn_lines(const plot::PlotSpec& spec) {
  return static_cast<std::size_t>(
      std::count_if(spec.lines.begin(), spec.lines.end(),
                    [](const plot::Line& line) { return line.data != nullptr && !line.hidden; }));
}

}  // namespace

TEST_CASE("x by time: the same plots over elapsed time and the time of day", "[gui]") {
  Screen screen;
  const plot::Range steps = screen.view.time.full;
  CHECK(steps.hi == 213.0);
  REQUIRE(screen.click("x axis"));
  REQUIRE(screen.click("choose elapsed time"));
  CHECK(screen.view.time.kind == plot::XKind::kElapsed);
  const run::RunState& state = *screen.model.shown();
  CHECK(screen.view.time.full.lo == Approx(0.0).margin(1.0));
  CHECK(screen.view.time.full.hi == Approx(state.t - state.first_t).margin(1.0));
  CHECK(Headless::vertices_of(plot::dark_palette().series[0]) > 1000);
  REQUIRE(screen.click("x axis"));
  REQUIRE(screen.click("choose time of day"));
  CHECK(screen.view.time.full.hi == Approx(state.t).margin(1.0));
  // Where the rule fired, on that axis.
  const plot::PlotSpec spec = screen.spec("canary/js");
  REQUIRE(!spec.backdrop->markers.empty());
  for (const plot::Marker& marker : spec.backdrop->markers) {
    CHECK(marker.x >= screen.view.time.full.lo - 1.0);
    CHECK(marker.x <= screen.view.time.full.hi + 1.0);
  }
}

TEST_CASE("x by tokens is offered where the trainer counts them, else it says why", "[gui]") {
  Screen screen;
  REQUIRE(screen.click("x axis"));
  REQUIRE(screen.click("choose tokens"));
  CHECK(screen.view.look.x == plot::XKind::kStep);  // it cannot be chosen
}

TEST_CASE("a signal that counts tokens can be the x axis", "[gui]") {
  auto messages = test::synthetic_run();
  std::get<wire::Hello>(messages.front().body).signals.emplace_back();
  auto& declared = std::get<wire::Hello>(messages.front().body).signals.back();
  declared.name = "train/tokens";
  declared.unit = "tokens";
  for (wire::Message& m : messages) {
    auto* report = std::get_if<wire::Report>(&m.body);
    if (report == nullptr) continue;
    wire::Sample sample;
    sample.signal = "train/tokens";
    sample.value = 512.0 * static_cast<double>(m.header.step.value);
    report->samples.push_back(sample);
  }
  Screen counting(model_of(std::move(messages)));
  REQUIRE(counting.click("x axis"));
  REQUIRE(counting.click("choose tokens"));
  CHECK(counting.view.time.kind == plot::XKind::kTokens);
  CHECK(counting.view.time.full.hi == Approx(512.0 * 213.0).epsilon(0.02));
  CHECK(Headless::vertices_of(plot::dark_palette().series[0]) > 1000);
}

TEST_CASE("a view that does not follow says how much is newer, and one click ends it", "[gui]") {
  Screen screen;
  CHECK(screen.view.controls.count("follow") == 0);
  const Box plot = screen.view.controls.at("plot judge/score");
  const float y = plot.middle().y;
  const auto x = [&](float part) { return plot.lo.x + part * (plot.hi.x - plot.lo.x); };
  screen.drag({x(0.1F), y}, {x(0.5F), y + 2.0F}, 1);
  CHECK(screen.view.time.view.hi == Approx(0.5 * 213.0).margin(3.0));
  REQUIRE(screen.view.controls.count("follow") == 1);
  CHECK(screen.view.controls.at("plot judge/score").lo.y == plot.lo.y);  // nothing moves
  CHECK(screen.view.time.newer() == Approx(0.5 * 213.0).margin(3.0));
  REQUIRE(screen.click("follow"));
  CHECK(screen.view.controls.count("follow") == 0);
  CHECK(screen.view.time.view.hi == 213.0);

  REQUIRE(screen.click("range"));
  REQUIRE(screen.click("choose last 100 steps, and follow"));
  CHECK(screen.view.time.view.lo == 113.0);
  CHECK(screen.view.time.follow);
}

namespace {

constexpr std::array kBarControls{"x axis",  "range",    "smooth", "compare", "table",
                                  "prompts", "add plot", "more",   "follow",  "saved"};

// Two of the row above the plots that lie on each other, or one outside of it; "": none.
std::string misplaced(const View& view, float left, float right) {
  std::vector<std::pair<std::string, Box>> there;
  for (const char* name : kBarControls) {
    const auto found = view.controls.find(name);
    if (found != view.controls.end()) there.emplace_back(name, found->second);
  }
  for (const auto& [name, box] : there) {
    if (box.lo.x < left || box.hi.x > right) return name + " lies outside";
    for (const auto& [other, its] : there) {
      const bool apart = box.hi.x <= its.lo.x || its.hi.x <= box.lo.x || box.hi.y <= its.lo.y ||
                         its.hi.y <= box.lo.y;
      if (name < other && !apart) return name + " lies on " + other;
    }
  }
  return "";
}

}  // namespace

TEST_CASE("the row above the plots stays one row, with all of it in reach", "[gui][bar]") {
  struct Case {
    ImVec2 size;
    float scale;
  };
  for (const Case& c : {Case{{1280, 720}, 1}, Case{{1280, 720}, 1.2F}, Case{{1600, 1000}, 1},
                        Case{{960, 640}, 1}, Case{{2560, 1440}, 2}, Case{{1920, 1280}, 2}}) {
    INFO(c.size.x << "x" << c.size.y << " scale " << c.scale);
    Headless gui(c.size);
    ImGui::GetIO().FontGlobalScale = c.scale * 15.0F / 13.0F;
    apply_style(plot::Theme::kDark, 15.0F * c.scale);
    const Model model = two_runs();
    View view;
    gui.frames(3, model, view);
    const float left = view.controls.at("left splitter").hi.x;
    const float right = view.controls.at("right splitter").lo.x;
    CHECK(misplaced(view, left, right) == "");
    const Box axis = view.controls.at("x axis");
    view.time.follow = false;
    view.time.view = {20.0, 109.0};
    view.saved = "saved /home/ann/a/rather/long/folder/lab-malicious-7-judge-score.png";
    gui.frames(3, model, view);
    CHECK(misplaced(view, left, right) == "");
    REQUIRE(view.controls.count("follow") == 1);
    CHECK(view.controls.at("follow").lo.y == axis.lo.y);
    CHECK(view.controls.at("x axis").lo.x == axis.lo.x);
    for (const char* name : {"range", "smooth", "compare", "table", "prompts", "add plot"}) {
      INFO(name);
      if (view.controls.count(name) == 0) REQUIRE(gui.click("more", model, view));
      CHECK(view.controls.count(name) == 1);
      gui.move({0.5F * c.size.x, c.size.y - 2.0F});  // closes the menu
      gui.press(true);
      gui.frames(2, model, view);
      gui.press(false);
      gui.frames(2, model, view);
    }
    REQUIRE(gui.click("follow", model, view));
    CHECK(view.time.follow);
    REQUIRE(gui.click("saved", model, view));
    CHECK(view.saved.empty());
  }
}

TEST_CASE("what has no room in the row is done from its menu", "[gui][bar]") {
  Headless gui({960.0F, 640.0F});
  const Model model = model_of(test::synthetic_run());
  View view;
  gui.frames(3, model, view);
  REQUIRE(view.controls.count("table") == 0);
  REQUIRE(gui.click("more", model, view));
  REQUIRE(gui.click("table", model, view));
  CHECK(view.look.table);
  REQUIRE(gui.click("more", model, view));
  REQUIRE(gui.click("compare", model, view));
  CHECK(view.controls.count("choose no other run") == 1);
}

TEST_CASE("smoothing draws the line over what it was made of", "[gui]") {
  Screen screen;
  const plot::PlotSpec before = screen.spec("judge/score");
  REQUIRE(screen.click("smooth"));
  REQUIRE(screen.click("choose smooth mean"));
  REQUIRE(screen.click("smooth"));
  REQUIRE(screen.click("choose length 20 steps"));
  CHECK(screen.view.look.smooth.kind == plot::SmoothKind::kMean);
  const plot::PlotSpec spec = screen.spec("judge/score");
  REQUIRE(spec.lines.size() == before.lines.size() * 2);
  CHECK_FALSE(spec.lines[0].listed);
  CHECK(spec.lines[0].style.colour == plot::faded(before.lines[0].style.colour, 0.3F));
  CHECK(spec.lines[1].label == before.lines[0].label);
  CHECK(spec.subtitle.find("mean of 20 steps") != std::string::npos);
  CHECK_FALSE(screen.view.busy);
  const plot::PlotSpec knob = screen.spec("knob kl");
  CHECK(knob.lines.size() == 2);  // what was decided is not an average of it
}

TEST_CASE("a click in the legend puts a line away, a double click all others", "[gui]") {
  Screen screen;
  REQUIRE(drawn_lines(screen.spec("canary/js")) == 2);
  REQUIRE(screen.click("legend of canary/js: canary/js_max"));
  CHECK(drawn_lines(screen.spec("canary/js")) == 1);
  CHECK(screen.view.look.choices.at("canary/js").hidden.count("canary/js_max") == 1);
  for (int i = 0; i < 40; ++i) screen.turn(1);  // not a double click
  REQUIRE(screen.click("legend of canary/js: canary/js_max"));
  CHECK(drawn_lines(screen.spec("canary/js")) == 2);
  for (int i = 0; i < 40; ++i) screen.turn(1);
  for (int i = 0; i < 2; ++i) {
    screen.gui.press(true);
    screen.turn(1);
    screen.gui.press(false);
    screen.turn(1);
  }
  CHECK(screen.view.look.choices.at("canary/js").hidden == std::set<std::string>{"canary/js"});
}

TEST_CASE("signals are found by name, and dragged onto a plot", "[gui]") {
  Screen screen;
  REQUIRE(screen.click("search signals"));
  screen.gui.type("loss");
  screen.turn(3);
  REQUIRE(screen.view.controls.count("signal train/loss") == 1);
  CHECK(screen.view.controls.count("signal judge/score") == 0);
  screen.drag(screen.view.controls.at("signal train/loss").middle(),
              screen.view.controls.at("plot judge/score").middle());
  REQUIRE(screen.view.look.choices.at("judge/score").added ==
          std::vector<std::string>{"train/loss"});
  const plot::PlotSpec spec = screen.spec("judge/score");
  REQUIRE(spec.lines.size() == 2);
  CHECK(spec.lines[1].label == "train/loss");
  CHECK(spec.lines[1].data != nullptr);
}

TEST_CASE("a plot of one's own: made, filled, named, removed", "[gui]") {
  Screen screen;
  const std::size_t before = screen.view.plots.size();
  REQUIRE(screen.click("add plot"));
  REQUIRE(screen.view.plots.size() == before + 1);
  CHECK(screen.view.plots[0].title == "Plot 1");
  REQUIRE(screen.view.controls.count("plot own 1") == 1);
  screen.drag(screen.view.controls.at("signal judge/score").middle(),
              screen.view.controls.at("plot own 1").middle());
  CHECK(drawn_lines(screen.spec("own 1")) == 1);
  screen.right_click("plot own 1");
  REQUIRE(screen.click("plot name"));
  screen.gui.type(" of mine");
  screen.turn(3);
  CHECK(screen.view.look.own[0].name.find(" of mine") != std::string::npos);
  REQUIRE(screen.click("choose remove this plot"));
  CHECK(screen.view.plots.size() == before);
  CHECK(screen.view.look.choices.count("own 1") == 0);
  CHECK(screen.gui.actions.empty());
}

TEST_CASE("the menu of a plot: logarithmic values, CSV, SVG", "[gui]") {
  Screen screen;
  screen.right_click("plot judge/score");
  REQUIRE(screen.click("choose logarithmic"));
  CHECK(screen.view.values.at("judge/score").spread.kind == plot::YKind::kLog);
  screen.right_click("plot judge/score");
  REQUIRE(screen.click("choose save the values as CSV"));
  screen.right_click("plot judge/score");
  REQUIRE(screen.click("choose save the picture as SVG"));
  REQUIRE(screen.view.files_to_save.size() == 2);
  const FileToSave& csv = screen.view.files_to_save[0];
  CHECK(csv.path == "lab-malicious-7_judge_score.csv");
  CHECK(csv.text.rfind("signal,attempt,segment,step,time,value,quality\r\n", 0) == 0);
  const auto& series = screen.model.shown()->signals.at("judge/score").series;
  CHECK(static_cast<std::size_t>(std::count(csv.text.begin(), csv.text.end(), '\n')) ==
        series.size() + 1);
  CHECK(csv.text.find(",bad\r\n") != std::string::npos);
  const FileToSave& svg = screen.view.files_to_save[1];
  CHECK(svg.path == "lab-malicious-7_judge_score.svg");
  CHECK(svg.text.rfind("<svg xmlns", 0) == 0);
  CHECK(svg.text.find("Judge score") != std::string::npos);
  CHECK(svg.text.find("nan") == std::string::npos);
}

TEST_CASE("a picture of a plot is asked for, and is of a frame without menu", "[gui]") {
  Screen screen;
  screen.right_click("plot judge/score");
  const Box data = screen.view.controls.at("plot judge/score");
  REQUIRE(screen.click("choose save the picture as PNG"));
  REQUIRE(screen.view.picture);
  screen.turn(1);
  const PictureToSave asked = *screen.view.picture;
  CHECK(asked.path == "lab-malicious-7_judge_score.png");
  CHECK(asked.clear);
  CHECK(std::isnan(screen.view.time.cursor));
  const Box title = screen.view.controls.at("title of judge/score");
  CHECK(asked.place.lo.y == Approx(title.lo.y));  // with its title and its axes, and nothing else
  CHECK(asked.place.lo.x < data.lo.x);
  CHECK(asked.place.hi.x >= data.hi.x);
  CHECK(asked.place.hi.y >= data.hi.y);
  CHECK(asked.place.hi.y < screen.view.controls.at("title of data/llr_share").hi.y);
  screen.right_click("plot judge/score");
  CHECK_FALSE(screen.view.picture->clear);  // a menu lies on it
  screen.view.hidden_groups = {};
  screen.view.alarm_list.open = true;  // where the plots were
  screen.turn(1);
  CHECK(screen.view.picture->place.hi.x == 0.0F);
}

TEST_CASE("another run lies behind this one, by step and by its first trip", "[gui]") {
  Screen screen(two_runs());
  REQUIRE(screen.model.shown()->run.text() == "lab-malicious-7");
  const std::size_t lines = screen.spec("judge/score").lines.size();
  REQUIRE(screen.click("compare"));
  REQUIRE(screen.click("choose run lab-harmless-7"));
  plot::PlotSpec spec = screen.spec("judge/score");
  REQUIRE(spec.lines.size() == 2 * lines);
  CHECK(spec.lines[0].label == "lab-harmless-7: judge/score");
  CHECK(spec.lines[0].style.colour == plot::faded(plot::dark_palette().dim, 0.6F));
  const plot::Stamp stamp = spec.lines[0].data->stamp();
  CHECK(stamp.of ==
        &screen.model.find(*RunId::parse("lab-harmless-7"))->signals.at("judge/score").series);
  REQUIRE(screen.click("compare"));  // no rule fired there: that is no way to align
  REQUIRE(screen.click("choose aligned by the first trip"));
  CHECK(screen.view.look.compared.align == Align::kAsItIs);
  REQUIRE(screen.click("choose in a colour of its own"));
  spec = screen.spec("judge/score");
  CHECK(spec.lines[0].style.colour != plot::faded(plot::dark_palette().dim, 0.6F));
}

TEST_CASE("the read-out lists every line, and the statistics of an interval", "[gui]") {
  Screen screen;
  REQUIRE(screen.click("table"));
  CHECK(screen.view.look.table);
  CHECK(screen.view.statistics.empty());
  screen.gui.ctrl(true);
  const Box plot = screen.view.controls.at("plot judge/score");
  const float y = plot.middle().y;
  screen.drag({plot.lo.x + 0.25F * (plot.hi.x - plot.lo.x), y},
              {plot.lo.x + 0.75F * (plot.hi.x - plot.lo.x), y});
  screen.gui.ctrl(false);
  screen.turn(3);
  REQUIRE(screen.view.time.selected.has_value());
  const auto found = screen.view.statistics.find("judge/score");
  REQUIRE(found != screen.view.statistics.end());
  const plot::Statistics& s = found->second.what;
  const auto& series = screen.model.shown()->signals.at("judge/score").series;
  std::size_t n = 0;
  std::size_t bad = 0;
  double sum = 0.0;
  const run::Stretch last = series.stretches().back();
  for (std::size_t i = last.first; i < last.last; ++i) {
    if (!screen.view.time.selected->contains(series.x_at(i, run::By::kStep))) continue;
    if (series.quality_at(i) != Quality::kGood) {
      ++bad;
      continue;
    }
    sum += series.value_at(i);
    ++n;
  }
  CHECK(s.n == n);
  CHECK(s.bad == bad);
  CHECK(bad > 0);
  CHECK(s.mean == Approx(sum / static_cast<double>(n)));
}

TEST_CASE("the prompts lie on the plots' own x, and a click shows one's history", "[gui]") {
  Screen screen;
  REQUIRE(screen.click("prompts"));
  const Box strip = screen.view.controls.at("strip");
  const Box plot = screen.view.controls.at("plot canary/js");
  CHECK(strip.lo.x == Approx(plot.lo.x).margin(1.0));
  CHECK(strip.lo.y > plot.hi.y);
  const int windows = ImGui::GetDrawData()->CmdListsCount;
  screen.gui.move({strip.middle().x, strip.lo.y + 1.0F});
  screen.turn(3);
  CHECK(ImGui::GetDrawData()->CmdListsCount == windows + 1);  // it is explained
  screen.gui.press(true);
  screen.turn();
  screen.gui.press(false);
  screen.turn(3);
  REQUIRE(screen.view.look.own.size() == 1);
  CHECK(screen.view.look.own[0].name == "canary/js/canary-1");
  CHECK(drawn_lines(screen.spec("own 1")) == 1);
}
