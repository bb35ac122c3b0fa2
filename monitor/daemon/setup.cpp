#include "monitor/daemon/setup.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "monitor/base/file.h"
#include "monitor/base/process.h"
#include "monitor/daemon/doorkeeper.h"
#include "monitor/link/directory.h"

namespace phaseguard::daemon {

namespace {

Result<policy::Document> read_policy(const std::string& file) {
  const Result<std::string> text = read_file(file, "a policy file");
  if (!text) return tl::unexpected(text.error());
  policy::Parsed parsed = policy::parse(*text, file);
  if (parsed.document) return std::move(*parsed.document);
  std::string findings;
  for (const policy::Diagnostic& finding : parsed.diagnostics) {
    findings += (findings.empty() ? "" : "; ") + policy::to_text(finding, file);
  }
  return fail(Errc::kMalformed, findings);
}

}  // namespace

Result<std::vector<PolicyChoice>> read_policies(const Config& config) {
  std::vector<PolicyChoice> choices;
  std::vector<RunPolicy> wanted = config.runs;
  if (!config.policy.empty()) wanted.push_back({"*", config.policy});
  for (const RunPolicy& run : wanted) {
    auto document = read_policy(run.file);
    if (!document) return tl::unexpected(document.error());
    choices.push_back({run.pattern, std::move(*document)});
  }
  return choices;
}

Result<link::Endpoints> endpoints_of(const Config& config) {
  link::Endpoints endpoints = link::endpoints_in(
      config.endpoint_dir.empty() ? link::default_directory() : config.endpoint_dir);
  const std::pair<const std::string*, link::Endpoint*> overridden[] = {
      {&config.telemetry, &endpoints.telemetry},
      {&config.operators, &endpoints.operators},
      {&config.query, &endpoints.query},
      {&config.feed, &endpoints.feed}};
  for (const auto& [text, endpoint] : overridden) {
    if (text->empty()) continue;
    auto parsed = link::parse_endpoint(*text);
    if (!parsed) return tl::unexpected(parsed.error());
    *endpoint = *parsed;
  }
  return endpoints;
}

link::LocalTcp local_tcp_of(const Config& config) {
  return config.allow_local_tcp ? link::LocalTcp::kOpen : link::LocalTcp::kNeedsKeys;
}

EngineSettings settings_of(const Config& config, std::vector<PolicyChoice> policies) {
  const auto ms = [](double seconds) { return static_cast<std::int64_t>(seconds * 1e3); };
  EngineSettings settings;
  settings.policies = std::move(policies);
  settings.runs_dir = config.runs_dir;
  settings.patience.silent_ms = ms(config.silent_s);
  settings.patience.lost_ms = ms(config.lost_s);
  settings.ended_ms = ms(config.ended_s);
  settings.is_dead = is_known_dead;
  return settings;
}

Result<void> make_directory(const std::string& path) {
  std::error_code fault;
  std::filesystem::create_directories(path, fault);
  if (!fault && ::access(path.c_str(), W_OK) == 0) return {};
  return fail(Errc::kIo, "the folder for run files " + path + " cannot be made or written: " +
                             (fault ? fault.message() : std::strerror(errno)));
}

Result<void> check(const Config& config) {
  if (auto policies = read_policies(config); !policies) return tl::unexpected(policies.error());
  auto endpoints = endpoints_of(config);
  if (!endpoints) return tl::unexpected(endpoints.error());
  for (const link::Endpoint* endpoint :
       {&endpoints->telemetry, &endpoints->operators, &endpoints->query, &endpoints->feed}) {
    Result<void> allowed = link::check_bind(*endpoint, !config.keys.empty(), local_tcp_of(config));
    if (!allowed) return allowed;
  }
  if (config.keys.empty()) return {};
  auto keeper = Doorkeeper::open(config.keys);
  return keeper ? Result<void>() : tl::unexpected(keeper.error());
}

}  // namespace phaseguard::daemon
