#include "monitor/dashboard/panels/panels.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <variant>

#include "monitor/dashboard/panels/plots/plots.h"
#include "tests/dashboard/headless.h"
#include "tests/dashboard/synthetic_run.h"
#include "tests/support/catch.h"
#include "tests/support/hostile.h"
#include "tests/support/phases.h"
#include "tests/support/words.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;
using test::Headless;

namespace {

Now at(double seconds) {
  return {1.76e9 + seconds, Nanos{static_cast<std::int64_t>(seconds * 1e9)}};
}

Model model_of(bool live, bool connected, test::RunOptions options = {}) {
  Model model("ann", "s");
  SourceState state;
  state.live = live;
  state.connected = connected;
  state.loading = false;
  state.place = "test";
  if (live) options.ends = false;
  model.apply({state, test::synthetic_run(options)}, at(0));
  return model;
}

SourceState recording() {
  SourceState state;
  state.loading = false;
  return state;
}

int commands_in(const std::vector<Action>& actions) {
  int n = 0;
  for (const Action& a : actions) {
    n += std::holds_alternative<ForceKnob>(a) || std::holds_alternative<ReleaseKnob>(a) ? 1 : 0;
  }
  return n;
}

}  // namespace

TEST_CASE("what is drawn is printable, and is measured as it is drawn", "[gui][hostile]") {
  const Model model = model_of(false, false);
  View view;
  Headless gui;
  gui.frames(1, model, view);
  const float wide = plot::text_size(test::kHostileName).x;
  CHECK(wide == ImGui::CalcTextSize(test::kHostileShown).x);
  CHECK(plot::elided(test::kHostileName, 2.0F * wide) == test::kHostileShown);
  const std::string cut = plot::elided(test::kHostileName, 0.5F * wide);
  CHECK(test::came_through(cut).empty());
  CHECK(std::string(test::kHostileShown).rfind(cut.substr(0, cut.size() - 3), 0) == 0);
  CHECK(plot::text_size(cut).x <= 0.5F * wide);
}

TEST_CASE("the panels draw lines, shading and alarms", "[gui]") {
  const Model model = model_of(false, false);
  View view;
  Headless gui;
  gui.frames(3, model, view);
  const plot::Palette& p = plot::dark_palette();
  CHECK(Headless::vertices_of(p.series[0]) > 1000);
  CHECK(Headless::vertices_of(p.kl_shade) >= std::size_t{4} * 6);  // every plot
  CHECK(Headless::vertices_of(p.high) > 10);
  for (const char* plot : {"canary/js", "canary/margin", "judge/score", "data/llr_share",
                           "probe/risk", "train/loss", "knob kl"}) {
    INFO(plot);
    CHECK(view.controls.count(std::string("plot ") + plot) == 1);
  }
  CHECK(gui.actions.empty());
}

TEST_CASE("a quiet run shows no alarm colour", "[gui]") {
  test::RunOptions harmless;
  harmless.fires = false;
  const Model model = model_of(false, false, harmless);
  View view;
  Headless gui;
  gui.frames(3, model, view);
  const plot::Palette& p = plot::dark_palette();
  CHECK(Headless::vertices_of(p.critical) == 0);
  CHECK(Headless::vertices_of(p.high) == 0);
  CHECK(Headless::vertices_of(p.medium) == 0);
  CHECK(Headless::vertices_of(p.override_) == 0);
  CHECK(Headless::vertices_of(p.kl_shade) == 0);
}

TEST_CASE("forcing takes a dialog and one click on Apply, and sends one command", "[gui]") {
  test::RunOptions harmless;
  harmless.fires = false;
  const Model model = model_of(true, true, harmless);
  View view;
  Headless gui;
  gui.frames(2, model, view);
  REQUIRE(gui.click("Force kl...", model, view));
  CHECK(commands_in(gui.actions) == 0);  // opening it sends nothing
  REQUIRE(view.controls.count("Apply") == 1);

  REQUIRE(gui.click("Cancel", model, view));
  CHECK(commands_in(gui.actions) == 0);
  CHECK(view.controls.count("Apply") == 0);

  REQUIRE(gui.click("Force kl...", model, view));
  REQUIRE(gui.click("reason", model, view));
  gui.type("odd answers");
  gui.frames(2, model, view);
  REQUIRE(gui.click("Apply", model, view));
  REQUIRE(commands_in(gui.actions) == 1);
  const auto& force = std::get<ForceKnob>(gui.actions.back());
  CHECK(force.value == 2.0);
  CHECK(force.reason == "odd answers");
  CHECK(force.expires_after_steps == 0);
  CHECK(view.controls.count("Apply") == 0);
  gui.frames(10, model, view);
  CHECK(commands_in(gui.actions) == 1);
}

