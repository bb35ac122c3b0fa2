// `phaseguard backtest --policy P... RUNS...`.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "monitor/base/number_option.h"
#include "monitor/base/printable.h"
#include "monitor/ctl/backtest/backtest.h"
#include "monitor/ctl/command.h"
#include "monitor/ctl/files.h"
#include "monitor/store/writer.h"

namespace phaseguard::ctl {

namespace {

struct Asked {
  std::vector<std::string> policies, runs;
  std::string labels, criteria, html;
  std::int64_t until_step = -1;
  BacktestOptions options;
};

Result<void> read_inputs(Asked& asked) {
  asked.options.until_step = Step{asked.until_step};
  if (!asked.labels.empty()) {
    auto text = read_file(asked.labels, "labels of runs");
    if (!text) return tl::unexpected(text.error());
    auto labels = parse_labels(*text, asked.labels);
    if (!labels) return tl::unexpected(labels.error());
    asked.options.labels = std::move(*labels);
    asked.options.labels_file = asked.labels;
  }
  if (!asked.criteria.empty()) {
    auto text = read_file(asked.criteria, "criteria");
    if (!text) return tl::unexpected(text.error());
    auto criteria = parse_criteria(*text, asked.criteria);
    if (!criteria) return tl::unexpected(criteria.error());
    asked.options.criteria = std::move(*criteria);
  }
  return {};
}

int run_backtest(Asked asked, bool as_json) {
  if (!asked.html.empty()) {
    if (auto taken = check_output(asked.html); !taken) return failed(taken.error());
  }
  if (auto read = read_inputs(asked); !read) return failed(read.error());
  std::vector<policy::Document> documents;
  for (const std::string& file : asked.policies) {
    auto document = read_policy(file);
    if (!document) return failed(document.error());
    for (std::size_t i = 0; i < documents.size(); ++i) {
      if (documents[i].digest != document->digest) continue;
      return failed({Errc::kInvalidArgument,
                     file + ": the same policy as " + asked.policies[i] + "; give each once"});
    }
    documents.push_back(std::move(*document));
  }
  auto files = files_named(asked.runs, store::kExtension, "run files");
  if (!files) return failed(files.error());
  auto result = backtest(documents, asked.policies, *files, asked.options);
  if (!result) return failed(result.error());
  if (!asked.html.empty()) {
    if (auto done = write_file(asked.html, backtest_page(*result)); !done) {
      return failed(done.error());
    }
  }
  if (as_json) {
    print(backtest_json(*result));
  } else {
    print_lines(stdout, backtest_text(*result));
  }
  if (!result->passed()) return kFindings;
  for (const PolicyScore& policy : result->policies) {
    if (!policy.runs.empty()) continue;
    return failed({Errc::kRefused, policy.file + ": fits none of these runs, so nothing was "
                                                 "measured for it; \"left out\" says why"});
  }
  return kDone;
}

}  // namespace

void add_backtest(CLI::App& app, Context& context) {
  auto asked = std::make_shared<Asked>();
  CLI::App* command = add_command(
      app, context, "backtest",
      "Would these policies have told malicious runs from harmless ones? Runs each policy over "
      "recordings labelled malicious or harmless and prints detection and false-alarm rates with "
      "95 % intervals, lead times, lambda spent, the AUC of each detector with its "
      "bootstrap "
      "interval, and whether declared criteria hold. Exit code 3 when a criterion fails.",
      [asked, &context] { return run_backtest(*asked, context.json); });
  command->add_option("RUN", asked->runs, "Run files (NAME.phaseguard), or folders of them")
      ->required();
  command->add_option("--policy", asked->policies, "Policy file (TOML); once per policy")
      ->required()
      ->allow_extra_args(false);
  command->add_option(
      "--labels", asked->labels,
      "CSV run,label[,harm_step[,group]]: malicious or harmless, before the label in the "
      "recording; harm_step: lead times count to it");
  command->add_option("--criteria", asked->criteria,
                      "File of lines such as: detection >= 0.9 | false_alarm <= 0.1 | "
                      "lambda_steps_harmless <= 5 | auc judge >= 0.8 (docs/POLICY.md)");
  command->add_option("--rule", asked->options.rule,
                      "Count a run as detected when this rule fires, and only then");
  command
      ->add_option("--until-step", asked->until_step,
                   "Take the detectors' largest values up to this step only")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1000000000000}));
  command->add_flag(
      "--until-raise", asked->options.until_raise,
      "Take the detectors' largest values of each run from before its own first raise "
      "or rollback only: later ones were made under it");
  command->add_flag("--include-intervened", asked->options.include_intervened,
                    "Also runs under a policy in shadow mode in which an operator raised a knob; "
                    "they are left out otherwise, by name");
  command->add_option("--resamples", asked->options.resamples, "Bootstrap resamples")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  command->add_option("--seed", asked->options.seed, "Seed of the bootstrap")
      ->check(seed_word())
      ->capture_default_str();
  command->add_option("--html", asked->html, "Also write one self-contained page with plots");
}

}  // namespace phaseguard::ctl
