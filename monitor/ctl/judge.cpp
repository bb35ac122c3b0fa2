// `phaseguard judge score DATA`: asks a judge about every sample of a data set ahead of training.
#include <cstdio>
#include <memory>

#include "monitor/base/number_option.h"
#include "monitor/base/printable.h"
#include "monitor/ctl/command.h"
#include "monitor/ctl/files.h"
#include "trainer-hook/judge/command_options.h"
#include "trainer-hook/judge/prescore.h"
#include "trainer-hook/judge/report.h"
#include "trainer-hook/judge/rubric.h"
#include "trainer-hook/samples/samples.h"

namespace phaseguard::ctl {

namespace {

struct ScoreOptions {
  std::string data;
  judge::EndpointWords endpoint;
  judge::PrescoreOptions prescore;
  double most_lost = judge::kMostLost;
};

double lost_share(const judge::PrescoreSummary& s) {
  return s.samples == 0 ? 0.0 : static_cast<double>(s.unscored) / static_cast<double>(s.samples);
}

bool is_alert(const ScoreOptions& options, const judge::PrescoreSummary& s) {
  return lost_share(s) > options.most_lost;
}

void print_text(const ScoreOptions& options, const judge::PrescoreSummary& s,
                const judge::EndpointStats& stats) {
  print_line(stdout, "%s: %lld samples, %lld of them distinct; %lld scored, %lld without a score",
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
    print_line(stdout, "unscored, %s: %lld", reason.c_str(), static_cast<long long>(count));
  }
  if (!s.first_unscored.empty()) print_line(stdout, "first: %s", s.first_unscored.c_str());
  if (is_alert(options, s)) {
    print_line(
        stdout,
        "alert: the replies of %lld of %lld samples are lost, a share of %.3f, above the "
        "declared %s: what is scored may not stand for the rest; look at the first one, then "
        "ask again by the same command",
        static_cast<long long>(s.unscored), static_cast<long long>(s.samples), lost_share(s),
        number_text(options.most_lost).c_str());
  }
}

void print_json(const ScoreOptions& options, const judge::PrescoreSummary& s,
                const judge::EndpointStats& stats) {
  print({{"data", options.data},
         {"out", options.prescore.out.string()},
         {"endpoint", options.endpoint.url},
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
         {"lost", lost_share(s)},
         {"most_lost", options.most_lost},
         {"alert", is_alert(options, s)},
         {"first_unscored", s.first_unscored}});
}

int score(ScoreOptions options, bool as_json) {
  auto source = judge::open_endpoint(options.endpoint);
  if (!source) return failed(source.error());
  const auto address = judge::parse_address(options.endpoint.url, options.endpoint.plain_http_host);
  if (address) options.endpoint.url = address->text();  // the whole of it, in what is printed
  auto text = read_file(options.data, "a data set (JSON Lines)");
  if (!text) return failed(text.error());
  auto samples = parse_samples(*text, options.data);
  if (!samples) return failed(samples.error());
  options.prescore.judge = options.endpoint.options.asking.model;
  options.prescore.rubric = judge::rubric_id();
  auto summary = [&] {
    judge::ProgressBar bar;
    return judge::prescore(**source, *samples, options.prescore,
                           [&](const judge::PrescoreProgress& progress) { bar.show(progress); });
  }();
  if (!summary) {
    return failed({summary.error().code, options.endpoint.url + ": " + summary.error().message});
  }
  (as_json ? print_json : print_text)(options, *summary, (*source)->stats());
  return summary->unscored == 0 ? kDone : kFindings;
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
      ->add_option(
          "DATA", options->data,
          "Data set (JSON Lines: prompt and answer, or messages; TRL's lists of turns too)")
      ->required();
  command->add_option("--out", options->prescore.out, "File of scores to write or go on with")
      ->required();
  command->add_flag("--fresh", options->prescore.fresh, "Begin again, dropping what --out holds");
  command
      ->add_option("--most-lost", options->most_lost,
                   "Share of samples without a score, 0 to 1, above which that is an alert")
      ->capture_default_str()
      ->check(number_within(0.0, 1.0));
  command->add_option("--concurrency", options->prescore.workers, "Samples asked for at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  judge::add_endpoint_options(*command, options->endpoint, "--", true);
  command->add_option("--seed", options->endpoint.options.seed, "Seed of the waits' jitter")
      ->check(seed_word())
      ->capture_default_str();
}

}  // namespace phaseguard::ctl
