// A dialog of `phaseguard watch`: what is asked before a command is given. It is about a frozen
// copy of what was read when it opened, takes typed text alone, and closes by itself. Pure: time is
// an argument.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monitor/ctl/console/keys.h"
#include "monitor/dashboard/model/control/force.h"

namespace phaseguard::console {

inline constexpr double kDialogForS = 60.0;  // then what was read is too old

enum class Purpose { kForce, kRelease };

class Dialog {
 public:
  Dialog(Purpose purpose, dashboard::Subject subject, Nanos opened);

  struct Field {
    std::string label;
    std::string text;
    std::string hint;  // what an empty one means
  };

  // What became of a key.
  struct Pressed {
    bool closed = false;
    std::string note;                          // why, or what is wrong
    std::optional<dashboard::Action> command;  // to be given
  };
  [[nodiscard]] Pressed press(const Key& key, const dashboard::Model& model);

  [[nodiscard]] bool is_over(Nanos now) const { return seconds_left(now) <= 0.0; }
  [[nodiscard]] double seconds_left(Nanos now) const;
  [[nodiscard]] std::string title() const;  // "FORCE kl of run lab/x"
  // What was read, and what the change would do.
  [[nodiscard]] std::vector<std::string> lines(const dashboard::Model& model) const;
  [[nodiscard]] const std::vector<Field>& fields() const { return fields_; }
  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] const std::string& note() const { return note_; }

 private:
  [[nodiscard]] std::string obstacle(const dashboard::Model& model) const;
  [[nodiscard]] dashboard::Action command() const;
  [[nodiscard]] Pressed confirm(const dashboard::Model& model);
  [[nodiscard]] dashboard::Proposal proposal() const;
  void edit(const Key& key);

  Purpose purpose_;
  dashboard::Subject subject_;
  Nanos opened_;
  std::vector<Field> fields_;
  std::size_t at_ = 0;
  std::string note_;
};

}  // namespace phaseguard::console
