// What the dialogs share: each shows what it opened with, says below its buttons why it cannot be
// carried out, and lowers nothing but by a button that is held. Drawing thread only.
#pragma once

#include <string>
#include <vector>

#include "monitor/dashboard/panels/ui.h"

namespace phaseguard::dashboard {

// Opens `title` when `which` was asked for, and draws its frame. True: its contents follow, and
// then ImGui::EndPopup().
[[nodiscard]] bool begin_dialog(View& view, Dialog which, const char* title);

void note_item(View& view, const std::string& label);
// "kl of run a, read at step 3, state version 0", which a test finds at its place, and as whom.
void say_subject(const Model& model, View& view, const std::string& name, const RunId& run,
                 Step step, std::int64_t version);
void reason_field(View& view, const char* hint);
void expiry_field(View& view);
[[nodiscard]] bool is_blank(const std::array<char, 200>& text);

// On as many lines as it takes: names may be long.
void say_wrapped(const std::string& text, float most_em = 60.0F);
// The same in a quiet colour.
void say_quietly(const View& view, const std::string& text);
// Room of its own below the buttons, so that what is said there moves none of them.
void say_below(const View& view, const std::string& text, bool is_obstacle);
// What is said there of a command that lowers, while nothing is in its way.
[[nodiscard]] std::string moved_on(const Model& model, const RunId& run, std::int64_t version);

enum class Ask { kClick, kHold };
// Cancel and what the dialog is for: whether that was said.
[[nodiscard]] bool ask(View& view, Ask how, const char* what, const std::string& obstacle);

void draw_shelve(const Model& model, View& view, std::vector<Action>& actions);
void draw_panic(const Model& model, View& view, std::vector<Action>& actions);
void draw_rule_dialogs(const Model& model, View& view, std::vector<Action>& actions);

}  // namespace phaseguard::dashboard
