// The tables of a run file, how a new one comes to be, and how a file is recognised as ours before
// SQLite is asked to read it. Internal to the store; docs/RUN_FILE.md describes the tables to
// users.
#pragma once

#include <filesystem>
#include <string>

#include "monitor/base/result.h"
#include "monitor/base/types.h"
#include "monitor/store/database.h"

namespace phaseguard::store {

inline constexpr std::int32_t kApplicationId = 0x50474431;  // "PGD1" in the SQLite header
inline constexpr std::int32_t kSchemaVersion = 1;           // PRAGMA user_version

// Makes an empty run file under a temporary name, to be filled and given to place_file().
[[nodiscard]] Result<Database> create_file(const std::filesystem::path& path, const RunId& run,
                                           const std::string& identity, Now now);

// Closes it, syncs it, moves it to `path` and syncs the folder: two syncs, and a file of the final
// name is always whole. `path` must not exist. No statement of `fresh` may be left.
[[nodiscard]] Result<void> place_file(Database fresh, const std::filesystem::path& path);

// Of a file that was made and not placed.
void remove_fresh(const std::filesystem::path& path);

// Opens an existing run file for its writer. Errors: kNotFound; kMalformed not SQLite, not ours, or
// shorter than its own header says; kUnsupported newer schema; kIo. (Readers: access.h.)
[[nodiscard]] Result<Database> open_file(const std::filesystem::path& path);

// The two halves of it: a file of the name is there; what was opened is a run file.
[[nodiscard]] Result<void> require_file(const std::filesystem::path& path);
[[nodiscard]] Result<void> require_ours(const Database& db);

// The run whose record the file is.
[[nodiscard]] Result<RunId> recorded_run(const Database& db);

// What table meta says of `key`; "": nothing.
[[nodiscard]] Result<std::string> fact(const Database& db, const char* key);
[[nodiscard]] Result<void> set_fact(const Database& db, const char* key, const std::string& value);

// The record's identity; "": the file is older than identities.
[[nodiscard]] Result<std::string> recorded_identity(const Database& db);
[[nodiscard]] Result<void> give_identity(const Database& db, const std::string& identity);

}  // namespace phaseguard::store
