// State of the view and the few widgets the panels are made of. Every size is in font-size units;
// every text from outside goes through text_at() or Unformatted calls, never through a format. The
// wrappers note the rectangle of each control by its label, so that a test can click it without a
// window. Drawing thread only.
#pragma once

#include <imgui.h>

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/dashboard/model/alarm_book.h"
#include "monitor/dashboard/model/control/hold.h"
#include "monitor/dashboard/model/control/panic.h"
#include "monitor/dashboard/model/control/rules.h"
#include "monitor/dashboard/model/describe.h"
#include "monitor/dashboard/model/model.h"
#include "monitor/dashboard/model/plots_view.h"
#include "monitor/dashboard/plot/curves/smooth.h"
#include "monitor/dashboard/plot/curves/statistics.h"
#include "monitor/dashboard/plot/palette.h"
#include "monitor/dashboard/plot/plot.h"
#include "monitor/policy/explain/why_not.h"
#include "monitor/run/plots.h"

namespace phaseguard::dashboard {

// Heights of body text in pixels, small to large, at scale 1.
inline constexpr std::array kTextPixels{13.0F, 15.0F, 18.0F};
inline constexpr std::array kTextNames{"Small", "Normal", "Large"};
inline constexpr std::size_t kNormalText = 1;

struct Fonts {
  ImFont* body = nullptr;  // nullptr: ImGui's own
  ImFont* mono = nullptr;  // digits of equal width
  ImFont* large = nullptr;
};

struct Box {
  ImVec2 lo;
  ImVec2 hi;
  [[nodiscard]] ImVec2 middle() const { return {0.5F * (lo.x + hi.x), 0.5F * (lo.y + hi.y)}; }
};

// What an open dialog shows and its fields. What it shows does not change while it is open.
enum class Dialog { kNone, kForce, kRelease, kLetGo, kReset, kInhibit, kAllow, kPanic, kShelve };
struct Form {
  Dialog open = Dialog::kNone;  // asked for; becomes a popup at the end of the frame
  Subject subject;              // that it is about: a knob
  RuleSubject rule;             // or a rule
  PanicPlan panic;              // or all that protects
  AlarmRow shelved;             // or an alarm
  int shelf = 0;                // 1 h, 8 h, until a step
  int shelf_step = 0;
  double value = 0.0;
  bool expires = false;
  int expires_after_steps = 100;
  std::array<char, 200> reason{};
};

// The list of alarms of all runs.
struct AlarmList {
  bool open = false;
  int tab = 0;  // in force, shelved, ended
  std::array<char, 100> filter{};
  std::vector<std::string> order;  // of the rows while the mouse is over them
};

// A file that was asked for. The shell writes it, since panels touch none, and says what came of
// it.
struct FileToSave {
  std::string path;
  std::string text;
};

// A picture that was asked for, of one plot as it is on the screen. The shell takes it from a frame
// that has no menu on it and no mouse, and says what came of it.
struct PictureToSave {
  std::string path;
  std::string plot;    // run::PlotSpec::id
  Box place;           // in that frame; empty: the plot is out of sight
  bool clear = false;  // nothing lies on it in that frame
};

// The menu of a plot: of which one, and its fields.
struct PlotMenu {
  bool open = false;  // asked for; becomes a popup in the same frame
  std::string plot;   // run::PlotSpec::id
  std::array<char, 80> name{};
};

// The statistics of a line in the selected interval, kept until either changes.
struct KeptStatistics {
  plot::Range of;
  std::size_t points = 0;
  plot::Along along;
  plot::Statistics what;
};

// What the panels remember between frames. Nothing here changes what the daemon does.
struct View {
  plot::Theme theme = plot::Theme::kDark;
  std::size_t text_size = kNormalText;  // place in kTextPixels
  bool quit = false;
  Fonts fonts;
  plot::TimeAxis time;
  std::map<std::string, plot::ValueAxis> values;
  float left_em = 23.0F;
  float right_em = 22.0F;
  float bottom_em = 9.5F;
  Form form;
  AlarmList alarm_list;
  bool blink_off = false;             // half of the time; pictures have none of it
  double chord_s = 0.0;               // so long the second key of the panic chord is waited for
  Hold hold;                          // of the button that is held down
  std::vector<AlarmLine> alarm_menu;  // as they were when the menu opened
  std::array<std::string, 2> command_slots;  // ids of the commands that are shown; "": free
  RunId slots_of;                            // the run that they belong to
  std::size_t runs_known = 0;                // of the list: those that are not new
  bool run_menu_open = false;
  bool had_run = false;              // one was shown already
  std::vector<std::string> layouts;  // names that were saved; the shell reads and writes them
  std::string layout_to_read;        // asked for; "": none
  std::string layout_to_save;
  std::string layout_said;               // what came of it
  std::string memory_said;               // how much the points take; "": no bound was asked for
  std::string memory_problem;            // why they take more than was asked for; "": they do not
  std::array<char, 61> layout_name{};    // field
  bool sheet_asked = false;              // of keys; becomes a popup in this frame
  bool commands_asked = false;           // the list of commands, likewise
  std::array<char, 80> command_words{};  // that are looked for in it
  int command_chosen = 0;                // place among those that match
  std::map<std::string, Box> controls;   // of this frame, by label

