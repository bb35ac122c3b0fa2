// `phaseguard status`: what the daemon knows now, of one run or of all.
#include <cstdio>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "monitor/base/printable.h"
#include "monitor/ctl/command.h"
#include "monitor/ctl/files.h"
#include "monitor/ctl/live/live_client.h"
#include "monitor/ctl/live/status_text.h"

namespace phaseguard::ctl {

namespace {

std::vector<std::string> refused_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

int show_status(const LiveOptions& options, bool as_json) {
  auto client = LiveClient::connect(options);
  if (!client) return failed(client.error());
  const auto runs = client->status(options.run);
  if (!runs) return failed(runs.error());
  if (as_json) {
    nlohmann::json list = nlohmann::json::array();
    for (const LiveRun& run : *runs) list.push_back(status_json(run.header, run.status));
    print({{"runs", list}, {"refused", refused_lines(client->refused())}});
    return kDone;
  }
  if (runs->empty()) std::printf("the daemon runs; no trainer has said hello yet\n");
  for (const LiveRun& run : *runs) print_lines(stdout, status_text(run.header, run.status));
  for (const std::string& line : refused_lines(client->refused()))
    print_line(stdout, "! %s", line.c_str());
  return kDone;
}

}  // namespace

void add_status(CLI::App& app, Context& context) {
  auto options = std::make_shared<LiveOptions>();
  CLI::App* command = add_command(
      app, context, "status",
      "Show every run the daemon knows (or one, with --run): link, knobs as decided, sent and "
      "applied, rules, detectors, signals.",
      [options, &context] { return show_status(*options, context.json); });
  options->add_to(*command);
}

}  // namespace phaseguard::ctl
