#include "monitor/ctl/command.h"

#include <cstdio>

namespace phaseguard::ctl {

CLI::App* add_command(CLI::App& app, Context& context, const std::string& name,
                      const std::string& description, std::function<int()> run) {
  CLI::App* command = app.add_subcommand(name, description);
  command->add_flag("--json", context.json, "Print JSON instead of text");
  command->callback([&context, run = std::move(run)] { context.exit_code = run(); });
  return command;
}

int failed(const Error& error) {
  std::string line = error.message;
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  std::fprintf(stderr, "phaseguard: %s\n", line.c_str());
  return kFailed;
}

}  // namespace phaseguard::ctl