  PlotsView look;                       // what was chosen of the plots
  std::vector<run::PlotSpec> plots;     // of this frame, of the run that is shown
  std::set<std::string> hidden_groups;  // of plots; the row above the plots says which
  std::string group_to_show;            // to be scrolled into sight
  std::size_t plots_in_sight = 0;       // of the last frame
  std::map<std::string, std::vector<policy::Missing>> why;  // of this frame, by quiet rule
  std::string strip;  // signal of the heat strip; "": the first that has one

  plot::Range steps;  // of the run that is shown
  PlotMenu plot_menu;
  std::array<char, 80> search{};          // in the list of signals
  std::set<std::string> closed_groups;    // of that list
  std::vector<FileToSave> files_to_save;  // taken by the shell
  std::optional<PictureToSave> picture;   // likewise
  std::string saved;                      // what came of the last one; "": nothing was saved yet
  plot::Counter tokens;                   // of the run that is shown, and of the one beside it
  plot::Counter other_tokens;
  std::map<std::string, plot::Smoothed> smoothed;    // by run and line
  std::map<std::string, KeptStatistics> statistics;  // by line
  bool busy = false;  // something long is being made, a part of it in each frame

  // Rows made from the record, made anew only when it has grown.
  RunId cached_run;
  Seq cached_seq{-1};
  std::size_t cached_outcomes = 0;
  std::vector<EventRow> events;

  [[nodiscard]] const plot::Palette& palette() const { return plot::palette_of(theme); }
};

// Looks of the panels for the whole program: flat, quiet, in font-size units.
void apply_style(plot::Theme theme, float em);

// Text size of the current font.
[[nodiscard]] inline float em() { return ImGui::GetFontSize(); }

// What a panel stands on; in the theme of high contrast with a border.
void panel_back(const View& view, ImVec2 at, ImVec2 size);

// A framed panel with a title, and a note beside it; draws nothing else. Between the two calls
// the cursor is inside.
bool begin_panel(const View& view, const char* title, ImVec2 at, ImVec2 size, bool scrolls = false,
                 const std::string& note = {});
void end_panel();

// The next row of the current panel: its top left corner, `height` in em. Advances the cursor.
ImVec2 next_row(float height_em = 1.45F);
[[nodiscard]] float row_width();

// Text in the monospaced font, its right edge at `right`.
void number_at(const View& view, ImVec2 right, ImU32 colour, std::string_view text);

// One line of text at `at`; when it is cut to `width`, the mouse shows all of it.
void say_elided(ImVec2 at, float width, ImU32 colour, const std::string& text);

// Push button that notes its place, under its label or `key`; false while `obstacle` is not
// empty, which its tooltip then says.
bool button(View& view, const char* label, ImVec2 size, const std::string& obstacle = {},
            const std::string& key = {});

// The same of what lowers protection: true once, when the mouse has held it down for kHoldS. A
// bar on it shows how far that is; letting go earlier, or leaving it, does nothing.
bool hold_button(View& view, const char* label, ImVec2 size, const std::string& obstacle = {});

// All steps, and all values of every plot.
void fit_all(View& view);

// Whether a key went down in this frame (or repeats).
[[nodiscard]] bool is_pressed(ImGuiKey key);
[[nodiscard]] bool is_letter_pressed(char upper);  // not when it repeats

// Shape, number and colour of an alarm level.
struct Sign {
  plot::Shape shape = plot::Shape::kCircle;
  ImU32 colour = 0;
};
[[nodiscard]] Sign sign_of(Level level, const plot::Palette& palette);
// The sign with the alarm's number inside. `pale`: one that blinks, while it is off; its shape and
// its number stay.
void alarm_sign(const plot::Palette& palette, ImVec2 middle, float size, Level level, int number,
                bool pale = false);
// Whether a sign is off now: a critical alarm blinks until somebody has seen it.
[[nodiscard]] bool is_blinked_off(const View& view, Level level, AlarmState state);
[[nodiscard]] bool is_blinked_off(const View& view, const Model& model, const AlarmId& id);

// A thin handle between two panels that moves `size_em` when dragged.
void splitter(View& view, const char* id, ImVec2 at, ImVec2 size, float& size_em, float direction,
              bool vertical, float least, float most);

}  // namespace phaseguard::dashboard
