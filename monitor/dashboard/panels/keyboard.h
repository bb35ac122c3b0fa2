// Keys: the sheet that lists them (F1), the list of commands (Ctrl+P), and what each key does. None
// that changes a run is a single key. Drawing thread only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "monitor/dashboard/panels/ui.h"
#include "monitor/dashboard/replay/replay.h"

namespace phaseguard::dashboard {

struct Shortcut {
  const char* keys;
  const char* what;
};
// Every key and gesture, in the order of the sheet.
[[nodiscard]] const std::vector<Shortcut>& shortcuts();

// A command that can be found by its name.
struct NamedCommand {
  std::string name;
  std::string keys;      // "": none
  std::string obstacle;  // why it cannot be done now; "": it can
  std::function<void()> run;
};
// In the order of the list. They refer to what is given: for this frame.
[[nodiscard]] std::vector<NamedCommand> named_commands(const Model& live, const Replay& replay,
                                                       View& view, std::vector<Action>& actions);
// Those whose names have the words (has_words).
[[nodiscard]] std::vector<const NamedCommand*> matching(const std::vector<NamedCommand>& all,
                                                        const std::string& wanted);

// Once a frame, before the dialogs.
void watch_keys(const Model& live, const Replay& replay, View& view, std::vector<Action>& actions);

}  // namespace phaseguard::dashboard
