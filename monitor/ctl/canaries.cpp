// `phaseguard canaries check FILE...`: what is wrong with a canary set, where, and its digest.
#include <cstdio>
#include <memory>
#include <vector>

#include "canaries/lint/canary_lint.h"
#include "monitor/base/number_option.h"
#include "monitor/base/printable.h"
#include "monitor/base/text.h"
#include "monitor/ctl/command.h"
#include "monitor/ctl/files.h"

namespace phaseguard::ctl {

namespace {

struct CheckOptions {
  std::vector<std::string> files;
  canaries::LintOptions lint;
};

nlohmann::json to_json(const std::string& file, const canaries::LintReport& report) {
  nlohmann::json findings = nlohmann::json::array();
  for (const canaries::LintFinding& one : report.findings) {
    findings.push_back(
        {{"line", one.line}, {"flaw", canaries::name_of(one.flaw)}, {"message", one.message}});
  }
  return {{"file", file},
          {"ok", report.findings.empty()},
          {"canaries", report.canaries},
          {"categories", report.categories},
          {"digest", report.digest ? nlohmann::json(hex(*report.digest)) : nlohmann::json()},
          {"findings", findings}};
}

void print_text(const std::string& file, const canaries::LintReport& report) {
  for (const canaries::LintFinding& one : report.findings) {
    const std::string place = one.line == 0 ? file : file + ":" + std::to_string(one.line);
    print_line(stdout, "%s: %s: %s", place.c_str(), canaries::name_of(one.flaw),
               one.message.c_str());
  }
  std::string categories;
  for (const auto& [tag, count] : report.categories) {
    categories += (categories.empty() ? "" : ", ") + quoted(tag, 40) + " " + std::to_string(count);
  }
  print_line(stdout, "%s: %s: %zu canaries, categories %s, digest %s", file.c_str(),
             report.findings.empty() ? "ok" : "NOT ok", report.canaries,
             categories.empty() ? "none" : categories.c_str(),
             report.digest ? hex(*report.digest).c_str() : "none, the set would not load");
}

int check_files(const CheckOptions& options, bool as_json) {
  nlohmann::json list = nlohmann::json::array();
  bool all_good = true, all_read = true;
  for (const std::string& file : options.files) {
    auto text = read_file(file, "a canary set (JSON Lines)");
    if (!text) {
      (void)failed(text.error());
      all_read = false;
      continue;
    }
    const canaries::LintReport report = canaries::lint(*text, file, options.lint);
    all_good = all_good && report.findings.empty();
    if (as_json) {
      list.push_back(to_json(file, report));
    } else {
      print_text(file, report);
    }
  }
  if (as_json) print({{"canary_sets", list}});
  if (!all_read) return kFailed;
  return all_good ? kDone : kFindings;
}

}  // namespace

void add_canaries(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("canaries", "Work with canary sets");
  group->require_subcommand(1);
  auto options = std::make_shared<CheckOptions>();
  CLI::App* check = add_command(
      *group, context, "check",
      "Read canary sets and print what is wrong as FILE:LINE: flaw: ..., then count, categories "
      "and digest. Flaws: duplicate ids and texts, texts that read alike or nearly so, empty or "
      "too "
      "long prompts, prompts that end with the answer, no or missing categories, unknown keys, "
      "bytes "
      "that are not UTF-8. Texts are compared as they read: what is not seen and the form of a "
      "character do not count.",
      [options, &context] { return check_files(*options, context.json); });
  check->add_option("FILE", options->files, "Canary sets (JSON Lines)")->required();
  check
      ->add_option("--max-bytes", options->lint.max_prompt_bytes,
                   "Longest prompt, in bytes of its messages together")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 30));
  check
      ->add_option(
          "--near", options->lint.near_identical,
          "Share of words, or of neighbours in scripts without spaces, from which two prompts are "
          "near-identical (Jaccard index)")
      ->capture_default_str()
      ->check(number_within(0.01, 1.0));
  check
      ->add_option("--categories", options->lint.categories,
                   "Tags of which each must have a canary, separated by commas")
      ->delimiter(',');
}

}  // namespace phaseguard::ctl
