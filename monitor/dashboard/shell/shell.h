// The two ways to put the panels on pixels: a window, and a picture in memory. Both run the same
// loop body over a Source; neither knows what the data mean.
#pragma once

#include <functional>
#include <memory>

#include "monitor/base/result.h"
#include "monitor/dashboard/panels/ui.h"
#include "monitor/dashboard/shell/options.h"
#include "monitor/dashboard/source/source.h"

namespace phaseguard::dashboard {

// One ImGui frame of the panels, up to and with Render(). Actions are handed to the model.
void build_frame(Model& model, View& view);

// Before any data are there: which run is wanted. Error: it is no name of a run.
[[nodiscard]] Result<void> want(const Options& options, Model& model);

// Once the data are there: selects what else the command line asked for. Errors: the run or a
// decision does not exist, with those that do.
[[nodiscard]] Result<void> select(const Options& options, Model& model, const Now& at);

// Opens a window and runs until it is closed, SIGINT or SIGTERM comes, or --exit-after is over.
// Makes the source itself, because the source must wake the window. Error kIo: no display.
using OpenSource = std::function<Result<std::unique_ptr<Source>>(Wake)>;
[[nodiscard]] Result<void> run_window(const Options& options, Model& model, const OpenSource& open);

// Draws the panels into memory with EGL and no display, and writes options.screenshot. Error kIo:
// no EGL, or the file cannot be written.
[[nodiscard]] Result<void> take_screenshot(const Options& options, Model& model, Source& source);

}  // namespace phaseguard::dashboard
