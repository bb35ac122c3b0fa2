#include "monitor/ctl/files.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>

#include "monitor/base/text.h"

namespace phaseguard::ctl {

Result<std::string> read_text(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return fail(Errc::kNotFound, path.string() + ": expected a file, found a folder");
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Errc::kNotFound, path.string() + ": cannot be read; is the name right?");
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in.bad()) return fail(Errc::kIo, path.string() + ": reading failed");
  return text;
}

Status write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) {
    return fail(Errc::kIo, path.string() + ": cannot be written; does its folder exist?");
  }
  return {};
}

std::filesystem::path default_runs_dir() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::filesystem::path(value != nullptr ? value : "");
  };
  const std::filesystem::path state = variable("XDG_STATE_HOME");
  return (state.is_absolute() ? state : variable("HOME") / ".local/state") / "phaseguard/runs";
}

Result<policy::Document> read_policy(const std::filesystem::path& path) {
  auto text = read_text(path);
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
  std::printf("%s\n", value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

nlohmann::json number_json(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
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
