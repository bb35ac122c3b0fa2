// Files that nobody but their user may read. Internal to the room.
#pragma once

#include <string>
#include <string_view>

#include "monitor/base/result.h"

namespace phaseguard::keys {

// Errors: kNotFound; kRefused: no plain file, another user's, or one that group or others can read
// or write; kLimit. `what`: "a key file".
[[nodiscard]] Result<std::string> read_private(const std::string& path, std::string_view what);

// A new file of mode 0600, synced. Error kConflict: something is there already.
[[nodiscard]] Result<void> create_private(const std::string& path, std::string_view bytes);

}  // namespace phaseguard::keys
