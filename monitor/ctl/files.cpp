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

Result<std::vector<std::string>> files_named(const std::vector<std::string>& named,
                                             std::string_view extension, std::string_view what) {
  std::vector<std::string> out;
  for (const std::string& name : named) {
    std::error_code error;
    if (!std::filesystem::is_directory(name, error)) {
      out.push_back(name);
      continue;
    }
    std::vector<std::string> inside;
    for (const auto& entry : std::filesystem::directory_iterator(name, error)) {
      if (entry.path().extension() == extension) inside.push_back(entry.path().string());
    }
    if (error) return fail(Errc::kIo, name + ": " + error.message());
    if (inside.empty()) {
      return fail(Errc::kNotFound, name + ": expected " + std::string(what) + " (*" +
                                       std::string(extension) + ") in this folder, found none");
    }
    std::sort(inside.begin(), inside.end());
    out.insert(out.end(), inside.begin(), inside.end());
  }
  return out;
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
