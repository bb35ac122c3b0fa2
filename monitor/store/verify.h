// Recomputes the hash chain of a run file. Internal to the store; Reader::verify_chain is its door.
#pragma once

#include "monitor/base/result.h"
#include "monitor/base/types.h"
#include "monitor/store/database.h"
#include "monitor/store/reader.h"

namespace phaseguard::store {

// `alone`: the file has no log beside it and no writer.
[[nodiscard]] Result<ChainReport> verify_chain(const Database& db, const RunId& run, bool alone);

}  // namespace phaseguard::store
