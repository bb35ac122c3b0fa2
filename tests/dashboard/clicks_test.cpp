// Random clicks and keys over several live runs whose data come by turns: each command goes to the
// run that its dialog named when the button was pressed, and nothing else changes the shown run.
#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "tests/dashboard/desk.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;
using test::Desk;
using test::Plant;

namespace {

constexpr int kRounds = 40;
constexpr int kClicksOfARound = 250;

struct Counts {
  int clicks = 0;
  int commands = 0;
  int held = 0;    // of them by a button that was held
  int panics = 0;  // of them of the panic dialog
  int choices = 0;
};

// What the operator read and hit at the moment of the press.
struct Press {
  std::string about;                // the dialog's subject
  std::vector<std::string> labels;  // controls under the mouse
  double frames_s = 0.0;            // how long it lasts
};

class Fumbler {
 public:
  Fumbler(std::uint64_t seed, int runs, Counts& counts) : dice_(seed), counts_(counts) {
    for (int i = 0; i < runs; ++i) names_.push_back("run-" + std::to_string(i));
    const std::size_t first = 1 + pick(names_.size());
    while (begun_.size() < first) begin();
    live(2);
  }

  void round() {
    for (int i = 0; i < kClicksOfARound; ++i) {
      happen();
      if (chance(10)) {
        key();
      } else {
        click();
      }
      ++counts_.clicks;
    }
  }

 private:
  std::size_t pick(std::size_t n) { return static_cast<std::size_t>(dice_() % n); }
  bool chance(int percent) { return pick(100) < static_cast<std::size_t>(percent); }

  void begin() { begun_.push_back(plant_.begin(names_[begun_.size()])); }

  // Of the trainers, of other operators and of the link.
  void happen() {
    plant_.pass(0.02);
    for (int i = 0; i < 2; ++i) plant_.step(begun_[pick(begun_.size())], chance(20) ? 0.9 : 0.1);
    if (begun_.size() < names_.size() && chance(5)) begin();
    if (chance(3)) plant_.source.connected = !plant_.source.connected;
    if (!plant_.source.connected && chance(50)) plant_.source.connected = true;
    if (!chance(5)) return;
    wire::Message message;
    message.header.run = begun_[pick(begun_.size())];
    message.header.seq = Seq{1};
    wire::Command command;
    command.id = "other-" + std::to_string(++others_);
    command.action = wire::Action::kForce;
    command.operator_name = "bob";
    command.knob = chance(50) ? "kl" : "ldifs";
    command.value = chance(50) ? 0.5 : 0.25;
    message.body = command;
    plant_.command(message);
  }

  // The panic chord, or a part of it.
  void chord() {
    for (const bool with_both : {true, false}) {
      if (chance(20)) continue;
      desk_.gui.letter('F', true, with_both);
      live(1);
      desk_.gui.letter('F', false, with_both);
      live(1);
    }
  }

  // Frames without a press: nothing is sent, and the shown run stays.
  void live(int frames) {
    for (int i = 0; i < frames; ++i) frame({});
  }

  void frame(const Press& press) {
    desk_.model.apply(plant_.take(), plant_.now);
    check_shown();
    desk_.gui.frame(desk_.model, desk_.view);
    check_drawn();
    for (const Action& action : std::exchange(desk_.gui.actions, {})) {
      if (const auto* select = std::get_if<SelectRun>(&action)) check_choice(*select, press);
      desk_.model.act(action, plant_.now);
      check_shown();
    }
    for (const wire::Message& message : desk_.model.take_outbox()) {
      check_command(message, press);
      plant_.command(message);
    }
  }

  void check_shown() {
    if (desk_.model.shown() == nullptr) return;
    if (shown_.empty()) shown_ = desk_.run();
    if (desk_.run() != shown_) FAIL("the shown run went from " << shown_ << " to " << desk_.run());
  }

  // A command's line is of the run that is shown.
  void check_drawn() {
    for (const auto& [label, box] : desk_.view.controls) {
      if (label.rfind("command ", 0) != 0) continue;
      for (const Pending& pending : desk_.model.pending()) {
        if (label == "command " + pending.command.id && pending.run.text() != shown_) {
          FAIL("a command to " << pending.run.text() << " is drawn while " << shown_
                               << " is shown");
        }
      }
    }
  }

  void check_choice(const SelectRun& select, const Press& press) {
    const std::string ending = "run " + select.run.text();
    bool named = false;
    for (const std::string& label : press.labels) {
      named =
          named || label == ending || label == "menu " + ending || label == "alarm of " + ending;
    }
    if (!named) FAIL("run " << select.run.text() << " was chosen by a click on something else");
    shown_ = select.run.text();
    ++counts_.choices;
  }

  void check_command(const wire::Message& message, const Press& press) {
    const auto& command = std::get<wire::Command>(message.body);
    const std::string what = command.action.text();
    bool clicked = false;
    bool held = false;
    bool panic = false;
    for (const std::string& label : press.labels) {
      clicked = clicked || (label == "Apply" && what == "force");
      panic = panic || (label == "Force all" && what == "force");
      held = held || label == "Hold to " + (what == "force" ? "lower" : what);
    }
    held = held && press.frames_s >= kHoldS;
    if (!clicked && !held && !panic)
      FAIL("the command " << what << " left without a press on its button");
    if (held) ++counts_.held;
    if (panic) ++counts_.panics;
    const std::string name = panic                  ? "all knobs"
                             : command.knob.empty() ? "rule " + command.rule
                                                    : command.knob;
    const std::string about =
        "about " + name + " of run " + message.header.run.text() + ", read at step ";
    if (press.about.rfind(about, 0) != 0) {
      FAIL("a command to " << name << " of " << message.header.run.text()
                           << " left from a dialog: " << press.about);
    }
    if (command.expected_version >= 0) {
      const std::string version = ", state version " + std::to_string(command.expected_version);
      CHECK(press.about.find(version) != std::string::npos);
    }
    ++counts_.commands;
  }