TEST_CASE("with the link down the button is dead", "[gui]") {
  for (const bool live : {true, false}) {
    const Model model = model_of(live, false);
    View view;
    Headless gui;
    gui.frames(2, model, view);
    REQUIRE(gui.click("Force kl...", model, view));
    CHECK(view.controls.count("Apply") == 0);
    CHECK(commands_in(gui.actions) == 0);
  }
}

TEST_CASE("release is offered only while an override holds", "[gui]") {
  const Model model = model_of(true, true);
  View view;
  Headless gui;
  gui.frames(2, model, view);
  REQUIRE(gui.click("Release kl...", model, view));
  CHECK(view.controls.count("Hold to release") == 0);
  CHECK(commands_in(gui.actions) == 0);
}

TEST_CASE("releasing needs a reason", "[gui]") {
  Model model = model_of(true, true);
  wire::Status status;
  status.link = wire::LinkState::kActive;
  status.override_.active = true;
  status.override_.knob = "kl";
  wire::Message m;
  m.header.run = model.shown()->run;
  m.header.t = model.shown()->t;
  m.body = status;
  model.apply({model.source(), {m}}, at(0.1));
  View view;
  Headless gui;
  gui.frames(2, model, view);
  REQUIRE(gui.click("Release kl...", model, view));
  REQUIRE(gui.hold("Hold to release", 3.0, model, view));
  CHECK(commands_in(gui.actions) == 0);
  REQUIRE(gui.click("reason", model, view));
  gui.type("calm again");
  gui.frames(2, model, view);
  REQUIRE(gui.click("Hold to release", model, view));
  CHECK(commands_in(gui.actions) == 0);  // a click is not enough
  REQUIRE(gui.hold("Hold to release", kHoldS, model, view));
  REQUIRE(commands_in(gui.actions) == 1);
  CHECK(std::get<ReleaseKnob>(gui.actions.back()).reason == "calm again");
}

TEST_CASE("the wheel zooms every plot about the cursor, a double click fits again", "[gui]") {
  const Model model = model_of(false, false);
  View view;
  Headless gui;
  gui.frames(2, model, view);
  const double before = view.time.view.span();
  gui.move(view.controls.at("plot judge/score").middle());
  gui.frames(2, model, view);
  const double cursor = view.time.cursor;
  gui.wheel(3.0F);
  gui.frame(model, view);
  gui.frame(model, view);
  CHECK(view.time.view.span() < 0.7 * before);
  CHECK_FALSE(view.time.follow);
  CHECK(view.time.cursor == Approx(cursor).margin(0.5));
  CHECK(view.time.view.contains(cursor));

  const double lo = view.time.view.lo;
  gui.press(true);  // drag to the right: earlier steps come into sight
  gui.frame(model, view);
  const ImVec2 from = view.controls.at("plot judge/score").middle();
  for (int i = 1; i <= 6; ++i) {
    gui.move({from.x + 20.0F * static_cast<float>(i), from.y});
    gui.frame(model, view);
  }
  gui.press(false);
  gui.frames(2, model, view);
  CHECK(view.time.view.lo < lo - 1.0);

  for (int i = 0; i < 2; ++i) {
    gui.press(true);
    gui.frame(model, view);
    gui.press(false);
    gui.frame(model, view);
  }
  gui.frames(2, model, view);
  CHECK(view.time.follow);
  CHECK(view.time.view.span() == Approx(before));
  CHECK(gui.actions.empty());
}

