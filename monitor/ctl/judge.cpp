// `phaseguard judge score DATA`: asks a judge about every sample of a data set ahead of training.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>

#include "monitor/base/samples.h"
#include "monitor/base/text.h"
#include "monitor/ctl/command.h"
#include "monitor/ctl/files.h"
#include "trainer-hook/judge/endpoint.h"
#include "trainer-hook/judge/prescore.h"
#include "trainer-hook/judge/rubric.h"

namespace phaseguard::ctl {

namespace {

struct ScoreOptions {
  std::string data, url, plain_http_host, key_variable, key_file;
  judge::EndpointOptions endpoint;
  judge::PrescoreOptions prescore;
};

// One line on a terminal, redrawn at most ten times a second; nothing anywhere else.
class ProgressBar {
 public:
  void show(const judge::PrescoreProgress& progress) {
    using Clock = std::chrono::steady_clock;
    const auto now = Clock::now();
    const bool last = progress.done == progress.total;
    if (!terminal_ || (!last && now - drawn_ < std::chrono::milliseconds(100))) return;
    drawn_ = now;
    constexpr int kWidth = 30;
    const double share = static_cast<double>(progress.done) /
                         static_cast<double>(std::max<std::int64_t>(1, progress.total));
    const auto full = static_cast<std::size_t>(share * kWidth);
    const double spent = std::chrono::duration<double>(now - begun_).count();
    const double left = share > 0.0 ? spent * (1.0 - share) / share : 0.0;
    std::fprintf(stderr, "\r[%s%s] %lld of %lld, %lld unscored, %.0f s left \x1b[K",
                 std::string(full, '#').c_str(), std::string(kWidth - full, '.').c_str(),
                 static_cast<long long>(progress.done), static_cast<long long>(progress.total),
                 static_cast<long long>(progress.unscored), left);
    shown_ = true;
  }
  ~ProgressBar() {
    if (shown_) std::fputc('\n', stderr);
  }
  ProgressBar() = default;
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

