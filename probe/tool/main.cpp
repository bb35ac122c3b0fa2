// phaseguard-probe: command line only; the work is in the other files of this folder.
#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <exception>

#include "monitor/base/number_option.h"
#include "monitor/base/printable.h"
#include "probe/tool/commands.h"

namespace {

std::atomic<bool> g_stop{false};
static_assert(std::atomic<bool>::is_always_lock_free, "written by a signal handler");

void on_signal(int) { g_stop.store(true); }

using namespace phaseguard::probe_tool;

struct Words {
  FitCommand fit;
  ScoreCommand eval, score;
  InspectCommand inspect;
  PreflightCommand preflight;
};

void add_fit(CLI::App& app, FitCommand& command) {
  auto* sub = app.add_subcommand(
      "fit",
      "Fit a probe (L2 logistic regression, calibrated, with held-out quality) or, with "
      "--directions, trait directions on an activation file.");
  sub->add_option("FEATURES", command.features, "Activation file (docs/PROBE.md)")->required();
  sub->add_option("-o,--out", command.out, "File to write")->required();
  auto* held =
      sub->add_option("--held-out", command.held_out, "Activation file to calibrate and judge on");
  sub->add_option("--held-share", command.held_share,
                  "Without --held-out: share of FEATURES kept back for it, within each class")
      ->excludes(held)
      ->capture_default_str();
  sub->add_option("--l2", command.options.l2, "Penalty on the weights, > 0")->capture_default_str();
  sub->add_option("--calibration", command.calibration, "platt or temperature")
      ->check(CLI::IsMember({"platt", "temperature"}))
      ->capture_default_str();
  sub->add_option("--false-alarm-rate", command.options.false_alarm_rate,
                  "Of the saved threshold, on the held-out negatives")
      ->check(phaseguard::number_within(0.0, 1.0))
      ->capture_default_str();
  sub->add_option("--bootstrap", command.options.bootstrap, "Resamples of the intervals")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  sub->add_option("--seed", command.options.seed, "Of the split and of the bootstrap")
      ->check(phaseguard::seed_word())
      ->capture_default_str();
  sub->add_option("--date", command.options.date, "Recorded in the file (default: today, UTC)");
  auto* directions = sub->add_flag("--directions", command.directions,
                                   "Difference of means, one for each trait of the file");
  sub->add_option("--trait", command.traits, "Only this one; may be given again")
      ->allow_extra_args(false)
      ->needs(directions);
  sub->add_flag("--json", command.json, "Print JSON");
}

void add_scoring(CLI::App& app, ScoreCommand& eval, ScoreCommand& score) {
  auto* judge = app.add_subcommand(
      "eval", "Judge a probe on labelled data it was neither fitted nor calibrated on.");
  auto* apply =
      app.add_subcommand("score", "Risk of each row; with directions, drift along each of them.");
  for (auto [sub, command] : {std::pair(judge, &eval), std::pair(apply, &score)}) {
    sub->add_option("FITTED", command->fitted, "File written by fit")->required();
    sub->add_option("FEATURES", command->features, "Activation file of the same place")->required();
    sub->add_option("--max-staleness", command->max_staleness,
                    "Exit 3 when the states lie further than this from the fitting data, in sd");
    sub->add_flag("--json", command->json, "Print JSON");
  }
  judge->add_option("--bootstrap", eval.bootstrap, "Resamples of the intervals")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  judge->add_option("--seed", eval.seed, "Of the bootstrap")
      ->check(phaseguard::seed_word())
      ->capture_default_str();
  apply->add_option("--reference", score.reference,
                    "Directions: activation file of the same prompts under theta0");
}

void add_inspect(CLI::App& app, InspectCommand& command) {
  auto* sub = app.add_subcommand("inspect", "Print what a safetensors file says of itself.");
  sub->add_option("FILE", command.file, "Probe, directions or activations")->required();
  sub->add_flag("--json", command.json, "Print JSON");
}

void add_lab_options(CLI::App* sub, PreflightCommand& command, CLI::Option* samples) {
  auto* lab = sub->add_option("--lab", command.lab,
                              "Score a data set of the lab, by the names that 'phaseguard-lab data "
                              "--help' lists")
                  ->excludes(samples);
  sub->add_option("--theta0", command.theta0, "Reference of the lab (default: the shipped one)")
      ->needs(lab);
  sub->add_option("--draws", command.lab_samples, "Samples drawn from the lab's data set")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str()
      ->needs(lab);
  sub->add_option("--share", command.share, "Share of malicious samples, of mix and slow")
      ->check(phaseguard::number_within(0.0, 1.0))
      ->needs(lab);
  sub->add_option("--judge-error", command.judge_error, "Of the lab's judge")
      ->check(phaseguard::number_within(0.0, 1.0))
      ->capture_default_str()
      ->needs(lab);
  sub->add_option("--seed", command.seed, "Of the lab's run")
      ->check(phaseguard::seed_word())
      ->capture_default_str()
      ->needs(lab);
  sub->add_option("--cache", command.cache,
                  "Partial results: a pass that was interrupted goes on from this file")
      ->needs(lab);
}

void add_preflight(CLI::App& app, PreflightCommand& command) {
  auto* sub = app.add_subcommand(
      "preflight",
      "One pass of the reference over a data set before step 0: which KL weight stops it from "
      "being learned, which samples look misaligned, what a policy would do.");
  auto* samples =
      sub->add_option("SAMPLES", command.samples, "JSON Lines of scored samples (docs/PROBE.md)");
  add_lab_options(sub, command, samples);
  sub->add_option("--policy", command.policy, "Policy whose rules are rehearsed on the data");
  sub->add_option("--batch", command.batch, "Samples of a training batch")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  sub->add_option("--cadence", command.cadence, "Steps between measurements")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  sub->add_option("--measurements", command.measurements, "Of the rehearsal, after step 0")
      ->check(CLI::Range(0, 10000))
      ->capture_default_str();
  sub->add_option("--lambda", command.lambda,
                  "KL weight in question (default: the largest the policy can set)")
      ->check(phaseguard::number_within(0.0, 1e6));
  sub->add_option("--judge,--judge-scores", command.judge.scores,
                  "Scores written by `phaseguard judge score`, found by sample hash");
  phaseguard::judge::add_endpoint_options(*sub, command.judge.endpoint, "--judge-", false);
  sub->add_option("--judge-out", command.judge.out,
                  "With an endpoint: file its scores go to, and from which an interrupted run goes "
                  "on");
  sub->add_option("--judge-data", command.judge_data,
                  "With an endpoint and SAMPLES: their prompts and answers (JSON Lines)");
  sub->add_option("--clean", command.clean,
                  "Scored samples known to be harmless: the judge's errors are measured there");
  sub->add_option("--flag-llr", command.options.flag_llr, "Persona ratio above which to flag, nats")
      ->capture_default_str();
  sub->add_option("--flag-judge", command.options.flag_judge, "Judge's risk above which to flag")
      ->capture_default_str();
  sub->add_option("--html", command.html, "Write a self-contained page to this file");
  sub->add_option("--top", command.top, "Flagged samples to list")->capture_default_str();
  sub->add_flag("--json", command.json, "Print JSON, every sample included");
}

int run(int argc, char** argv) {
  CLI::App app{
      "Probes and trait directions on activation files, and the pre-flight of a data set.\n"
      "Exit codes: 0 done, 1 failed, 2 usage, 3 over a limit that was named."};
  app.set_version_flag("--version", PHASEGUARD_VERSION);
  app.require_subcommand(1);
  Words words;
  add_fit(app, words.fit);
  add_scoring(app, words.eval, words.score);
  add_inspect(app, words.inspect);
  add_preflight(app, words.preflight);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  if (app.got_subcommand("fit")) return run_fit(words.fit);
  if (app.got_subcommand("eval")) return run_eval(words.eval);
  if (app.got_subcommand("score")) return run_score(words.score);
  if (app.got_subcommand("inspect")) return run_inspect(words.inspect);
  if (words.preflight.samples.empty() && words.preflight.lab.empty()) {
    std::fprintf(stderr, "phaseguard-probe: preflight: expected a file of SAMPLES or --lab\n");
    return kUsage;
  }
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  return run_preflight(words.preflight, g_stop);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return phaseguard::exit_code_of(run(argc, argv), "phaseguard-probe");
  } catch (const std::exception& error) {
    phaseguard::print_line(stderr, "phaseguard-probe: %s", error.what());
    return kFailed;
  }
}
