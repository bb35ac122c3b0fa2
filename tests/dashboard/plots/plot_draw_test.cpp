// What a plot puts on the screen, as vertices of ImGui's draw list.
#include <algorithm>
#include <cmath>
#include <random>

#include "monitor/dashboard/plot/plot.h"
#include "tests/dashboard/headless.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::plot;
using test::Headless;

namespace {

constexpr ImU32 kInk = IM_COL32(1, 2, 3, 255);  // of no palette
const ImVec2 kOrigin{100.0F, 50.0F};
const ImVec2 kSize{700.0F, 90.0F};

// One frame with nothing but this plot.
PlotEvents draw(const PlotSpec& spec, TimeAxis& time, ValueAxis& values) {
  ImGui::NewFrame();
  ImGui::SetNextWindowPos({0.0F, 0.0F});
  ImGui::SetNextWindowSize(ImGui::GetIO().DisplaySize);
  ImGui::Begin("plot", nullptr, ImGuiWindowFlags_NoDecoration);
  const PlotEvents events = draw_plot(spec, dark_palette(), time, values, kOrigin, kSize);
  ImGui::End();
  ImGui::Render();
  return events;
}

std::vector<ImDrawVert> vertices_of(ImU32 colour) {
  std::vector<ImDrawVert> out;
  const ImDrawData& data = *ImGui::GetDrawData();
  for (int i = 0; i < data.CmdListsCount; ++i) {
    for (const ImDrawVert& v : data.CmdLists[i]->VtxBuffer) {
      if (v.col == colour) out.push_back(v);
    }
  }
  return out;
}

PlotSpec spec_of(const Data& data) {
  PlotSpec spec;
  spec.id = spec.title = "x";
  spec.lines.push_back({&data, "x", {.colour = kInk, .thickness = 1.5F}});
  return spec;
}

// The boxes behind the words on the data.
std::vector<std::pair<ImVec2, ImVec2>> boxes_of_words() {
  std::vector<std::pair<ImVec2, ImVec2>> boxes;
  const auto corners = vertices_of(faded(dark_palette().plot, 0.75F));
  for (std::size_t i = 0; i + 3 < corners.size(); i += 4) {
    boxes.emplace_back(corners[i].pos, corners[i + 2].pos);
  }
  return boxes;
}

}  // namespace

TEST_CASE("one bad value in two hundred thousand is marked at every zoom", "[gui]") {
  constexpr int kBad = 123457;
  run::Series series;
  for (int i = 0; i < 200000; ++i) {
    series.append(Step{i}, i, 1.0 + 0.1 * std::sin(i), i == kBad ? Quality::kBad : Quality::kGood);
  }
  const SeriesData data(series);
  const PlotSpec spec = spec_of(data);
  Headless gui;
  for (const double span : {200000.0, 60000.0, 3000.0, 200.0, 10.0}) {
    TimeAxis time;
    ValueAxis values;
    time.begin_frame({kBad - 0.4 * span, kBad + 0.6 * span});
    values.automatic = false;  // the line itself stays away from the lower edge
    values.view = {0.0, 2.0};
    draw(spec, time, values);
    const auto [lo, hi] = data_area(kOrigin, kSize, false);
    const float px = lo.x + 0.4F * (hi.x - lo.x);
    const auto ink = vertices_of(kInk);
    const auto marks = std::count_if(ink.begin(), ink.end(), [&](const ImDrawVert& v) {
      return v.pos.y > hi.y - 12.0F && std::abs(v.pos.x - px) < 10.0F;
    });
    CAPTURE(span);
    CHECK(marks > 4);
    const auto elsewhere = std::count_if(ink.begin(), ink.end(), [&](const ImDrawVert& v) {
      return v.pos.y > hi.y - 12.0F && std::abs(v.pos.x - px) > 20.0F;
    });
    CHECK(elsewhere == 0);
  }
}

