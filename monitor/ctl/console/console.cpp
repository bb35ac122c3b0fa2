#include "monitor/ctl/console/console.h"

#include <algorithm>

namespace phaseguard::console {
namespace {

using dashboard::Action;
using dashboard::KnobView;
using dashboard::Model;

constexpr int kPage = 8;
constexpr std::size_t kEvents = 500;
constexpr double kNoteForS = 10.0;  // then it is no news any more

// The run that stands `by` places from the shown one.
std::vector<Action> run_beside(const Model& model, int by) {
  const std::vector<RunId>& runs = model.run_ids();
  if (runs.empty()) return {};
  const run::RunState* shown = model.shown();
  const auto at = shown == nullptr ? runs.end() : std::find(runs.begin(), runs.end(), shown->run);
  if (at == runs.end()) return {dashboard::SelectRun{runs.front()}};
  const auto last = static_cast<std::ptrdiff_t>(runs.size()) - 1;
  const std::ptrdiff_t to = std::clamp<std::ptrdiff_t>(at - runs.begin() + by, 0, last);
  return {dashboard::SelectRun{runs[static_cast<std::size_t>(to)]}};
}

std::vector<Action> see_all(const Model& model) {
  std::vector<Action> seen;
  for (const dashboard::Pending& pending : model.pending()) {
    if (is_bad(pending.stage)) seen.emplace_back(dashboard::AcknowledgeCommand{pending.command.id});
  }
  return seen;
}

}  // namespace

void Console::turn(int by) {
  constexpr int kPlaces = kSections + 1;  // the last one: all of them
  const int at = alone_ ? static_cast<int>(*alone_) : kSections;
  const int to = (at + by + kPlaces) % kPlaces;
  alone_ = to == kSections ? std::nullopt : std::optional<Section>(static_cast<Section>(to));
  scrolled_ = 0;
}

void Console::open(Purpose purpose, const Model& model, Now now) {
  const std::vector<KnobView> knobs = knob_views(model);
  std::string obstacle = model.command_obstacle();
  if (obstacle.empty() && knobs.empty()) obstacle = "the trainer has declared no knob";
  if (obstacle.empty()) {
    const KnobView& knob = knobs[std::min(knob_, knobs.size() - 1)];
    obstacle = purpose == Purpose::kForce ? model.force_obstacle(model.shown()->run, knob.name)
               : knob.forced              ? ""
                                          : "no override of " + knob.name + " is in force";
    if (obstacle.empty()) dialog_.emplace(purpose, subject_of(model, knob), now.mono);
  }
  if (!obstacle.empty()) note_ = "no command: " + obstacle;
}

std::vector<Action> Console::act(Act act, const Model& model, Now now) {
  const std::size_t knobs = knob_views(model).size();
  switch (act) {
    case Act::kRunBefore:
      return run_beside(model, -1);
    case Act::kRunAfter:
      return run_beside(model, 1);
    case Act::kKnobBefore:
      knob_ = knob_ == 0 ? 0 : knob_ - 1;
      break;
    case Act::kKnobAfter:
      knob_ = knobs == 0 ? 0 : std::min(knob_ + 1, knobs - 1);
      break;
    case Act::kForce:
      open(Purpose::kForce, model, now);
      break;
    case Act::kRelease:
      open(Purpose::kRelease, model, now);
      break;
    case Act::kSeen:
      return see_all(model);
    case Act::kSectionAfter:
      turn(1);
      break;
    case Act::kSectionBefore:
      turn(-1);
      break;
    case Act::kPageBefore:
      scrolled_ = std::max(0, scrolled_ - kPage);
      break;
    case Act::kPageAfter:
      scrolled_ += alone_ ? kPage : 0;
      break;
    case Act::kBack:
      alone_.reset();
      break;
    case Act::kHelp:
      help_ = true;
      break;
    case Act::kQuit:
      left_ = true;
      break;
  }
  return {};
}

std::vector<Action> Console::press_dialog(const Key& key, const Model& model) {
  Dialog::Pressed pressed = dialog_->press(key, model);
  if (pressed.closed) {
    note_ = pressed.note;
    dialog_.reset();
  }
  if (!pressed.command) return {};
  return {std::move(*pressed.command)};
}

std::vector<Action> Console::press(const Key& key, const Model& model, Now now) {
  const bool was_asked = dialog_.has_value();
  tick(model, now);
  if (dialog_) return press_dialog(key, model);
  if (was_asked) return {};  // it was meant for the dialog that has just closed
  note_.clear();
  if (help_) {  // any key
    help_ = false;
    return {};
  }
  const Binding* binding = binding_of(key);
  return binding == nullptr ? std::vector<Action>{} : act(binding->act, model, now);
}

void Console::tick(const Model& model, Now now) {
  now_ = now;
  if (note_ != noted_) {
    noted_ = note_;
    noted_at_ = now.mono;
  } else if (static_cast<double>(now.mono.value - noted_at_.value) * 1e-9 > kNoteForS) {
    note_.clear();
  }
  if (dialog_ && dialog_->is_over(now.mono)) {
    note_ = dialog_->title() + " was open for too long; nothing was sent";
    dialog_.reset();
  }
  const run::RunState* state = model.shown();
  const std::size_t knobs = knob_views(model).size();
  knob_ = knobs == 0 ? 0 : std::min(knob_, knobs - 1);
  if (state == nullptr) {
    events_.clear();
    run_ = RunId{};
    return;
  }
  if (state->run == run_ && state->last_seq == seen_) return;
  if (state->run != run_) scrolled_ = 0;
  run_ = state->run;
  seen_ = state->last_seq;
  events_ = dashboard::event_rows(*state, kEvents);
  std::reverse(events_.begin(), events_.end());
}

}  // namespace phaseguard::console
