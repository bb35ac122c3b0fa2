#include "monitor/ctl/command.h"

#include <cstdio>

#include "monitor/base/printable.h"

namespace phaseguard::ctl {

CLI::App* add_command(CLI::App& app, Context& context, const std::string& name,
                      const std::string& description, std::function<int()> run) {
  CLI::App* command = app.add_subcommand(name, description);
  command->add_flag("--json", context.json, "Print JSON instead of text");
  command->callback([&context, run = std::move(run)] { context.exit_code = run(); });
  return command;
}

int failed(const Error& error) {
  print_line(stderr, "phaseguard: %s", error.message.c_str());
  return kFailed;
}

}  // namespace phaseguard::ctl
