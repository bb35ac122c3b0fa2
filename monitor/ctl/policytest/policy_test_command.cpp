// `phaseguard policy test FILE...`: series in, decisions expected.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include "monitor/base/printable.h"
#include "monitor/base/table_text.h"
#include "monitor/ctl/command.h"
#include "monitor/ctl/files.h"
#include "monitor/ctl/policytest/policy_script.h"
#include "monitor/ctl/text_lines.h"

namespace phaseguard::ctl {

namespace {

constexpr const char* kExtension = ".policytest";

void print_failure(const std::string& file, const TestResult& result) {
  print_line(stdout, "FAIL %s:%d: %s", file.c_str(), result.line, result.name.c_str());
  for (const ScriptFinding& finding : result.findings) {
    std::printf("  step %lld, line %d\n", static_cast<long long>(finding.step), finding.line);
    print_line(stdout, "    - %s",
               finding.expected.empty() ? "nothing else" : finding.expected.c_str());
    print_line(stdout, "    + %s", finding.found.c_str());
  }
  print_line(stdout, "  what the policy decided%s", result.decisions.empty() ? ": nothing" : ":");
  for (const std::string& decision : result.decisions)
    print_line(stdout, "    %s", decision.c_str());
}

void print_result(const std::string& file, const TestResult& result, bool verbose) {
  if (!result.findings.empty()) {
    print_failure(file, result);
    return;
  }
  if (!verbose) return;
  print_line(stdout, "pass %s:%d: %s", file.c_str(), result.line, result.name.c_str());
  for (const std::string& decision : result.decisions)
    print_line(stdout, "    %s", decision.c_str());
}

nlohmann::json result_json(const TestResult& result) {
  nlohmann::json findings = nlohmann::json::array();
  for (const ScriptFinding& finding : result.findings) {
    findings.push_back({{"line", finding.line},
                        {"step", finding.step},
                        {"expected", finding.expected},
                        {"found", finding.found}});
  }
  return {{"test", result.name},
          {"line", result.line},
          {"pass", result.findings.empty()},
          {"findings", findings},
          {"decisions", result.decisions}};
}

int test_policies(const std::vector<std::string>& named, bool verbose, bool as_json) {
  auto files = files_named(named, kExtension, "policy tests");
  if (!files) {
    (void)failed(files.error());
    return kUsage;
  }
  nlohmann::json list = nlohmann::json::array();
  std::int64_t passed = 0, all = 0;
  for (const std::string& file : *files) {
    auto text = read_file(file, "a policy test");
    auto script =
        text ? parse_script(*text, file) : Result<Script>(tl::unexpected<Error>(text.error()));
    if (!script) {
      (void)failed(script.error());
      return kUsage;
    }
    nlohmann::json results = nlohmann::json::array();
    for (const ScriptTest& test : script->tests) {
      const TestResult result = run_test(*script, test);
      ++all;
      passed += result.findings.empty() ? 1 : 0;
      results.push_back(result_json(result));
      if (!as_json) print_result(file, result, verbose);
    }
    list.push_back({{"file", file}, {"policy", script->document.name}, {"tests", results}});
  }
  if (as_json) {
    print({{"files", list}, {"tests", all}, {"passed", passed}});
  } else {
    print_line(stdout, "%lld of %s pass", static_cast<long long>(passed),
               counted(all, "test").c_str());
  }
  return passed == all ? kDone : kFindings;
}

}  // namespace

void add_policy_test(CLI::App& group, Context& context) {
  auto files = std::make_shared<std::vector<std::string>>();
  auto verbose = std::make_shared<bool>(false);
  CLI::App* command = add_command(
      group, context, "test",
      "Play text scripts (series in, decisions expected) through their policies. Exit code 3 with "
      "a "
      "diff when a decision is not the expected one, 2 when a script cannot be read. "
      "docs/POLICY.md, \"Testing a policy\", has the language; assets/policies/tests has examples.",
      [files, verbose, &context] { return test_policies(*files, *verbose, context.json); });
  command->add_option("FILE", *files, "Policy tests (*.policytest), or folders of them")
      ->required();
  command->add_flag("-v,--verbose", *verbose, "Also print what passed, and every decision");
}

}  // namespace phaseguard::ctl
