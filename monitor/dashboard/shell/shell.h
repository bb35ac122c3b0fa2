// The two ways to put the panels on pixels: a window, and a picture in memory. Both run the same
// loop body over a Source; neither knows what the data mean.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/dashboard/panels/ui.h"
#include "monitor/dashboard/replay/replay.h"
#include "monitor/dashboard/shell/options.h"
#include "monitor/dashboard/source/source.h"
#include "monitor/dashboard/source/spill.h"

namespace phaseguard::dashboard {

// What --memory asks for: `spill` holds the points where it could be made, else `problem` says why
// not. Neither: no bound was asked for.
struct Bound {
  std::unique_ptr<Spill> spill;
  std::string problem;
};
[[nodiscard]] Bound make_bound(const Options& options);

// The present, an earlier moment of it, and what holds the points.
struct Seen {
  Model& model;
  Replay& replay;
  const Bound& bound;
};

// Takes what the source has, moves the clocks, sends what the operator asked for, keeps to the
// bound of memory. True when more is waiting.
bool exchange(Source& source, Seen seen);

// One ImGui frame of the panels, up to and with Render(). Actions are handed on.
void build_frame(Seen seen, View& view);

// The policies that may be tried: files and folders of them (*.toml), those that ship with the
// programs when none is named. One that cannot be read says why. Errors: those of files_named().
[[nodiscard]] Result<std::vector<Candidate>> read_candidates(std::vector<std::string> named);

// The looks that the command line asks for, its layout first. Errors: those of read_layout.
[[nodiscard]] Result<void> take_options(const Options& options, View& view);
// Height of body text at this scale, 0.5 to 4.
[[nodiscard]] float pixels_of(const View& view, float scale);

// Loads the fonts anew, with what was written since and was lacking, between two frames of a
// context whose OpenGL backend has begun.
void renew_fonts(View& view, float pixels);

// Before any data are there: which run is wanted. Error: it is no name of a run.
[[nodiscard]] Result<void> want(const Options& options, Model& model);

// Once the data are there: selects what else the command line asked for. Errors: the run or a
// decision does not exist, with those that do.
[[nodiscard]] Result<void> select(const Options& options, Seen seen, const Now& at);

// Opens a window and runs until it is closed, SIGINT or SIGTERM comes, or --exit-after is over.
// Makes the source itself, because the source must wake the window. Error kIo: no display.
using OpenSource = std::function<Result<std::unique_ptr<Source>>(Wake)>;
[[nodiscard]] Result<void> run_window(const Options& options, Seen seen, const OpenSource& open);

// Draws the panels into memory with EGL and no display, and writes options.screenshot. Error kIo:
// no EGL, or the file cannot be written.
[[nodiscard]] Result<void> take_screenshot(const Options& options, Seen seen, Source& source);

}  // namespace phaseguard::dashboard
