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

// What one daemon said, or why it said nothing.
struct Answer {
  contexts::Daemon daemon;
  Result<std::vector<LiveRun>> runs;
  std::vector<std::string> refused;
};

Answer ask(const contexts::Daemon& daemon, const std::string& run, double timeout_s) {
  auto client = LiveClient::connect(daemon, run, timeout_s);
  if (!client) return {daemon, tl::unexpected(client.error()), {}};
  auto runs = client->status(run);
  return {daemon, std::move(runs), refused_lines(client->refused())};
}

// Of the daemons that may have the run.
Result<std::vector<Answer>> ask_all(const LiveOptions& options) {
  const auto daemons = options.at.daemons();
  if (!daemons) return tl::unexpected(daemons.error());
  RunId run;
  if (!options.run.empty()) {
    const auto named = contexts::run_named(options.run, *daemons);
    if (!named) return tl::unexpected(named.error());
    run = *named;
  }
  std::vector<Answer> answers;
  for (const contexts::Daemon& daemon : *daemons) {
    if (!run.place().empty() && run.place() != daemon.name) continue;
    answers.push_back(ask(daemon, run.own().text(), options.timeout_s));
  }
  return answers;
}

nlohmann::json text_or_null(const std::string& text) {
  return text.empty() ? nlohmann::json(nullptr) : nlohmann::json(text);
}

void print_answers_json(const std::vector<Answer>& answers) {
  nlohmann::json runs = nlohmann::json::array();
  nlohmann::json refused = nlohmann::json::array();
  nlohmann::json daemons = nlohmann::json::array();
  for (const Answer& answer : answers) {
    const nlohmann::json context = text_or_null(answer.daemon.name);
    const bool answers_us = answer.runs.has_value();
    daemons.push_back({{"context", context},
                       {"place", answer.daemon.place()},
                       {"answers", answers_us},
                       {"error", text_or_null(answers_us ? "" : answer.runs.error().message)}});
    for (const std::string& line : answer.refused) refused.push_back(line);
    if (!answers_us) continue;
    for (const LiveRun& run : *answer.runs) {
      runs.push_back(status_json(run.header, run.status));
      runs.back()["context"] = context;
    }
  }
  print({{"runs", runs}, {"refused", refused}, {"daemons", daemons}});
}

void print_answer(const Answer& answer, bool is_one_of_several) {
  const std::string of = is_one_of_several ? " of context " + answer.daemon.name : "";
  if (answer.runs->empty()) {
    print_line(stdout, "the daemon%s runs; no trainer has said hello yet", of.c_str());
  }
  for (const LiveRun& run : *answer.runs) {
    wire::Header header = run.header;
    if (is_one_of_several) header.run = header.run.within(answer.daemon.name);
    print_lines(stdout, status_text(header, run.status));
  }
  for (const std::string& line : answer.refused) print_line(stdout, "! %s", line.c_str());
}

// One that does not answer does not hide the others.
int show_status(const LiveOptions& options, bool as_json) {
  const auto answers = ask_all(options);
  if (!answers) return failed(answers.error());
  const bool is_one = answers->size() == 1;
  if (is_one && !answers->front().runs) return failed(answers->front().runs.error());
  if (as_json) print_answers_json(*answers);
  int code = kDone;
  for (const Answer& answer : *answers) {
    if (answer.runs && !as_json) print_answer(answer, options.at.contexts.size() > 1);
    if (!answer.runs) code = failed(answer.runs.error());
  }
  return code;
}

}  // namespace

void add_status(CLI::App& app, Context& context) {
  auto options = std::make_shared<LiveOptions>();
  CLI::App* command = add_command(
      app, context, "status",
      "Show every run the daemon knows (or one, with --run): link, knobs as decided, sent and "
      "applied, rules, detectors, signals. With --connect more than once, of each daemon.",
      [options, &context] { return show_status(*options, context.json); });
  options->add_to(*command, DaemonOptions::Many::kSeveral);
}

}  // namespace phaseguard::ctl
