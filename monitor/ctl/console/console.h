// What the person at the terminal has chosen, and what his keys do. Owned by whoever reads the
// keys; pure: time is an argument.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monitor/ctl/console/dialog.h"
#include "monitor/dashboard/model/describe.h"

namespace phaseguard::console {

enum class Section { kAlarms, kRuns, kKnobs, kRules, kSignals, kEvents };
inline constexpr int kSections = 6;

class Console {
 public:
  // What the model is asked to do.
  [[nodiscard]] std::vector<dashboard::Action> press(const Key& key, const dashboard::Model& model,
                                                     Now now);
  // Closes what is too old, and follows the record. Before each frame.
  void tick(const dashboard::Model& model, Now now);

  [[nodiscard]] bool is_left() const { return left_; }
  [[nodiscard]] bool shows_help() const { return help_; }
  [[nodiscard]] const std::optional<Dialog>& dialog() const { return dialog_; }
  [[nodiscard]] const std::optional<Section>& alone() const { return alone_; }
  [[nodiscard]] int scrolled() const { return scrolled_; }
  [[nodiscard]] const std::string& note() const { return note_; }  // what the last key led to
  [[nodiscard]] std::size_t knob() const { return knob_; }         // chosen, of the shown run's
  // Of the shown run, newest first.
  [[nodiscard]] const std::vector<dashboard::EventRow>& events() const { return events_; }
  [[nodiscard]] Now now() const { return now_; }

 private:
  std::vector<dashboard::Action> act(Act act, const dashboard::Model& model, Now now);
  std::vector<dashboard::Action> press_dialog(const Key& key, const dashboard::Model& model);
  void open(Purpose purpose, const dashboard::Model& model, Now now);
  void turn(int by);

  bool left_ = false;
  bool help_ = false;
  std::optional<Dialog> dialog_;
  std::optional<Section> alone_;
  int scrolled_ = 0;
  std::size_t knob_ = 0;
  std::string note_;
  std::string noted_;  // the same, since `noted_at_`
  Nanos noted_at_;
  Now now_;
  RunId run_;  // whose events these are, up to `seen_`
  Seq seen_;
  std::vector<dashboard::EventRow> events_;
};

}  // namespace phaseguard::console
