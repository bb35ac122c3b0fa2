// phaseguardd: flags, then the loop. Exit codes: 0 done, 1 failed, 2 usage.
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "monitor/base/printable.h"
#include "monitor/daemon/config.h"
#include "monitor/daemon/log.h"
#include "monitor/daemon/loop.h"
#include "monitor/link/directory.h"

namespace {

using phaseguard::daemon::Config;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

struct Flags {
  Config values;  // what flags and environment say
  std::string config_file;
  bool print_config = false;
  bool check = false;
};

void declare(CLI::App& app, Flags& flags) {
  Config& c = flags.values;
  app.add_option("--config", flags.config_file, "TOML configuration file")
      ->envname("PHASEGUARD_CONFIG");
  app.add_option("--policy", c.policy,
                 "Policy file for every run that no [[run]] of the configuration matches")
      ->envname("PHASEGUARD_POLICY");
  app.add_option("--runs-dir", c.runs_dir,
                 "Folder of run files (default: $XDG_STATE_HOME/phaseguard/runs)")
      ->envname("PHASEGUARD_RUNS_DIR");
  app.add_option("--endpoint-dir", c.endpoint_dir,
                 "Folder of the ipc sockets (default: $XDG_RUNTIME_DIR/phaseguard)")
      ->envname("PHASEGUARD_ENDPOINT_DIR");
  app.add_option("--telemetry", c.telemetry,
                 "Endpoint for trainers: ipc:///path or tcp://127.0.0.1:port")
      ->envname("PHASEGUARD_TELEMETRY");
  app.add_option("--operator", c.operators, "Endpoint for operators")
      ->envname("PHASEGUARD_OPERATOR");
  app.add_option("--query", c.query, "Endpoint for the questions of viewers")
      ->envname("PHASEGUARD_QUERY");
  app.add_option("--feed", c.feed, "Endpoint for what viewers are shown")
      ->envname("PHASEGUARD_FEED");
  app.add_option("--keys", c.keys,
                 "Folder of keys, as `phaseguard keys` makes it: nobody comes in at any endpoint "
                 "without a granted key (default: none is asked for)")
      ->envname("PHASEGUARD_KEYS");
  app.add_flag("--allow-local-tcp", c.allow_local_tcp,
               "Let every user of this machine use tcp endpoints on 127.0.0.1 without a key");
  app.add_option("--http", c.http, "Serve /metrics, /-/healthy and /-/ready at 127.0.0.1:port")
      ->envname("PHASEGUARD_HTTP");
  app.add_option("--log-level", c.log_level,
                 "trace, debug, info, warning, error or off (default: info)")
      ->envname("PHASEGUARD_LOG_LEVEL")
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "off"}));
  app.add_flag("--print-config", flags.print_config, "Print the configuration in force and end");
  app.add_flag("--check", flags.check, "Check configuration, policies and endpoints, and end");
  app.set_version_flag("--version", "phaseguardd " PHASEGUARD_VERSION);
  app.footer(
      "A flag wins over its PHASEGUARD_* variable, that over the configuration file. SIGHUP reads "
      "the policies again (for runs "
      "that begin afterwards), the list of keys is read again whenever it changes; SIGINT and "
      "SIGTERM end the daemon in good order.\nExit codes: 0 "
      "done, 1 failed, 2 usage.");
}

// Flags and environment over the file over the defaults.
Config merged(const Flags& flags, Config config) {
  const Config& f = flags.values;
  const std::pair<const std::string*, std::string*> fields[] = {
      {&f.policy, &config.policy},
      {&f.runs_dir, &config.runs_dir},
      {&f.endpoint_dir, &config.endpoint_dir},
      {&f.telemetry, &config.telemetry},
      {&f.operators, &config.operators},
      {&f.query, &config.query},
      {&f.feed, &config.feed},
      {&f.keys, &config.keys},
      {&f.http, &config.http},
      {&f.log_level, &config.log_level}};
  for (const auto& [from, to] : fields) {
    if (!from->empty()) *to = *from;
  }
  config.allow_local_tcp = config.allow_local_tcp || f.allow_local_tcp;
  if (config.runs_dir.empty()) {
    config.runs_dir =
        phaseguard::daemon::default_runs_dir(environment("XDG_STATE_HOME"), environment("HOME"));
  }
  if (config.endpoint_dir.empty()) config.endpoint_dir = phaseguard::link::default_directory();
  if (config.log_level.empty()) config.log_level = "info";
  return config;
}

int failed(const phaseguard::Error& error, int code) {
  phaseguard::print_line(stderr, "phaseguardd: %s", error.message.c_str());
  return code;
}

int run(const Flags& flags) {
  Config config;
  if (!flags.config_file.empty()) {
    auto read = phaseguard::daemon::read_config(flags.config_file);
    if (!read) return failed(read.error(), 2);
    config = std::move(*read);
  }
  config = merged(flags, std::move(config));
  if (flags.print_config) {
    std::printf("%s", phaseguard::daemon::to_toml(config).c_str());
    return 0;
  }
  if (const auto checked = phaseguard::daemon::check(config); !checked)
    return failed(checked.error(), 2);
  if (flags.check) {
    std::printf("configuration, policies and endpoints are in order\n");
    return 0;
  }
  spdlog::set_default_logger(spdlog::stderr_color_mt("phaseguardd"));
  spdlog::set_level(spdlog::level::from_str(config.log_level));
  spdlog::set_formatter(phaseguard::daemon::log_formatter());
  if (const auto served = phaseguard::daemon::serve(config); !served)
    return failed(served.error(), 1);
  return 0;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app{
      "The PhaseGuard daemon: takes in a trainer's signals, decides by declared policy, records "
      "everything, sends the KL weight back and publishes to viewers.",
      "phaseguardd"};
  Flags flags;
  flags.values.log_level.clear();
  declare(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return run(flags);
}

}  // namespace

int main(int argc, char** argv) {
  ::umask(S_IRWXG | S_IRWXO);  // a record holds what was trained on: its user's alone
  try {
    return phaseguard::exit_code_of(parse_and_run(argc, argv), "phaseguardd");
  } catch (const std::exception& error) {
    phaseguard::print_line(stderr, "phaseguardd: %s", error.what());
    return 1;
  }
}
