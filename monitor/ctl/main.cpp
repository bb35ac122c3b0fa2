// `phaseguard`: the command line of operators and analysts. Offline commands read run files and
// policies; live ones talk to a daemon over its operator socket.
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "monitor/base/printable.h"
#include "monitor/base/text.h"
#include "monitor/ctl/command.h"

namespace {

constexpr const char* kDescription =
    "PhaseGuard's command line: watch and steer live fine-tuning runs, read their records.";
constexpr const char* kFooter =
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 findings (a decision that is not reproduced, a "
    "broken chain, a policy with errors, a canary set with flaws, a criterion that fails).\n"
    "'phaseguard COMMAND --help' has the options of a command.";

// What is wrong with a word where a command belongs; "": nothing. CLI11 would say no more than that
// a command is required.
std::string unknown_command(const CLI::App& app, int argc, char** argv) {
  const CLI::App* at = &app;
  std::string path = "phaseguard";
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    std::vector<std::string> known;
    const CLI::App* next = nullptr;
    for (const CLI::App* command : at->get_subcommands({})) {
      known.push_back(command->get_name());
      if (command->get_name() == word) next = command;
    }
    if (known.empty()) return "";
    if (!word.empty() && word[0] == '-') continue;
    if (next == nullptr) {
      const std::string near = phaseguard::nearest(word, known);
      return "there is no command " + phaseguard::quoted(word, 60) +
             (near.empty() ? "" : "; did you mean \"" + near + "\"?") + " ('" + path +
             " --help' lists them)";
    }
    at = next;
    path += " " + word;
  }
  return "";
}

int parse_and_run(int argc, char** argv) {
  using namespace phaseguard::ctl;
  CLI::App app(kDescription, "phaseguard");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("phaseguard ") + PHASEGUARD_VERSION);
  Context context;
  add_status(app, context);
  add_watch(app, context);
  add_contexts(app, context);
  add_force(app, context);
  add_force_kl(app, context);
  add_release(app, context);
  add_reset(app, context);
  add_inhibit(app, context);
  add_allow(app, context);
  add_allow_resume(app, context);
  add_runs(app, context);
  add_verify(app, context);
  add_replay(app, context);
  add_why(app, context);
  add_export(app, context);
  add_report(app, context);
  add_policy(app, context);
  add_canaries(app, context);
  add_judge(app, context);
  add_evaluate(app, context);
  add_backtest(app, context);
  add_keys(app, context);
  if (const std::string wrong = unknown_command(app, argc, argv); !wrong.empty()) {
    phaseguard::print_line(stderr, "phaseguard: %s", wrong.c_str());
    return kUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  return context.exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return phaseguard::exit_code_of(parse_and_run(argc, argv), "phaseguard");
  } catch (const std::exception& error) {
    phaseguard::print_line(stderr, "phaseguard: %s", error.what());
    return phaseguard::ctl::kFailed;
  }
}
