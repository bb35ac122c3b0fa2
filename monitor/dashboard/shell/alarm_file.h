// What was seen and shelved of alarms (model/alarm_memory.h), kept from one window to the next in
// alarms.json of contexts::state_folder(). Reads and writes that file, nothing else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/dashboard/model/alarm_memory.h"

namespace phaseguard::dashboard {

// As JSON text, and back. Errors of the latter: kMalformed, with where and what was expected.
[[nodiscard]] std::string alarms_text(const std::vector<KeptAlarm>& kept);
[[nodiscard]] Result<std::vector<KeptAlarm>> take_alarms(std::string_view text);

// No file is an empty list. Errors: a file that does not fit, which is put aside as
// alarms.json.damaged; kIo.
[[nodiscard]] Result<std::vector<KeptAlarm>> read_kept_alarms();
// Writes what this window has changed into what the file holds (merged()), whole or not at all, and
// under a lock beside it: several windows of a user share the file. One that does not fit is put
// aside as above, and everything that this window keeps is written. Error kIo: a sentence of what
// is not kept and why.
[[nodiscard]] Result<void> save_kept_alarms(const KeptChange& change, double wall_s);

}  // namespace phaseguard::dashboard