TEST_CASE("values of any size keep their labels in the gutter", "[gui][hostile]") {
  for (const double far : {3.4e38, 1.7e308, -1.7e308, 1e300, 0.000305, 1234567.25}) {
    run::Series series;
    for (int i = 0; i < 40; ++i) {
      series.append(Step{i}, i, far * (1.0 - 1e-3 * i), Quality::kGood);
    }
    const SeriesData data(series);
    Headless gui;
    TimeAxis time;
    ValueAxis values;
    time.begin_frame({0.0, 40.0});
    draw(spec_of(data), time, values);
    const ImDrawData& drawn = *ImGui::GetDrawData();
    float least = 1e9F;
    for (int i = 0; i < drawn.CmdListsCount; ++i) {
      for (const ImDrawVert& v : drawn.CmdLists[i]->VtxBuffer) {
        if (v.col == dark_palette().dim) least = std::min(least, v.pos.x);
      }
    }
    CAPTURE(far);
    CHECK(least >= kOrigin.x - 1.0F);
    CHECK(least < data_area(kOrigin, kSize, false).lo.x);
    CHECK(vertices_of(dark_palette().grid).size() >= 3 * 4);
  }
}

TEST_CASE("spikes are outside the axis, with an arrow each and a count", "[gui]") {
  run::Series series;
  for (int i = 0; i < 600; ++i) {
    series.append(Step{i}, i, i == 300 ? 1e300 : std::sin(0.1 * i), Quality::kGood);
  }
  const SeriesData data(series);
  Headless gui;
  TimeAxis time;
  ValueAxis values;
  time.begin_frame({0.0, 600.0});
  PlotSpec spec = spec_of(data);
  draw(spec, time, values);
  CHECK(values.view.hi < 2.0);
  CHECK(values.view.lo > -2.0);
  const std::size_t words = vertices_of(dark_palette().text).size();
  spec.robust = false;
  draw(spec, time, values);
  CHECK(values.view.hi > 1e300);
  CHECK(vertices_of(dark_palette().text).size() + 4 * 6 <= words);  // "1 above" is gone
}

TEST_CASE("a box drawn with the right button is zoomed into", "[gui]") {
  run::Series series;
  for (int i = 0; i < 600; ++i) series.append(Step{i}, i, 0.01 * i, Quality::kGood);
  const SeriesData data(series);
  const PlotSpec spec = spec_of(data);
  Headless gui;
  TimeAxis time;
  ValueAxis values;
  time.begin_frame({0.0, 600.0});
  draw(spec, time, values);  // with a font
  const auto [lo, hi] = data_area(kOrigin, kSize, false);
  const auto at = [&](float x, float y) {
    return ImVec2{lo.x + x * (hi.x - lo.x), lo.y + y * (hi.y - lo.y)};
  };
  const auto turn = [&] {
    time.begin_frame({0.0, 600.0});
    return draw(spec, time, values);
  };
  gui.move(at(0.25F, 0.2F));
  turn();
  turn();
  gui.press(true, 1);
  turn();
  gui.move(at(0.5F, 0.7F));
  turn();
  turn();
  gui.press(false, 1);
  CHECK_FALSE(turn().menu);
  turn();
  CHECK(time.view.lo == Approx(150.0).margin(2.0));
  CHECK(time.view.hi == Approx(300.0).margin(2.0));
  CHECK_FALSE(time.follow);
  CHECK_FALSE(values.automatic);
  CHECK(values.view.hi < 6.0);
  CHECK(values.view.lo > 1.0);
  CHECK(time.newer() == Approx(300.0).margin(2.0));

  gui.press(true, 1);  // a click that does not move asks for the menu
  turn();
  gui.press(false, 1);
  bool menu = turn().menu;
  menu = turn().menu || menu;
  CHECK(menu);
  CHECK(time.view.lo == Approx(150.0).margin(2.0));
}

