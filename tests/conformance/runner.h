// Runs a folder of vector files against the implementation.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "tests/conformance/operations.h"

namespace phaseguard::conformance {

struct Options {
  std::vector<std::string> files;       // names (js.json or js); empty: every *.json
  std::vector<std::string> operations;  // empty: every operation
};

struct Tally {
  std::size_t passed = 0, failed = 0;
};

// One line on `out` for each case that fails, with got and wanted. An operation that is not known
// fails. Error: no such folder, no vector file in it, a file that is not of the schema, or filters
// that leave nothing to run.
[[nodiscard]] Result<Tally> run_folder(const std::filesystem::path& folder, const Options& options,
                                       const Operations& operations, std::ostream& out);

}  // namespace phaseguard::conformance