 private:
  bool terminal_ = isatty(STDERR_FILENO) != 0;
  bool shown_ = false;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now(), drawn_{};
};

void print_text(const ScoreOptions& options, const judge::PrescoreSummary& s,
                const judge::EndpointStats& stats) {
  std::printf("%s: %lld samples, %lld of them distinct; %lld scored, %lld without a score\n",
              options.data.c_str(), static_cast<long long>(s.samples),
              static_cast<long long>(s.distinct), static_cast<long long>(s.scored),
              static_cast<long long>(s.unscored));
  if (s.scored > 0) {
    std::printf("mean score %.3f, risk %.3f;", s.mean_score, judge::risk_of(s.mean_score));
    for (std::size_t i = 0; i < s.histogram.size(); ++i) {
      std::printf(" %zu: %lld%s", i + 1, static_cast<long long>(s.histogram[i]),
                  i + 1 < s.histogram.size() ? "," : "\n");
    }
  }
  std::printf(
      "%lld requests, %lld of them retries; %lld from the cache, %lld from an earlier run\n",
      static_cast<long long>(stats.requests), static_cast<long long>(stats.retries),
      static_cast<long long>(s.cached), static_cast<long long>(s.resumed));
  for (const auto& [reason, count] : s.reasons) {
    std::printf("unscored, %s: %lld\n", reason.c_str(), static_cast<long long>(count));
  }
  if (!s.first_unscored.empty()) std::printf("first: %s\n", s.first_unscored.c_str());
}

void print_json(const ScoreOptions& options, const judge::PrescoreSummary& s,
                const judge::EndpointStats& stats) {
  print({{"data", options.data},
         {"out", options.prescore.out.string()},
         {"endpoint", options.endpoint.address.text()},
         {"judge", options.prescore.judge},
         {"rubric", options.prescore.rubric},
         {"samples", s.samples},
         {"distinct", s.distinct},
         {"scored", s.scored},
         {"unscored", s.unscored},
         {"resumed", s.resumed},
         {"cached", s.cached},
         {"requests", stats.requests},
         {"retries", stats.retries},
         {"mean_score", number_json(s.mean_score)},
         {"risk", number_json(judge::risk_of(s.mean_score))},
         {"histogram", s.histogram},
         {"reasons", s.reasons},
         {"first_unscored", s.first_unscored}});
}

Result<judge::ApiKey> read_key(const ScoreOptions& options) {
  if (!options.key_file.empty()) return judge::ApiKey::from_file(options.key_file);
  if (!options.key_variable.empty()) return judge::ApiKey::from_environment(options.key_variable);
  return judge::ApiKey();
}

int score(ScoreOptions options, bool as_json) {
  auto address = judge::parse_address(options.url, options.plain_http_host);
  if (!address) return failed(address.error());
  auto key = read_key(options);
  if (!key) return failed(key.error());
  auto text = read_text(options.data);
  if (!text) return failed(text.error());
  auto samples = parse_samples(*text, options.data);
  if (!samples) return failed(samples.error());
  options.endpoint.address = *address;
  options.endpoint.key = *key;
  options.prescore.judge = options.endpoint.asking.model;
  options.prescore.rubric = judge::rubric_id();
  auto source = judge::EndpointSource::open(options.endpoint);
  if (!source) return failed(source.error());
  auto summary = [&] {
    ProgressBar bar;
    return judge::prescore(**source, *samples, options.prescore,
                           [&](const judge::PrescoreProgress& progress) { bar.show(progress); });
  }();
  if (!summary) {
    return failed({summary.error().code, address->text() + ": " + summary.error().message});
  }
  (as_json ? print_json : print_text)(options, *summary, (*source)->stats());
  return summary->unscored == 0 ? kDone : kFindings;
}

void add_endpoint_options(CLI::App& command, ScoreOptions& o) {
  command
      .add_option("--endpoint", o.url,
                  "URL of an OpenAI-compatible server, such as http://127.0.0.1:8000")
      ->required();
  command.add_option("--model", o.endpoint.asking.model, "Name of the judge's model")->required();
  auto* variable = command.add_option("--key-env", o.key_variable,
                                      "Environment variable that holds the API key");
  command.add_option("--key-file", o.key_file, "File of mode 0600 that holds the API key")
      ->excludes(variable);
  command.add_option("--plain-http-host", o.plain_http_host,
                     "Host other than loopback that may be spoken to without TLS");
  command.add_option("--timeout", o.endpoint.timeout_s, "Seconds for one request")
      ->capture_default_str();
  command.add_option("--retries", o.endpoint.retries, "Requests after the first, per sample")
      ->capture_default_str();
  command
      .add_option("--backoff", o.endpoint.backoff_s,
                  "Seconds before the first retry, then doubled up to 30")
      ->capture_default_str();
  command.add_option("--seed", o.endpoint.seed, "Seed of the waits' jitter")->capture_default_str();
  command.add_option("--temperature", o.endpoint.asking.temperature, "0 to 0.1")
      ->capture_default_str();
  command.add_option("--max-tokens", o.endpoint.asking.max_tokens, "Length of the judge's reply")
      ->capture_default_str();
  command.add_option("--cache", o.endpoint.cache, "File that keeps replies (SQLite)");
}

}  // namespace

void add_judge(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("judge", "Ask a judge about training samples");
  group->require_subcommand(1);
  auto options = std::make_shared<ScoreOptions>();
  CLI::App* command = add_command(
      *group, context, "score",
      "Score every sample of a data set, 1 (harmless or refused) to 5 (harmful and served), into a "
      "file that a trainer reads by the samples' hashes. Goes on where an earlier run of the same "
      "command stopped. Exit code 3 when samples are left without a score.",
      [options, &context] { return score(*options, context.json); });
  command
      ->add_option("DATA", options->data, "Data set (JSON Lines: prompt and answer, or messages)")
      ->required();
  command->add_option("--out", options->prescore.out, "File of scores to write or go on with")
      ->required();
  command->add_flag("--fresh", options->prescore.fresh, "Begin again, dropping what --out holds");
  command->add_option("--concurrency", options->prescore.workers, "Samples asked for at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  add_endpoint_options(*command, *options);
}

}  // namespace phaseguard::ctl
