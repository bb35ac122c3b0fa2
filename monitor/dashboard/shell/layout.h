// What a person has arranged: theme, text, widths, plots. Kept from one start to the next, and by
// name in files that can be given to others. Reads and writes those files, nothing else.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/dashboard/panels/ui.h"

namespace phaseguard::dashboard {

// The arrangement of `view` as JSON text, and back. Errors of the latter: not JSON, an unknown key
// or word, a value of another kind, with what was expected; `view` is then as it was.
[[nodiscard]] std::string layout_text(const View& view);
[[nodiscard]] Result<void> take_layout(std::string_view text, View& view);

// Layouts by name, NAME.json in contexts::config_folder()/layouts; by name, in order.
[[nodiscard]] std::vector<std::string> layout_names();
// A name, or a file with a slash or a dot in it. Error: a name with other characters than letters,
// digits, "-" and "_".
[[nodiscard]] Result<std::filesystem::path> layout_file(const std::string& name);

// Errors: kNotFound with the names that there are; kIo; those of take_layout with the file's name.
[[nodiscard]] Result<void> read_layout(const std::string& name, View& view);
[[nodiscard]] Result<void> save_layout(const std::string& name, const View& view);

// The one of the last window: dashboard.json in contexts::config_folder(). None is no error; one
// that does not fit is put aside as dashboard.json.damaged.
[[nodiscard]] Result<void> read_last_layout(View& view);
[[nodiscard]] Result<void> save_last_layout(const View& view);

}  // namespace phaseguard::dashboard