TEST_CASE("a trainer of somebody's own has full plots of its own signals", "[gui]") {
  test::RunOptions own;
  own.own_trainer = true;
  own.name = "own-trainer";
  for (const ImVec2 size : {ImVec2{1600.0F, 1000.0F}, ImVec2{1280.0F, 720.0F}}) {
    const Model model = model_of(false, false, own);
    View view;
    Headless gui(size);
    gui.frames(3, model, view);
    const Box loss = view.controls.at("plot train/loss");
    const Box mine = view.controls.at("plot mine/score");
    CHECK(mine.lo.y > loss.hi.y);  // what is watched comes first, each over the whole width
    CHECK(mine.lo.x == loss.lo.x);
    CHECK(mine.hi.y - mine.lo.y > 3.0F * 13.0F);
    CHECK(view.controls.at("plot train/accuracy").lo.y > mine.hi.y);
    CHECK(view.controls.count("plot knob lr_scale") == 1);
    CHECK(view.controls.count("group mine") == 1);
    CHECK(Headless::vertices_of(plot::dark_palette().series[0]) > 1000);

    Sheet sheet(model, view);
    const plot::PlotSpec spec = spec_of(view.plots[1], sheet);
    CHECK(spec.title == "mine/score");
    CHECK(spec.subtitle == "points");
    CHECK(spec.min == 0.0);
    CHECK(spec.max == 10.0);
    REQUIRE(spec.thresholds.size() == 1);
    CHECK(spec.thresholds[0].label == "too_good > 6.5");
    CHECK(spec.help.find("watched by too_good: level > 6.5 points, 3 in a row") !=
          std::string::npos);
    const plot::PlotSpec known = spec_of(view.plots[0], sheet);
    CHECK(known.title == "Training loss");
    CHECK(known.subtitle == "train/loss, nats");
    CHECK(known.thresholds.size() == 1);  // the slope has a scale of its own, and is only named
    CHECK(known.help.find("climbs: rate") != std::string::npos);
    CHECK(known.help.find("What the optimiser minimises") != std::string::npos);
    CHECK(view.values.at("mine/score").view.hi > 10.0);  // all of the declared range
    CHECK(view.values.at("mine/score").view.hi < 11.0);
    CHECK(view.values.at("train/loss").view.hi < 6.0);  // which would flatten this one
  }
}

TEST_CASE("a group that is put away says so, and comes back where it can be seen", "[gui]") {
  const Model model = model_of(false, false);
  View view;
  Headless gui({1280.0F, 790.0F});
  gui.frames(3, model, view);
  const std::size_t before = view.plots_in_sight;
  CHECK(view.controls.count("plot train/loss") == 0);  // below what is in sight
  CHECK(before < view.plots.size());
  const float narrow = view.controls.at("group data").hi.x - view.controls.at("group data").lo.x;

  for (const char* group : {"group canary", "group data", "group probe", "group drift"}) {
    REQUIRE(gui.click(group, model, view));
  }
  CHECK(view.hidden_groups.size() == 4);
  const Box chip = view.controls.at("group data");
  CHECK(chip.hi.x - chip.lo.x > narrow + 2.0F * 13.0F);  // it says "hidden"
  CHECK(view.controls.count("plot train/loss") == 1);
  CHECK(view.controls.count("plot canary/js") == 1);  // what is watched cannot be put away
  CHECK(gui.actions.empty());

  for (const char* group : {"group canary", "group data", "group probe", "group drift"}) {
    REQUIRE(gui.click(group, model, view));
  }
  CHECK(view.hidden_groups.empty());
  CHECK(view.controls.count("plot drift/persona") == 1);  // the last one shown is in sight
  CHECK(view.controls.count("plot canary/js") == 0);
}

