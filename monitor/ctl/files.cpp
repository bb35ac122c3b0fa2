#include "monitor/ctl/files.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "monitor/base/printable.h"
#include "monitor/base/text.h"

namespace phaseguard::ctl {

std::filesystem::path default_runs_dir() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::filesystem::path(value != nullptr ? value : "");
  };
  const std::filesystem::path state = variable("XDG_STATE_HOME");
  return (state.is_absolute() ? state : variable("HOME") / ".local/state") / "phaseguard/runs";
}

Result<policy::Document> read_policy(const std::filesystem::path& path) {
  auto text = read_file(path, "a policy file");
  if (!text) return tl::unexpected(text.error());
  policy::Parsed parsed = policy::parse(*text, path.string());
  if (parsed.document) return std::move(*parsed.document);
  std::string all;
  for (const policy::Diagnostic& diagnostic : parsed.diagnostics) {
    if (diagnostic.severity != policy::Severity::kError) continue;
    all += (all.empty() ? "" : "; ") + policy::to_text(diagnostic, path.string());
  }
  return fail(Errc::kMalformed, all);
}

void print(const nlohmann::json& value) {
  const std::string text = value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
  std::printf("%s\n", printable_json(text).c_str());
}

std::string knobs_text(const std::vector<wire::KnobSetting>& knobs) {
  std::string out;
  for (const wire::KnobSetting& knob : knobs) {
    out += (out.empty() ? "" : ", ") + knob.knob + " " + number_text(knob.value);
  }
  return out.empty() ? "-" : out;
}

nlohmann::json knobs_json(const std::vector<wire::KnobSetting>& knobs) {
  nlohmann::json out = nlohmann::json::object();
  for (const wire::KnobSetting& knob : knobs) out[knob.knob] = number_json(knob.value);
  return out;
}

}  // namespace phaseguard::ctl
