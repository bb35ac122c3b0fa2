#include "monitor/ctl/console/dialog.h"

#include <charconv>
#include <cmath>

#include "monitor/base/printable.h"
#include "monitor/base/text.h"
#include "monitor/dashboard/model/describe.h"

namespace phaseguard::console {
namespace {

using dashboard::KnobView;
using dashboard::Model;
using dashboard::one_line;

constexpr std::size_t kMaxField = 200;  // bytes
constexpr const char* kNothingSent = "; nothing was sent";

// The whole of `text`, or nothing.
template <class Number>
std::optional<Number> number_of(const std::string& text) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || at != end) return std::nullopt;
  return value;
}

void remove_last_character(std::string& text) {
  while (!text.empty()) {
    const bool begins = (static_cast<unsigned char>(text.back()) & 0xc0) != 0x80;
    text.pop_back();
    if (begins) return;
  }
}

}  // namespace

Dialog::Dialog(Purpose purpose, dashboard::Subject subject, Nanos opened)
    : purpose_(purpose), subject_(std::move(subject)), opened_(opened) {
  if (purpose_ == Purpose::kForce) {
    fields_.push_back({"value", number_text(dashboard::proposed_value(subject_.knob)), ""});
    fields_.push_back({"steps", "", "until released"});
  }
  fields_.push_back({"reason", "", purpose_ == Purpose::kForce ? "none" : "needed"});
  fields_.push_back({"run's name", "", "type " + subject_.run.text() + " to confirm"});
}

double Dialog::seconds_left(Nanos now) const {
  return kDialogForS - static_cast<double>(now.value - opened_.value) * 1e-9;
}

std::string Dialog::title() const {
  return std::string(purpose_ == Purpose::kForce ? "FORCE " : "RELEASE ") +
         one_line(subject_.knob.name, 40) + " of run " + subject_.run.text();
}

std::vector<std::string> Dialog::lines(const Model& model) const {
  const KnobView& knob = subject_.knob;
  std::vector<std::string> lines;
  lines.push_back("read at step " + std::to_string(subject_.step.value) + ", state version " +
                  std::to_string(subject_.version) + ": " + number_text(knob.in_force) +
                  " in force, from " + number_text(knob.min) + " to " + number_text(knob.max) +
                  " by " + knob.limits);
  const std::string obstacle = this->obstacle(model);
  if (!obstacle.empty()) {
    lines.push_back(obstacle);
  } else if (purpose_ == Purpose::kForce) {
    lines.push_back(dashboard::effect_text(knob, proposal().value) + " Release ends it.");
  } else {
    lines.push_back("Ends " + number_text(knob.forced_value) + " by " + knob.forced_by +
                    ": the policy decides again; a latched rule stays latched.");
  }
  return lines;
}

dashboard::Proposal Dialog::proposal() const {
  dashboard::Proposal proposal;
  proposal.value = number_of<double>(fields_[0].text).value_or(wire::kNaN);
  const std::string& steps = fields_[1].text;
  proposal.expires_after_steps = steps.empty() ? 0 : number_of<std::int64_t>(steps).value_or(-1);
  if (!steps.empty() && proposal.expires_after_steps == 0) proposal.expires_after_steps = -1;
  proposal.reason = fields_[2].text;
  return proposal;
}

std::string Dialog::obstacle(const Model& model) const {
  if (purpose_ == Purpose::kForce) {
    return dashboard::obstacle_to_force(model, subject_, proposal());
  }
  std::string obstacle = dashboard::obstacle_to_release(model, subject_);
  if (obstacle.empty()) obstacle = model.lowering_obstacle(subject_.run);
  return obstacle.empty() && dashboard::is_blank(fields_[0].text) ? "give a reason" : obstacle;
}

dashboard::Action Dialog::command() const {
  if (purpose_ == Purpose::kRelease) {
    return dashboard::ReleaseKnob{subject_.run, subject_.knob.name, subject_.version,
                                  fields_[0].text};
  }
  const dashboard::Proposal proposal = this->proposal();
  return dashboard::ForceKnob{subject_.run,   subject_.knob.name, subject_.version,
                              proposal.value, proposal.reason,    proposal.expires_after_steps};
}

// What lowers protection goes to the state that was read; of anything else the daemon judges.
Dialog::Pressed Dialog::confirm(const Model& model) {
  Field& name = fields_.back();
  const std::string obstacle = this->obstacle(model);
  if (name.text != subject_.run.text()) {
    note_ = quoted(name.text, 40) + " is not " + quoted(subject_.run.text(), 80) + kNothingSent;
    name.text.clear();
    return {false, note_, std::nullopt};
  }
  if (!obstacle.empty()) {
    note_ = obstacle + kNothingSent;
    name.text.clear();
    return {false, note_, std::nullopt};
  }
  return {true, "", command()};
}

void Dialog::edit(const Key& key) {
  std::string& text = fields_[at_].text;
  if (key.kind == KeyKind::kBackspace) {
    remove_last_character(text);
  } else if (text.size() + key.text.size() <= kMaxField) {
    text += key.text;
  }
}

Dialog::Pressed Dialog::press(const Key& key, const Model& model) {
  note_.clear();
  const std::size_t last = fields_.size() - 1;
  switch (key.kind) {
    case KeyKind::kEscape:
      return {true, title() + " was left" + kNothingSent, std::nullopt};
    case KeyKind::kEnter:
      if (at_ == last) return confirm(model);
      ++at_;
      break;
    case KeyKind::kTab:
    case KeyKind::kDown:
      at_ = at_ == last ? 0 : at_ + 1;
      break;
    case KeyKind::kBackTab:
    case KeyKind::kUp:
      at_ = at_ == 0 ? last : at_ - 1;
      break;
    case KeyKind::kText:
    case KeyKind::kBackspace:
      edit(key);
      break;
    case KeyKind::kLeft:
    case KeyKind::kRight:
    case KeyKind::kPageUp:
    case KeyKind::kPageDown:
      break;
  }
  return {};
}

}  // namespace phaseguard::console
