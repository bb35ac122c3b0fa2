// Forces everything that protects the shown run. It shows the numbers and asks for a confirmation
// and nothing else.
#include <algorithm>

#include "monitor/dashboard/model/control/panic.h"
#include "monitor/dashboard/panels/dialog.h"
#include "monitor/dashboard/panels/panels.h"

namespace phaseguard::dashboard {
namespace {

constexpr const char* kTitle = "Force everything that protects###panic";
constexpr double kChordS = 3.0;

}  // namespace

void open_panic(const Model& model, View& view) {
  view.form = {};
  view.form.open = Dialog::kPanic;
  view.form.panic = panic_plan(model);
}

void draw_panic(const Model& model, View& view, std::vector<Action>& actions) {
  if (!begin_dialog(view, Dialog::kPanic, kTitle)) return;
  const PanicPlan& plan = view.form.panic;
  say_subject(model, view, "all knobs", plan.run, plan.step, plan.version);
  for (const PanicKnob& planned : plan.knobs) {
    const std::string text = text_of(planned);
    if (planned.obstacle.empty()) {
      say_wrapped(text);
    } else {
      say_quietly(view, text);
    }
    note_item(view, "panic " + text);
  }
  say_quietly(view,
              "The task is learned more slowly or not at all. Steps already trained are not "
              "undone. Release ends it, knob by knob.");
  const std::string obstacle = obstacle_to(model, plan);
  if (ask(view, Ask::kClick, "Force all", obstacle)) actions.emplace_back(order_of(plan));
  say_below(view, obstacle, !obstacle.empty());
  ImGui::EndPopup();
}

// Ctrl+Shift+F, then F within 3 s; any other letter, or a dialog that is open, ends it.
void watch_panic_keys(const Model& model, View& view) {
  const ImGuiIO& io = ImGui::GetIO();
  view.chord_s = std::max(0.0, view.chord_s - std::min(static_cast<double>(io.DeltaTime), kChordS));
  if (ImGui::IsPopupOpen("", ImGuiPopupFlags_AnyPopupId | ImGuiPopupFlags_AnyPopupLevel) ||
      io.WantTextInput) {
    view.chord_s = 0.0;
    return;
  }
  const bool both = io.KeyCtrl && io.KeyShift;
  if (both && is_letter_pressed('F')) {
    view.chord_s = kChordS;
    return;
  }
  if (view.chord_s <= 0.0 || io.KeyCtrl || io.KeyAlt || io.KeyShift) return;
  for (char letter = 'A'; letter <= 'Z'; ++letter) {
    if (!is_letter_pressed(letter)) continue;
    view.chord_s = 0.0;
    if (letter == 'F') open_panic(model, view);
    return;
  }
}

}  // namespace phaseguard::dashboard
