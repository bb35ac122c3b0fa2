// Reading what a person names on the command line, and printing. Shared by the offline commands.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/file.h"
#include "monitor/base/json.h"
#include "monitor/base/result.h"
#include "monitor/policy/document.h"
#include "monitor/wire/messages.h"

namespace phaseguard::ctl {

// Where phaseguardd keeps run files unless told otherwise: $XDG_STATE_HOME/phaseguard/runs.
[[nodiscard]] std::filesystem::path default_runs_dir();

// A policy without errors. Error: every diagnostic as "file:line:column: error: ...", in one line.
[[nodiscard]] Result<policy::Document> read_policy(const std::filesystem::path& path);

void print(const nlohmann::json& value);

// "kl 2, embed 0.1"; "-" for none.
[[nodiscard]] std::string knobs_text(const std::vector<wire::KnobSetting>& knobs);
[[nodiscard]] nlohmann::json knobs_json(const std::vector<wire::KnobSetting>& knobs);

}  // namespace phaseguard::ctl
