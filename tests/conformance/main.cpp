// phaseguard-conformance DIR: holds the implementation against a folder of golden vectors.
// phaseguard-conformance --trainer: holds a trainer of anybody's against docs/PROTOCOL.md.
// Exit: 0 all right, 1 a case failed, 2 usage or what cannot be run, 3 the trainer does wrong.
#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <exception>
#include <iostream>
#include <string>

#include "monitor/base/number_option.h"
#include "monitor/base/printable.h"
#include "monitor/check/check.h"
#include "tests/conformance/runner.h"

namespace {

std::atomic<bool> g_stop{false};

struct Words {
  std::vector<std::string> words;  // the folder, or the trainer's command
  phaseguard::conformance::Options vectors;
  bool trainer = false;
  bool json = false;
  phaseguard::check::Options check;
};

void declare(CLI::App& app, Words& words) {
  app.add_option("DIR", words.words,
                 "Folder of vector files (*.json); with --trainer, after --: the command that "
                 "starts the trainer, in which {endpoint} stands for the endpoint");
  auto* trainer = app.add_flag("--trainer", words.trainer,
                               "Play the daemon to a trainer and list what it does wrong");
  app.add_option("--file", words.vectors.files, "Only this file; may be given several times")
      ->excludes(trainer);
  app.add_option("--op", words.vectors.operations,
                 "Only this operation; may be given several times")
      ->excludes(trainer);
  app.add_option("--endpoint-dir", words.check.endpoint_dir,
                 "Folder of the ipc sockets (default: with a command one of its own, else the "
                 "user's, where a daemon would listen)")
      ->needs(trainer);
  app.add_option("--steps", words.check.least_steps,
                 "Watch the trainer for at least so many steps, then end it")
      ->check(CLI::Range(1, 1000000000))
      ->capture_default_str()
      ->needs(trainer);
  app.add_option("--timeout", words.check.timeout_s, "Seconds that all of it may take")
      ->check(phaseguard::number_within(1.0, 86400.0))
      ->capture_default_str()
      ->needs(trainer);
  app.add_flag("--json", words.json, "Print what was found as JSON")->needs(trainer);
  app.footer(
      "A command finds the endpoint in PHASEGUARD_TELEMETRY, and under XDG_RUNTIME_DIR, where "
      "hooks "
      "look by themselves. Its knobs are moved, so give it a run whose result is not kept.\n"
      "Exit: 0 all right, 1 a case failed, 2 usage or unreadable input, 3 the trainer does wrong.");
  app.set_version_flag("--version", PHASEGUARD_VERSION);
}

int failed(const std::string& why) {
  phaseguard::print_line(stderr, "phaseguard-conformance: %s", why.c_str());
  return 2;
}

int run_vectors(const Words& words) {
  if (words.words.size() != 1) return failed("expected one folder of vectors, or --trainer");
  const auto tally = phaseguard::conformance::run_folder(
      words.words[0], words.vectors, phaseguard::conformance::all_operations(), std::cout);
  if (!tally) return failed(tally.error().message);
  std::cout << tally->passed << " passed, " << tally->failed << " failed\n";
  return tally->failed == 0 ? 0 : 1;
}

int run_trainer(Words& words) {
  words.check.command = words.words;
  std::signal(SIGINT, [](int) { g_stop.store(true); });
  std::signal(SIGTERM, [](int) { g_stop.store(true); });
  const auto report = phaseguard::check::check_trainer(words.check, g_stop);
  if (!report) return failed(report.error().message);
  phaseguard::print_lines(stdout, words.json ? phaseguard::check::to_json(*report)
                                             : phaseguard::check::to_text(*report));
  if (report->run.empty()) return failed("no trainer said hello at " + report->endpoint);
  return report->findings.wrong() == 0 ? 0 : 3;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app(
      "Runs a folder of golden vectors (schema phaseguard-vectors/1) against this build: names "
      "each "
      "case that fails with got and wanted, and closes with \"N passed, N failed\".\n"
      "With --trainer: plays the daemon to a trainer, and prints for each rule of docs/PROTOCOL.md "
      "whether it was kept.",
      "phaseguard-conformance");
  Words words;
  declare(app, words);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const int code = words.trainer ? run_trainer(words) : run_vectors(words);
  return phaseguard::exit_code_of(code, "phaseguard-conformance");
} catch (const std::exception& error) {
  return failed(error.what());
}
