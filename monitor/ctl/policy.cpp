// `phaseguard policy check FILE...`: what is wrong with a policy, where, and what to do.
#include <cstdio>
#include <memory>
#include <vector>

#include "monitor/ctl/command.h"
#include "monitor/ctl/files.h"
#include "monitor/policy/document.h"

namespace phaseguard::ctl {

namespace {

nlohmann::json to_json(const policy::Diagnostic& diagnostic) {
  const bool error = diagnostic.severity == policy::Severity::kError;
  return {{"severity", error ? "error" : "warning"},
          {"line", diagnostic.line},
          {"column", diagnostic.column},
          {"message", diagnostic.message}};
}

int check_files(const std::vector<std::string>& files, bool as_json) {
  nlohmann::json list = nlohmann::json::array();
  bool all_good = true;
  for (const std::string& file : files) {
    auto text = read_text(file);
    if (!text) {
      (void)failed(text.error());
      return kUsage;
    }
    const policy::Parsed parsed = policy::parse(*text, file);
    all_good = all_good && parsed.document.has_value();
    nlohmann::json diagnostics = nlohmann::json::array();
    for (const policy::Diagnostic& diagnostic : parsed.diagnostics) {
      diagnostics.push_back(to_json(diagnostic));
      if (!as_json) std::printf("%s\n", policy::to_text(diagnostic, file).c_str());
    }
    if (as_json) {
      list.push_back({{"file", file},
                      {"ok", parsed.document.has_value()},
                      {"name", parsed.document ? parsed.document->name : ""},
                      {"digest", parsed.document ? parsed.document->digest : ""},
                      {"diagnostics", diagnostics}});
    } else if (parsed.document) {
      std::printf("%s: ok: policy %s, %zu detectors, %zu rules, mode %s\n", file.c_str(),
                  parsed.document->name.c_str(), parsed.document->detectors.size(),
                  parsed.document->rules.size(), policy::mode_of(*parsed.document));
    }
  }
  if (as_json) print({{"policies", list}});
  return all_good ? kDone : kFindings;
}

}  // namespace

void add_policy(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("policy", "Work with policy files");
  group->require_subcommand(1);
  auto files = std::make_shared<std::vector<std::string>>();
  CLI::App* check = add_command(
      *group, context, "check",
      "Read policy files and print what is wrong as FILE:LINE:COLUMN: error: ... Exit code 3 when "
      "there is an error, 2 when a file cannot be read.",
      [files, &context] { return check_files(*files, context.json); });
  check->add_option("FILE", *files, "Policy files (TOML)")->required();
  add_policy_test(*group, context);
}

}  // namespace phaseguard::ctl
