// A judge as a command line names it: an endpoint with its options, or a file of scores. Shared by
// the programs that take one (`phaseguard judge score`, `phaseguard evaluate`, `phaseguard-lab`,
// `phaseguard-probe preflight`), so that the same words mean the same everywhere. Blocks its
// caller.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "trainer-hook/judge/endpoint.h"
#include "trainer-hook/judge/prescore.h"
#include "trainer-hook/judge/source.h"

namespace phaseguard::judge {

struct EndpointWords {
  std::string url, plain_http_host, key_variable, key_file;
  EndpointOptions options;  // address and key are filled in by open_endpoint
};
// Errors: an address or a key that cannot be used; as EndpointSource::open.
[[nodiscard]] Result<std::unique_ptr<EndpointSource>> open_endpoint(EndpointWords words);

// Scores that stand before anything is done with them: read from `scores`, or asked for now and
// kept in `out`.
struct TableWords {
  EndpointWords endpoint;
  std::string scores;  // file of `phaseguard judge score`; empty: none
  std::string out;     // with an endpoint: where its scores go, and from where it goes on
  int workers = 4;

  [[nodiscard]] bool named() const { return !scores.empty() || !endpoint.url.empty(); }
};
// What is wrong with the combination, as a matter of usage: both or half of an endpoint.
[[nodiscard]] Result<void> check(const TableWords& words, const std::string& prefix);
// Errors: as TableSource::load, open_endpoint and prescore; a judge that gave no score at all.
[[nodiscard]] Result<std::unique_ptr<TableSource>> open_table(
    const TableWords& words, const std::vector<TrainingSample>& samples,
    const std::function<void(const PrescoreProgress&)>& on_progress = {});

// One line on stderr where that is a terminal, redrawn at most ten times a second; nothing anywhere
// else. One thread.
class ProgressBar {
 public:
  ProgressBar();
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  void show(const PrescoreProgress& progress);

 private:
  bool terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now(), drawn_{};
};

// The options of an endpoint on a CLI::App, each name after `prefix` ("--" or "--judge-"). A
// template, so that this room needs no command-line library.
template <class App>
void add_endpoint_options(App& command, EndpointWords& words, const std::string& prefix,
                          bool required) {
  command
      .add_option(prefix + "endpoint", words.url,
                  "URL of an OpenAI-compatible server, such as http://127.0.0.1:8000")
      ->required(required);
  command.add_option(prefix + "model", words.options.asking.model, "Name of the judge's model")
      ->required(required);
  auto* variable = command.add_option(prefix + "key-env", words.key_variable,
                                      "Environment variable that holds the API key");
  command
      .add_option(prefix + "key-file", words.key_file, "File of mode 0600 that holds the API key")
      ->excludes(variable);
  command.add_option(prefix + "plain-http-host", words.plain_http_host,
                     "Host other than loopback that may be spoken to without TLS");
  command.add_option(prefix + "timeout", words.options.timeout_s, "Seconds for one request")
      ->capture_default_str();
  command
      .add_option(prefix + "retries", words.options.retries, "Requests after the first, per sample")
      ->capture_default_str();
  command
      .add_option(prefix + "backoff", words.options.backoff_s,
                  "Seconds before the first retry, then doubled up to 30")
      ->capture_default_str();
  command
      .add_option(prefix + "temperature", words.options.asking.temperature,
                  "Of the judge, 0 to 0.1")
      ->capture_default_str();
  command
      .add_option(prefix + "max-tokens", words.options.asking.max_tokens,
                  "Length of the judge's reply")
      ->capture_default_str();
  command.add_option(prefix + "cache", words.options.cache, "File that keeps replies (SQLite)");
}

template <class App>
void add_table_options(App& command, TableWords& words, const std::string& prefix) {
  command.add_option(prefix + "scores", words.scores,
                     "Scores of these samples, as 'phaseguard judge score' wrote them");
  add_endpoint_options(command, words.endpoint, prefix, false);
  command.add_option(prefix + "out", words.out,
                     "With an endpoint: file its scores go to, and from which an interrupted run "
                     "goes on");
}

}  // namespace phaseguard::judge