  std::string one_of(const std::string& begin) {
    std::vector<std::string> all;
    for (auto at = desk_.view.controls.lower_bound(begin);
         at != desk_.view.controls.end() && at->first.rfind(begin, 0) == 0; ++at) {
      all.push_back(at->first);
    }
    return all.empty() ? "" : all[pick(all.size())];
  }

  // What is clicked next; "": some place of the screen.
  std::string target() {
    const std::string holds = one_of("Hold to ");
    const bool forces = desk_.shows("Apply");
    const bool panics = desk_.shows("Force all");
    const bool shelves = desk_.shows("Shelve");
    const bool open = forces || panics || shelves || !holds.empty();
    const bool reasoned = desk_.view.form.reason[0] != 0;
    if (open && !reasoned && !panics && chance(forces ? 10 : 60)) return "reason";
    if (forces && chance(50)) return "Apply";
    if (!holds.empty() && chance(50)) return holds;
    if (panics && chance(50)) return "Force all";
    if (shelves && chance(50)) return "Shelve";
    if (open && chance(30)) return "Cancel";
    if (desk_.shows("menu panic") && chance(50)) return "menu panic";
    if (chance(5)) return "Protect";
    if (chance(5)) return "open alarms";
    if (desk_.view.alarm_list.open && chance(20)) {
      return one_of(chance(50) ? "Acknowledge alarm" : chance(60) ? "Shelve alarm" : "list ");
    }
    if (forces && chance(20)) return "new value";
    if (open && chance(20)) return "expires after";
    if (chance(35)) return one_of("Force ");
    if (chance(20)) return one_of("Release ");
    if (chance(15)) return one_of("Reset ");
    if (chance(15)) return one_of("Inhibit ");
    if (chance(15)) return one_of("Allow ");
    if (chance(25)) return one_of("run ");
    if (chance(15)) return one_of("menu run ");
    if (chance(15)) return one_of("alarm of run ");
    if (chance(15)) return chance(50) ? "Run" : "Alarms";
    if (chance(15)) return one_of("Acknowledge ");
    return chance(50) ? one_of("") : "";
  }

  void click() {
    const std::string label = target();
    const auto found = desk_.view.controls.find(label);
    ImVec2 at{static_cast<float>(pick(1000)), static_cast<float>(pick(700))};
    if (found != desk_.view.controls.end()) at = found->second.middle();
    desk_.gui.move(at);
    live(1);
    Press press;  // what is on the screen now
    for (const auto& [name, box] : desk_.view.controls) {
      const bool under = at.x >= box.lo.x && at.x < box.hi.x && at.y >= box.lo.y && at.y < box.hi.y;
      if (under) press.labels.push_back(name);
    }
    press.about = desk_.label("about ");
    desk_.gui.press(true);
    frame(press);
    happen();  // the mouse is down, and the runs go on
    if (label.rfind("Hold to ", 0) == 0) stay(press);
    desk_.gui.press(false);
    frame(press);
    if (label == "reason") desk_.gui.type("odd");
    if (label == "new value" && chance(50)) desk_.gui.type("3");
  }

  // The mouse stays down: long enough, or not.
  void stay(Press& press) {
    constexpr float kFrameS = 0.2F;
    ImGui::GetIO().DeltaTime = kFrameS;
    const std::size_t frames = chance(70) ? 11 : pick(9);
    for (std::size_t i = 0; i < frames; ++i) {
      press.frames_s += static_cast<double>(kFrameS);
      frame(press);
    }
    ImGui::GetIO().DeltaTime = 1.0F / 60.0F;
  }

  void key() {
    if (chance(30)) return chord();
    constexpr std::array<ImGuiKey, 8> kKeys{ImGuiKey_Escape, ImGuiKey_Enter,     ImGuiKey_Tab,
                                            ImGuiKey_Space,  ImGuiKey_DownArrow, ImGuiKey_PageDown,
                                            ImGuiKey_Delete, ImGuiKey_Backspace};
    const ImGuiKey which = kKeys[pick(kKeys.size())];
    desk_.gui.key(which, true);
    live(1);
    desk_.gui.key(which, false);
    live(1);
  }

  std::mt19937_64 dice_;
  Counts& counts_;
  std::vector<std::string> names_;
  std::vector<RunId> begun_;
  Plant plant_;
  Desk desk_{plant_, {1000.0F, 700.0F}};
  std::string shown_;
  int others_ = 0;
};

Counts fumble(int runs) {
  Counts counts;
  for (int round = 0; round < kRounds; ++round) {
    INFO(runs << " runs, round " << round);
    Fumbler(static_cast<std::uint64_t>(1000 * runs + round), runs, counts).round();
  }
  WARN(runs << " runs: " << counts.clicks << " clicks and keys, " << counts.commands
            << " commands, " << counts.choices << " choices of a run, " << counts.held << " held, "
            << counts.panics << " of the panic dialog");
  return counts;
}

}  // namespace

TEST_CASE("10 000 random clicks: no command to a run that was not named at the press",
          "[dashboard][clicks]") {
  for (const int runs : {2, 8}) {
    const Counts counts = fumble(runs);
    CHECK(counts.clicks == 10000);
    CHECK(counts.commands >= 500);
    CHECK(counts.choices >= 80);
    CHECK(counts.held >= 100);
    CHECK(counts.panics >= 30);
  }
}
