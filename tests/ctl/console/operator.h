// A person at the console of a plant, without a terminal.
#pragma once

#include <algorithm>
#include <string>

#include "monitor/ctl/console/screen.h"
#include "monitor/ctl/console/spark.h"
#include "tests/dashboard/plant.h"
#include "tests/support/catch.h"

namespace phaseguard::test {

inline bool says(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

struct Operator {
  explicit Operator(Plant& plant) : plant(plant) {}

  // What has come, and what was sent, as often as it takes to be answered.
  void turn() {
    for (int i = 0; i < 3; ++i) {
      model.apply(plant.take(), plant.now);
      for (const wire::Message& command : model.take_outbox()) {
        sent.push_back(command);
        plant.command(command);
      }
    }
    model.tick(plant.now);
    console.tick(model, plant.now);
  }

  void press(const std::string& text, console::KeyKind kind = console::KeyKind::kText) {
    for (const dashboard::Action& action : console.press({kind, text}, model, plant.now)) {
      model.act(action, plant.now);
    }
  }
  void type(const std::string& text) {
    for (const char c : text) press(std::string(1, c));
  }
  void enter() { press("", console::KeyKind::kEnter); }

  [[nodiscard]] std::string picture(console::Size size) const {
    std::string out;
    const console::Theme theme{console::Colours::kNone, true};
    for (const console::Row& row : screen(model, console, size, theme)) out += row.plain() + "\n";
    return out;
  }

  Plant& plant;
  dashboard::Model model{"ann", "console-test"};
  console::Console console;
  std::vector<wire::Message> sent;
};

}  // namespace phaseguard::test
