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
[[nodiscard]] Result<void> save_kept_alarms(const std::string& text);

}  // namespace phaseguard::dashboard
