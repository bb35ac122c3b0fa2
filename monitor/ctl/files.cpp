#include "monitor/ctl/files.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <system_error>

#include "monitor/base/text.h"

namespace phaseguard::ctl {

namespace {

constexpr std::size_t kMaxText = std::size_t{512} * 1024 * 1024;

bool is_folder(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

// errno in words.
std::string reason() { return std::generic_category().message(errno); }

}  // namespace

Result<std::string> read_text(const std::filesystem::path& path) {
  const std::string name = path.string();
  if (is_folder(path)) return fail(Errc::kNotFound, name + ": expected a file, found a folder");
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    const char* hint = errno == ENOENT ? "; is the name right?" : "";
    return fail(Errc::kNotFound, name + ": cannot be read (" + reason() + ")" + hint);
  }
  std::string text;
  std::array<char, 65536> block{};
  while (in.read(block.data(), block.size()) || in.gcount() > 0) {
    text.append(block.data(), static_cast<std::size_t>(in.gcount()));
    if (text.size() > kMaxText) {
      return fail(Errc::kMalformed,
                  name + ": expected at most 512 MiB of text; is this the right file?");
    }
  }
  if (in.bad()) return fail(Errc::kIo, name + ": reading failed (" + reason() + ")");
  return text;
}

Result<void> write_text(const std::filesystem::path& path, const std::string& text) {
  if (is_folder(path)) {
    return fail(Errc::kIo, path.string() + ": expected a file to write, found a folder");
  }
  errno = 0;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) {
    const char* hint = errno == ENOENT ? "; does its folder exist?" : "";
    return fail(Errc::kIo, path.string() + ": cannot be written (" + reason() + ")" + hint);
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