TEST_CASE("groups of plots that have no room in their rows are in a menu", "[gui]") {
  auto messages = test::synthetic_run();
  for (wire::Message& message : messages) {
    auto* hello = std::get_if<wire::Hello>(&message.body);
    if (hello == nullptr) continue;
    for (int i = 10; i < 40; ++i) {
      hello->signals.emplace_back().name = "group_" + std::to_string(i) + "/value";
    }
  }
  Model model("ann", "s");
  model.apply({recording(), messages}, at(0));
  View view;
  Headless gui({1280.0F, 790.0F});
  gui.frames(3, model, view);
  REQUIRE(view.controls.count("more groups") == 1);
  CHECK(view.controls.count("group group_10") == 1);
  CHECK(view.controls.count("group group_39") == 0);
  const Box more = view.controls.at("more groups");
  for (const auto& [label, box] : view.controls) {
    if (label.rfind("group ", 0) != 0) continue;
    CAPTURE(label);
    CHECK((box.hi.x <= more.lo.x || box.hi.y <= more.lo.y));
  }

  CHECK(view.controls.count("choose group group_39") == 0);
  REQUIRE(gui.click("more groups", model, view));
  CHECK(view.controls.count("choose group group_10") == 0);  // it has a chip
  REQUIRE(gui.click("choose group group_39", model, view));
  CHECK(view.hidden_groups == std::set<std::string>{"group_39"});
  CHECK(view.controls.count("choose group group_39") == 0);  // the menu has closed
  REQUIRE(gui.click("more groups", model, view));
  REQUIRE(gui.click("choose group group_39", model, view));
  CHECK(view.hidden_groups.empty());
  CHECK(view.controls.count("plot group_39/value") == 1);  // what was asked for is in sight
  CHECK(gui.actions.empty());
}

TEST_CASE("the wheel over a title scrolls, over data it zooms", "[gui]") {
  const Model model = model_of(false, false);
  View view;
  Headless gui({1280.0F, 720.0F});
  gui.frames(3, model, view);
  const float top = view.controls.at("plot judge/score").lo.y;
  gui.move(view.controls.at("title of canary/margin").middle());
  gui.frames(2, model, view);
  gui.wheel(-1.0F);
  gui.frame(model, view);
  gui.wheel(0.0F);
  gui.frames(2, model, view);
  CHECK(view.controls.at("plot judge/score").lo.y < top - 10.0F);
  CHECK(view.time.follow);

  const float scrolled = view.controls.at("plot judge/score").lo.y;
  gui.move(view.controls.at("plot judge/score").middle());
  gui.frames(2, model, view);
  gui.wheel(1.0F);
  gui.frame(model, view);
  gui.wheel(0.0F);
  gui.frames(2, model, view);
  CHECK(view.controls.at("plot judge/score").lo.y == scrolled);
  CHECK_FALSE(view.time.follow);
  CHECK(view.values.size() > 3);
}

TEST_CASE("the mouse on a title explains the plot", "[gui]") {
  const Model model = model_of(false, false);
  View view;
  Headless gui;
  gui.frames(3, model, view);
  const int windows = ImGui::GetDrawData()->CmdListsCount;
  gui.move(view.controls.at("title of canary/margin").middle());
  gui.frames(3, model, view);
  CHECK(ImGui::GetDrawData()->CmdListsCount == windows + 1);
  gui.move({1.0F, 999.0F});
  gui.frames(3, model, view);
  CHECK(ImGui::GetDrawData()->CmdListsCount == windows);
}

TEST_CASE("the heat strip goes through the signals that run over canaries", "[gui]") {
  const Model model = model_of(false, false);
  View view;
  Headless gui;
  gui.frames(3, model, view);
  CHECK(view.strip.empty());  // the first: canary/js
  for (const char* signal : {"canary/margin", "probe/risk", "canary/js"}) {
    REQUIRE(gui.click("next strip", model, view));
    CHECK(view.strip == signal);
  }
  test::RunOptions own;
  own.own_trainer = true;
  gui.frames(3, model_of(false, false, own), view);
  CHECK(view.controls.count("next strip") == 0);
}