TEST_CASE("an interval is selected with Ctrl, and nothing is zoomed by it", "[gui]") {
  run::Series series;
  for (int i = 0; i < 600; ++i) series.append(Step{i}, i, 0.01 * i, Quality::kGood);
  const SeriesData data(series);
  const PlotSpec spec = spec_of(data);
  Headless gui;
  TimeAxis time;
  ValueAxis values;
  time.begin_frame({0.0, 600.0});
  draw(spec, time, values);
  const auto [lo, hi] = data_area(kOrigin, kSize, false);
  const float y = 0.5F * (lo.y + hi.y);
  const auto turn = [&] {
    time.begin_frame({0.0, 600.0});
    draw(spec, time, values);
  };
  gui.move({lo.x + 0.5F * (hi.x - lo.x), y});
  gui.ctrl(true);
  turn();
  turn();
  gui.press(true);
  turn();
  gui.move({lo.x + 0.75F * (hi.x - lo.x), y});
  turn();
  turn();
  gui.press(false);
  turn();
  turn();
  REQUIRE(time.selected.has_value());
  CHECK(time.selected->lo == Approx(300.0).margin(2.0));
  CHECK(time.selected->hi == Approx(450.0).margin(2.0));
  CHECK(time.follow);
  CHECK(time.view.hi == 600.0);
  gui.press(true);  // and a click takes it away
  turn();
  gui.press(false);
  turn();
  turn();
  gui.ctrl(false);
  CHECK_FALSE(time.selected.has_value());
}

TEST_CASE("the newest end stays in sight while following the last so many", "[plot]") {
  TimeAxis time;
  time.last = 100.0;
  time.begin_frame({0.0, 500.0});
  CHECK(time.view.lo == 400.0);
  time.begin_frame({0.0, 650.0});
  CHECK(time.view.hi == 650.0);
  CHECK(time.view.lo == 550.0);
  CHECK(time.newer() == 0.0);
  time.follow = false;
  time.begin_frame({0.0, 754.0});
  CHECK(time.view.hi == 650.0);
  CHECK(time.newer() == 104.0);
  CHECK(distance_label(time.newer(), time.kind) == "104 steps");
}

TEST_CASE("words on the data do not cover each other, whatever stands there", "[gui][property]") {
  run::Series series;
  for (int i = 0; i < 600; ++i) {
    series.append(Step{i}, i, i == 300 ? 1e300 : 0.5 + 0.4 * std::sin(0.1 * i), Quality::kGood);
  }
  const SeriesData data(series);
  std::mt19937 random(14);
  const auto x = [&] { return static_cast<double>(random() % 600); };
  Headless gui;
  std::size_t seen = 0;
  for (int round = 0; round < 150; ++round) {
    Backdrop backdrop;
    PlotSpec spec = spec_of(data);
    spec.backdrop = &backdrop;
    spec.marker_texts = true;
    for (auto n = random() % 6; n > 0; --n) {
      backdrop.markers.push_back({x(), Shape::kDiamond, kInk, "force " + std::to_string(n), 1});
    }
    for (auto n = random() % 4; n > 0; --n) {
      spec.thresholds.push_back({0.004 * x() - 0.5, "judge > 0." + std::to_string(n)});
    }
    for (auto n = random() % 3; n > 0; --n) {
      const double from = x();
      backdrop.shades.push_back({from, from + x(), "on by hand", kInk});
    }
    TimeAxis time;
    ValueAxis values;
    time.begin_frame({0.0, 600.0});
    draw(spec, time, values);
    const auto boxes = boxes_of_words();
    const auto [lo, hi] = data_area(kOrigin, kSize, false);
    CAPTURE(round, boxes.size());
    REQUIRE(!boxes.empty());  // at the least how many values are outside
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      const auto& [from, to] = boxes[i];
      REQUIRE(from.x >= lo.x);
      REQUIRE(to.x <= hi.x);
      REQUIRE(from.y >= lo.y);
      REQUIRE(to.y <= hi.y);
      for (std::size_t j = 0; j < i; ++j) {
        const auto& [other, end] = boxes[j];
        REQUIRE((to.x <= other.x || end.x <= from.x || to.y <= other.y || end.y <= from.y));
      }
    }
    seen += boxes.size();
  }
  CHECK(seen > 600);
}
