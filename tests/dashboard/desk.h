// The dashboard of a test without a window: before a plant, or before messages of the test's own.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "monitor/dashboard/model/describe.h"
#include "tests/dashboard/headless.h"
#include "tests/dashboard/plant.h"

namespace phaseguard::test {

// A dashboard before a plant: its model, its screen, and the operator's hand.
struct Desk {
  explicit Desk(Plant& of, ImVec2 size = {1600.0F, 1000.0F}) : plant(of), gui(size) {}

  // What has come is taken in, what was asked for is done and sent.
  void turn(int frames = 1) {
    for (int i = 0; i < frames; ++i) {
      model.apply(plant.take(), plant.now);
      gui.frame(model, view);
      settle();
    }
  }
  void settle() {
    for (const dashboard::Action& action : std::exchange(gui.actions, {}))
      model.act(action, plant.now);
    for (const wire::Message& message : model.take_outbox()) {
      sent.push_back(message);
      plant.command(message);
    }
  }
  bool click(const std::string& control) {
    const bool there = gui.click(control, model, view);
    settle();
    turn(2);
    return there;
  }
  bool hold(const std::string& control, double seconds = dashboard::kHoldS) {
    const bool there = gui.hold(control, seconds, model, view);
    settle();
    turn(2);
    return there;
  }
  // Into the open dialog's field.
  bool give_reason(const char* reason) {
    if (!click("reason")) return false;
    gui.type(reason);
    turn(2);
    return true;
  }
  [[nodiscard]] bool shows(const std::string& control) const {
    return view.controls.count(control) > 0;
  }
  // The one control whose label begins so; "": none.
  [[nodiscard]] std::string label(const std::string& begin) const {
    const auto found = view.controls.lower_bound(begin);
    return found != view.controls.end() && found->first.rfind(begin, 0) == 0 ? found->first : "";
  }
  [[nodiscard]] std::string run() const {
    return model.shown() == nullptr ? "" : model.shown()->run.text();
  }

  Plant& plant;
  dashboard::Model model{"ann", "s"};
  Headless gui;
  dashboard::View view;
  std::vector<wire::Message> sent;
};

}  // namespace phaseguard::test