TEST_CASE("more groups than a row holds, names of any kind", "[gui][hostile]") {
  auto messages = test::synthetic_run();
  auto& hello = std::get<wire::Hello>(messages.front().body);
  for (int i = 0; i < 60; ++i) {
    hello.signals.emplace_back();
    hello.signals.back().name =
        std::string(static_cast<std::size_t>(i) + 1, 'g') + "%s##\n/" + std::to_string(i);
    hello.signals.back().unit = "%n";
    hello.signals.back().min = i % 2 == 0 ? -1e308 : 0.0;
    hello.signals.back().max = i % 2 == 0 ? 1e308 : 0.0;
  }
  Model model("ann", "s");
  model.apply({recording(), messages}, at(0));
  for (const ImVec2 size : {ImVec2{640.0F, 400.0F}, ImVec2{1600.0F, 1000.0F}}) {
    View view;
    Headless gui(size);
    gui.frames(3, model, view);
    CHECK(view.plots.size() > 70);
    CHECK(view.plots_in_sight < view.plots.size());
  }
}

TEST_CASE("each state of a rule is another picture", "[gui]") {
  std::map<std::string, std::string> picture_of;  // by picture: the state
  for (const test::RuleInState& one : test::rules_in_every_state()) {
    INFO(one.text);
    Model model = model_of(true, true);
    wire::Message message;
    message.header = {wire::kProtocolVersion, model.shown()->run, Seq{0}, Step{213}, 0.0, 1, {}};
    wire::Status status;
    status.link = wire::LinkState::kActive;
    status.last_seq = model.shown()->last_seq;
    status.rules = {one.rule};
    status.rules[0].rule = "defend";
    message.body = status;
    model.apply({model.source(), {message}}, at(0));
    View view;
    Headless gui;
    gui.frames(3, model, view);
    const auto [known, fresh] = picture_of.emplace(Headless::picture(), one.text);
    INFO(known->second);
    CHECK(fresh);
    gui.frames(1, model, view);
    CHECK(picture_of.count(Headless::picture()) == 1);  // which does not change by itself
  }
}

TEST_CASE("a click on an event shows the evidence of its decision", "[gui]") {
  Model model = model_of(false, false);
  View view;
  Headless gui;
  gui.frames(3, model, view);
  REQUIRE(gui.click("event of decision 1", model, view));
  REQUIRE(gui.actions.size() == 1);
  CHECK(std::get<SelectDecision>(gui.actions[0]).id == 1);
  model.act(gui.actions[0], at(1));
  gui.frames(3, model, view);
  REQUIRE(view.controls.count("Close") == 1);
  REQUIRE(gui.click("Close", model, view));
  CHECK(std::get<SelectDecision>(gui.actions.back()).id == 0);
}

TEST_CASE("hostile texts are shown, not obeyed", "[gui][hostile]") {
  auto messages = test::synthetic_run();
  const std::string evil = "%n%s%x\x1b[31m##\n" + std::string(65000, 'A') + "\xff\xfe";
  for (wire::Message& m : messages) {
    if (auto* decision = std::get_if<wire::Decision>(&m.body)) {
      decision->summary = evil;
      for (auto& d : decision->detectors) d.detector = evil;
      for (auto& r : decision->rules) r.rule = evil;
      for (auto& a : decision->alerts) a.text = evil, a.source = {wire::AlertKind::kRule, evil};
    }
    if (auto* hello = std::get_if<wire::Hello>(&m.body)) {
      hello->label = wire::Word<wire::Label>::from(evil);
      for (auto& id : hello->canary_ids) id = evil;
      hello->signals[1].unit = evil;
    }
    if (auto* loaded = std::get_if<wire::PolicyLoaded>(&m.body)) loaded->name = evil;
  }
  Model model("ann", "s");
  model.apply({recording(), messages}, at(0));
  model.act(SelectDecision{1}, at(0));
  View view;
  Headless gui;
  gui.frames(3, model, view);
  CHECK(Headless::vertices_of(plot::dark_palette().series[0]) > 1000);
}

TEST_CASE("small windows, no data and a second theme do not break the layout", "[gui]") {
  for (const ImVec2 size : {ImVec2{640.0F, 400.0F}, ImVec2{3840.0F, 2160.0F}}) {
    Headless gui(size);
    View view;
    view.theme = plot::Theme::kLight;
    apply_style(view.theme, 13.0F);
    gui.frames(3, Model("ann", "s"), view);
    gui.frames(3, model_of(false, false), view);
    CHECK(view.controls.count("Force kl...") == 1);
  }
}
