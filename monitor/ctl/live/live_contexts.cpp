// `phaseguard contexts`: the daemons that have a name, and whether each answers.
#include <cstdio>
#include <filesystem>
#include <future>
#include <memory>

#include "monitor/base/number_option.h"
#include "monitor/base/printable.h"
#include "monitor/base/table_text.h"
#include "monitor/ctl/command.h"
#include "monitor/ctl/files.h"
#include "monitor/ctl/live/live_client.h"

namespace phaseguard::ctl {

namespace {

struct ContextsOptions {
  DaemonOptions at;
  double timeout_s = 2.0;
};

Result<std::size_t> runs_of(const contexts::Daemon& daemon, double timeout_s) {
  const auto keyed = contexts::with_key(daemon, "");
  if (!keyed) return tl::unexpected(keyed.error());
  auto client = LiveClient::connect(*keyed, "", timeout_s);
  if (!client) return tl::unexpected(client.error());
  const auto runs = client->status("");
  if (!runs) return tl::unexpected(runs.error());
  return runs->size();
}

std::string answer_text(const Result<std::size_t>& runs) {
  if (runs) return "answers, " + counted(static_cast<std::int64_t>(*runs), "run");
  return runs.error().code == Errc::kTimeout ? "no answer" : runs.error().message;
}

int none_yet(const std::string& file, bool as_json) {
  if (as_json) {
    print({{"file", file}, {"contexts", nlohmann::json::array()}});
    return kDone;
  }
  print_line(stdout, "no contexts: there is no %s", file.c_str());
  std::printf(
      "an entry of it is\n  [context.lab]\n  endpoint_dir = \"/run/user/1000/phaseguard\"\n"
      "or\n  [context.cluster]\n  operator = \"tcp://127.0.0.1:7001\"\n"
      "  feed = \"tcp://127.0.0.1:7002\"\n");
  return kDone;
}

// All are asked at once: one that is silent does not hold up the others.
int show_contexts(const ContextsOptions& options, bool as_json) {
  const std::string file = options.at.file();
  if (options.at.contexts_file.empty() && !std::filesystem::exists(file)) {
    return none_yet(file, as_json);
  }
  const auto daemons = contexts::read(file);
  if (!daemons) return failed(daemons.error());
  std::vector<std::future<Result<std::size_t>>> asked;
  for (const contexts::Daemon& daemon : *daemons) {
    asked.push_back(std::async(std::launch::async, runs_of, daemon, options.timeout_s));
  }
  nlohmann::json list = nlohmann::json::array();
  for (std::size_t i = 0; i < daemons->size(); ++i) {
    const contexts::Daemon& daemon = (*daemons)[i];
    const auto runs = asked[i].get();
    list.push_back({{"name", daemon.name},
                    {"operator", daemon.operators.text()},
                    {"feed", daemon.feed.text()},
                    {"answers", runs.has_value()},
                    {"runs", runs ? nlohmann::json(*runs) : nlohmann::json(nullptr)},
                    {"text", answer_text(runs)}});
    if (as_json) continue;
    const std::string line =
        padded(daemon.name, 16) + padded(daemon.place(), 44) + answer_text(runs);
    print_line(stdout, "%s", line.c_str());
  }
  if (as_json) print({{"file", file}, {"contexts", list}});
  if (!as_json && daemons->empty()) print_line(stdout, "no contexts in %s", file.c_str());
  return kDone;
}

}  // namespace

void add_contexts(CLI::App& app, Context& context) {
  auto options = std::make_shared<ContextsOptions>();
  CLI::App* command = add_command(
      app, context, "contexts",
      "List the daemons that have a name for --connect, where each is and whether it answers.",
      [options, &context] { return show_contexts(*options, context.json); });
  options->at.add_file_to(*command);
  command->add_option("--timeout", options->timeout_s, "Seconds to wait for each daemon")
      ->check(number_within(0.1, 3600.0))
      ->capture_default_str();
}

}  // namespace phaseguard::ctl
