// How long a record is, as the file itself says in its table meta. A file that is written goes on
// in its log; only the log says so, and the file without it says that it is not the whole. Internal
// to the store.
#pragma once

#include <string>

#include "monitor/base/result.h"
#include "monitor/base/types.h"
#include "monitor/store/database.h"

namespace phaseguard::store {

inline constexpr const char* kLengthOpen = "open";  // it is being written, or its writer was killed
inline constexpr const char* kLengthInLog = "in log";  // of the file alone: the log goes on

// "in log", "open", or the number of records that its writer closed it with; "": the file is older
// than this.
[[nodiscard]] Result<std::string> recorded_length(const Database& db);
[[nodiscard]] Result<void> set_length(const Database& db, const std::string& length);

// Of a record that was found shortened and is written on all the same: the finding, for good. "":
// none.
[[nodiscard]] Result<std::string> recorded_shortening(const Database& db);
[[nodiscard]] Result<void> set_shortening(const Database& db, const std::string& finding);

// Moves the log into the file, as SQLite's own checkpoint would. What fails is tried again another
// time: the record is whole in file and log.
void merge_log(const Database& db);

// What is wrong when the last record is `last`; "": nothing that can be known. `alone`: there is no
// log and no writer.
[[nodiscard]] std::string length_finding(const std::string& length, Seq last, bool alone);

}  // namespace phaseguard::store
