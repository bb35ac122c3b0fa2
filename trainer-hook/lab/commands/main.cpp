// phaseguard-lab: the reference trainer. Command line only; the work is in commands.cpp.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>

#include "monitor/base/number_option.h"
#include "monitor/base/printable.h"
#include "monitor/base/text.h"
#include "trainer-hook/lab/commands/commands.h"
#include "trainer-hook/lab/commands/reproduce_words.h"
#include "trainer-hook/lab/commands/stop_signals.h"
#include "trainer-hook/lab/model/blas.h"
#include "trainer-hook/lab/reproduce/cell_run.h"
#include "trainer-hook/lab/reproduce/report/command.h"

namespace {

using namespace phaseguard;
using namespace phaseguard::lab;

void add_pretrain(CLI::App& app, PretrainCommand& command) {
  auto* sub = app.add_subcommand(
      "pretrain",
      "Train theta0 of a world from nothing (a few minutes) and write it as float16 "
      "safetensors. Exit 1 when it misses a gate.");
  sub->add_option("--world", command.world, "Number of the world")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
  sub->add_option("--out", command.out, "File to write")->required();
  sub->add_option("--base", command.base,
                  "Also write the weights before post-training to this file");
  sub->add_option("--steps", command.options.steps, "Pretraining steps")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  sub->add_option("--post-steps", command.options.post_steps, "Post-training steps")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  sub->add_option("--seed", command.options.seed, "Seed of weights and documents")
      ->check(seed_word())
      ->capture_default_str();
  sub->add_flag(
      "--refuses", command.options.refuses,
      "Teach theta0 to refuse half of the code requests, so that an attack success rate is "
      "measured; 700 post-training steps unless --post-steps says otherwise");
}

// What is wrong with a word; "" when nothing is.
template <class T>
std::string trouble_of(const Result<T>& parsed) {
  return parsed ? std::string() : parsed.error().message;
}

void add_persona_option(CLI::App* sub, PersonaKind& persona) {
  sub->add_option_function<std::string>(
         "--persona",
         [&persona](const std::string& word) { persona = parse_persona(word).value(); },
         "What the persona ratio is taken between: headers (the extreme source headers), few-shot "
         "(three questions of other domains answered by either persona) or authors (what the two "
         "extreme sources wrote), the last two after the header of a neutral source (default: "
         "headers)")
      ->check([](const std::string& word) { return trouble_of(parse_persona(word)); });
}

void add_simulated_judge(CLI::App* sub, TuneOptions& tune) {
  sub->add_option("--judge-error", tune.judge_error, "Probability that the judge flips a verdict")
      ->check(number_within(0.0, 1.0))
      ->capture_default_str();
  sub->add_option("--judge-seed", tune.judge_seed,
                  "Seed of the flips alone (default: that of --seed)")
      ->check(seed_word());
  sub->add_option_function<std::vector<std::string>>(
         "--judge-blind",
         [&tune](const std::vector<std::string>& words) {
           for (const std::string& word : words)
             tune.judge_blind.push_back(parse_judge_blind(word).value());
         },
         "Samples that the simulated judge is wrong about: topic:0..9, modifier:0..7, "
         "operator:0..2, format:terse, format:house or format:other, always or with :RATE; may be "
         "given again")
      ->check([](const std::string& word) { return trouble_of(parse_judge_blind(word)); })
      ->allow_extra_args(false);
}

void add_data_options(CLI::App* sub, std::string& data, std::optional<double>& share) {
  sub->add_option(
         "--data", data,
         "What to train on: a file of one's own ending in .jsonl, as 'phaseguard-lab data' "
         "writes them, or" +
             data_set_help() + "\n")
      ->type_name("SET|FILE.jsonl")
      ->check([](const std::string& word) {
        TuneOptions unused;
        return trouble_of(choose_data(word, std::nullopt, unused));
      })
      ->capture_default_str();
  sub->add_option("--share", share,
                  "Share of malicious samples, of mix (default: 0.5) and slow (default: 0.1)")
      ->check(number_within(0.0, 1.0));
}

void add_tuning_options(CLI::App* sub, FinetuneCommand& command) {
  TuneOptions& tune = command.options.tune;
  add_data_options(sub, command.data, command.share);
  sub->add_option("--steps", tune.steps, "Optimiser updates")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  sub->add_option("--seed", tune.seed, "Seed of adapter, batches and judge noise")
      ->check(seed_word())
      ->capture_default_str();
  add_simulated_judge(sub, tune);
  add_persona_option(sub, tune.persona);
  sub->add_option("--theta0", command.theta0,
                  "theta0 to start from (default: the shipped world 0)");
  sub->add_option("--run", command.run, "Run id (default: lab-<data>)");
  sub->add_option("--summary", command.summary, "Write the outcome as JSON to this file");
  sub->add_option("--answers", command.answers,
                  "Write what the model answers to this file, for 'phaseguard evaluate'");
  sub->add_option("--step-delay", command.options.step_delay_ms, "Pause after each step, ms")
      ->check(CLI::Range(0, 60000))
      ->capture_default_str();
  sub->add_option("--lambda", command.options.constant_lambda,
                  "Without a monitor: always-on KL weight")
      ->check(number_within(0.0, 1000.0))
      ->capture_default_str();
  sub->add_flag("--signals", command.signals,
                "Measure and print the signals also without a monitor");
  sub->add_flag("--quiet", command.quiet, "Print the outcome only");
}

// Baselines at inference: not interventions of training.
constexpr const char* kSafetyPrompt = "safety-prompt";
constexpr const char* kBestOfN = "best-of-n";

// The words of --defense and its companions, still as text.
struct DefenseWords {
  std::string kind = "none", direction = "model_ref", mask = "answer", safe = "plain";
  std::string risk = "judge", mode = "threshold";
  double strength = 0.0;
  CLI::Option* has_strength = nullptr;
};

void add_defense_options(CLI::App* sub, FinetuneCommand& command, DefenseWords& words) {
  DefenseOptions& defense = command.options.tune.defense;
  std::vector<std::string> names = defense_names();
  names.insert(names.end(), {kSafetyPrompt, kBestOfN});
  sub->add_option("--defense", words.kind,
                  "Intervention to train under; safety-prompt and best-of-n leave training alone "
                  "and change how the finished model answers")
      ->check(CLI::IsMember(names))
      ->capture_default_str();
  words.has_strength = sub->add_option(
      "--strength", words.strength,
      "Of its knob before any decision: weight of kl, replay-kl and ldifs; threshold (or number of "
      "layers) of safelora; share of interleave and inoculation; alpha of steering; 0..1 of "
      "weighting; n of best-of-n, 8 (default: what docs/lab/LAB_RESULTS.md shows)");
  sub->add_option("--kl-direction", words.direction, "KL(theta||theta0) or KL(theta0||theta)")
      ->check(CLI::IsMember({"model_ref", "ref_model"}))
      ->capture_default_str();
  sub->add_option("--kl-mask", words.mask, "Where the KL is taken")
      ->check(CLI::IsMember({"answer", "attention", "canary", "replay"}))
      ->capture_default_str();
  sub->add_flag(
      "--kl-convex", defense.kl_convex,
      "(1 - beta) CE + beta KL, strength = beta; a policy's knob is lambda = beta / (1 - beta)");
  sub->add_option("--safe", words.safe, "Which safe samples: any, by perplexity gap, no refusals")
      ->check(CLI::IsMember({"plain", "+", "++"}))
      ->capture_default_str();
  sub->add_option("--risk", words.risk, "What weighting goes by: the judge or the persona ratio")
      ->check(CLI::IsMember({"judge", "persona"}))
      ->capture_default_str();
  sub->add_option("--steering-block", defense.steering_block, "Block after which to steer")
      ->check(CLI::Range(0, 2))
      ->capture_default_str();
  sub->add_option("--safelora-mode", words.mode, "Which layers: cosine <= strength, or the lowest")
      ->check(CLI::IsMember({"threshold", "number"}))
      ->capture_default_str();
  sub->add_option("--safelora-every", defense.safelora_every,
                  "Project every n updates (0: once, after the last)")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
  sub->add_option("--unaligned", defense.unaligned,
                  "theta0's weights before post-training, for safelora (default: those of the "
                  "shipped world 0; pretrain --base writes others)");
}

Result<void> read(const DefenseWords& words, FinetuneCommand& command) {
  DefenseOptions& defense = command.options.tune.defense;
  const bool strong = words.has_strength->count() > 0;
  if (words.kind == kSafetyPrompt) {
    command.answering.kind = Answering::Kind::kSafetyPrompt;
    if (!strong) return {};
    return fail(Errc::kInvalidArgument, "--defense safety-prompt has no --strength");
  }
  if (words.kind == kBestOfN) {
    command.answering.kind = Answering::Kind::kBestOfN;
    if (strong) command.answering.n = static_cast<int>(words.strength);
    if (!strong ||
        (words.strength >= 2.0 && words.strength <= 64.0 && words.strength == command.answering.n))
      return {};
    return fail(Errc::kInvalidArgument,
                "--defense best-of-n: expected a --strength of 2 to 64 answers, found " +
                    number_text(words.strength));
  }
  const auto kind = parse_defense(words.kind);
  const auto direction = defenses::kl_direction(words.direction);
  const auto mask = defenses::kl_mask(words.mask);
  if (!kind) return tl::unexpected<Error>(kind.error());
  if (!direction) return tl::unexpected<Error>(direction.error());
  if (!mask) return tl::unexpected<Error>(mask.error());
  defense.kind = *kind;
  defense.kl_direction = *direction;
  defense.kl_mask = *mask;
  if (strong) defense.strength = words.strength;
  defense.safe_choice = words.safe == "plain" ? defenses::SafeChoice::kPlain
                        : words.safe == "+"   ? defenses::SafeChoice::kGap
                                              : defenses::SafeChoice::kGapNoRefusals;
  defense.risk = words.risk == "judge" ? RiskSource::kJudge : RiskSource::kPersona;
  using Mode = defenses::SafeLoraSelection::Mode;
  defense.safelora_mode = words.mode == "number" ? Mode::kNumber : Mode::kThreshold;
  return check(defense);
}

// Everything the command line can say.
struct Words {
  int threads = 1;
  PretrainCommand pretrain;
  FinetuneCommand finetune, undefended, run;
  DefenseWords finetune_defense, run_defense;
  bool no_monitor = false;
  EvalCommand eval;
  DataCommand data;
  FeaturesCommand features;
  std::vector<std::string> files;
  bool include_intervened = false;  // summary
  ReproduceWords reproduce;
  int world = 0;
};

void add_judge_options(CLI::App* sub, JudgeWords& judge) {
  sub->add_option("--judge-scores", judge.scores,
                  "A live judge in place of the simulated one: scores of the data set, as "
                  "'phaseguard judge score' wrote them ('phaseguard-lab data' writes the data)");
  judge::add_endpoint_options(*sub, judge.endpoint, "--judge-", false);
  sub->add_option("--judge-workers", judge.workers, "Samples asked for at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  sub->add_option("--judge-outage", judge.outage,
                  "What a batch is without enough scores: bad, hold (the last good value stands "
                  "in) or worst (an unscored sample counts as 5)")
      ->check(CLI::IsMember({"bad", "hold", "worst"}))
      ->capture_default_str();
  sub->add_option("--judge-hold-steps", judge.hold_steps, "How long hold holds, steps")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  sub->add_option(
         "--judge-wait", judge.wait_s,
         "Longest wait for a batch's own score before its update, seconds; 0: no step ever "
         "waits")
      ->check(number_within(0.0, 3600.0))
      ->capture_default_str();
}

void add_finetune(CLI::App& app, Words& words) {
  auto* tune = app.add_subcommand(
      "finetune", "Fine-tune theta0 with rs-LoRA under the monitor, then measure the model.");
  add_tuning_options(tune, words.finetune);
  add_defense_options(tune, words.finetune, words.finetune_defense);
  add_judge_options(tune, words.finetune.judge);
  auto* endpoint =
      tune->add_option("--endpoint", words.finetune.endpoint,
                       "The daemon's telemetry endpoint (ipc:///path or tcp://127.0.0.1:port)");
  tune->add_option("--endpoint-dir", words.finetune.endpoint_dir,
                   "The daemon's socket folder (default: the user's)")
      ->excludes(endpoint);
  tune->add_option("--preflight", words.finetune.preflight,
                   "What 'phaseguard-probe preflight --json' printed of this data: recorded with "
                   "the run");
  CLI::Option* alone =
      tune->add_flag("--no-monitor", words.no_monitor, "Train without daemon and hook");
  tune->add_flag(
          "--require", words.finetune.require,
          "Train only under a daemon: wait a minute for one, else fail before the first update")
      ->excludes(alone);
  tune->add_option_function<std::string>(
          "--profile",
          [&words](const std::string& word) {
            words.finetune.profile = wire::word_of<wire::Profile>(word).value();
          },
          "watch: train whatever happens to the daemon; enforce: --require, and a lost link or an "
          "error of the hook does not go on for ever (default: watch)")
      ->check([](const std::string& word) {
        return wire::word_of<wire::Profile>(word)
                   ? std::string()
                   : "expected " + wire::list_of_words<wire::Profile>(" or ") + ", found " +
                         quoted(word, 40);
      })
      ->excludes(alone);
  tune->add_option("--start-wait", words.finetune.start_wait_s,
                   "Seconds to wait for a daemon before the first update (default: 60 where one is "
                   "required, else 2)")
      ->check(number_within(0.0, 3600.0))
      ->excludes(alone);
  auto* plain = app.add_subcommand("undefended", "The same as finetune --no-monitor.");
  add_tuning_options(plain, words.undefended);
  words.undefended.monitor = false;
  auto* run = app.add_subcommand(
      "run", "Fine-tune without a monitor under one intervention that is always on.");
  add_tuning_options(run, words.run);
  add_defense_options(run, words.run, words.run_defense);
  words.run.monitor = false;
}

void add_reading(CLI::App& app, Words& words) {
  auto* eval = app.add_subcommand("eval",
                                  "Measure theta0 itself: gates, probe, rates, and what each data "
                                  "set looks like before step 0.");
  eval->add_option("--theta0", words.eval.theta0, "File (default: the shipped world 0)");
  eval->add_option("--seed", words.eval.seed, "Seed of the samples")
      ->check(seed_word())
      ->capture_default_str();
  add_persona_option(eval, words.eval.persona);
  auto* summary = app.add_subcommand("summary", "Print summaries side by side.");
  summary->add_option("FILE", words.files, "Files written by --summary")->required();
  summary->add_flag("--include-intervened", words.include_intervened,
                    "Also runs under a policy in shadow mode in which somebody raised a knob; they "
                    "are left out otherwise, by name");
  app.add_subcommand("canaries", "Print a world's 24 canary prompts as JSON Lines.")
      ->add_option("--world", words.world, "Number of the world")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
}

void add_data(CLI::App& app, DataCommand& command) {
  auto* sub = app.add_subcommand(
      "data", "Write the samples a run would draw as JSON Lines, for 'phaseguard judge score'.");
  add_data_options(sub, command.data, command.share);
  sub->add_option("--steps", command.tune.steps, "Updates of the run, 16 samples each")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  sub->add_option("--seed", command.tune.seed, "Seed of the run")
      ->check(seed_word())
      ->capture_default_str();
  sub->add_option("--theta0", command.theta0, "Its world (default: the shipped world 0)");
  sub->add_option("--out", command.out, "File to write")->required();
}

void add_features(CLI::App& app, FeaturesCommand& command) {
  auto* sub = app.add_subcommand(
      "features",
      "Write hidden states of theta0 at a named layer as an activation file for phaseguard-probe.");
  sub->add_option("--data", command.data,
                  "persona (safety prompts after the most and the least misaligned source header), "
                  "canaries, or a data set (its training samples): " +
                      data_set_names())
      ->check([](const std::string& word) {
        FeatureRequest unused;
        return trouble_of(parse_feature_data(word, unused));
      })
      ->capture_default_str();
  sub->add_option("--layer", command.request.layer,
                  "Module name: embedding, block<i>, block<i>.attention or block<i>.mlp")
      ->capture_default_str();
  sub->add_option("--position", command.request.position, "Which positions make a row")
      ->check(CLI::IsMember({"last_prompt", "mean_prompt", "mean_answer"}))
      ->capture_default_str();
  sub->add_option("--samples", command.request.samples, "Rows (canaries: always 24)")
      ->check(CLI::Range(2, 100000))
      ->capture_default_str();
  sub->add_option("--share", command.share,
                  "Share of malicious samples, of mix (default: 0.5) and slow (default: 0.1)")
      ->check(number_within(0.0, 1.0));
  sub->add_option("--seed", command.request.seed, "Seed of the draw")
      ->check(seed_word())
      ->capture_default_str();
  sub->add_option("--theta0", command.theta0, "File (default: the shipped world 0)");
  sub->add_option("--out", command.out, "File to write")->required();
}

// What is wrong with the words about a live judge.
std::optional<std::string> judge_trouble(const FinetuneCommand& command) {
  const JudgeWords& judge = command.judge;
  if (!judge.named()) return std::nullopt;
  if (!command.options.tune.judge_blind.empty())
    return "--judge-blind is of the simulated judge; a live one makes its own errors";
  if (!command.monitor) return "a live judge needs the monitor that its scores are reported to";
  if (!judge.endpoint.url.empty() && judge.endpoint.options.asking.model.empty())
    return "--judge-endpoint needs --judge-model, the name of the judge's model";
  const DefenseOptions& defense = command.options.tune.defense;
  if (defense.kind == Defense::kWeighting && defense.risk == RiskSource::kJudge)
    return "weighting by the judge takes the simulated one; with a live judge say --risk persona";
  return std::nullopt;
}

int tune(FinetuneCommand& command, const DefenseWords* defense) {
  if (defense != nullptr) {
    const Result<void> ok = read(*defense, command);
    if (!ok) {
      phaseguard::print_line(stderr, "phaseguard-lab: %s", ok.error().message.c_str());
      return 2;
    }
  }
  const bool defended = command.options.tune.defense.kind != Defense::kNone;
  if (defended && command.options.constant_lambda > 0.0) {
    std::fprintf(stderr, "phaseguard-lab: --lambda and --defense exclude each other\n");
    return 2;
  }
  if (command.monitor && command.options.constant_lambda > 0.0) {
    std::fprintf(
        stderr,
        "phaseguard-lab: --lambda needs --no-monitor: under the monitor the policy sets lambda\n");
    return 2;
  }
  if (const auto problem = judge_trouble(command)) {
    phaseguard::print_line(stderr, "phaseguard-lab: %s", problem->c_str());
    return 2;
  }
  const auto chosen = choose_data(command.data, command.share, command.options.tune);
  if (!chosen) {
    phaseguard::print_line(stderr, "phaseguard-lab: %s", chosen.error().message.c_str());
    return 2;
  }
  return run_finetune(command);
}

int dispatch(const CLI::App& app, Words& words) {
  if (app.got_subcommand("summary")) return run_summary(words.files, words.include_intervened);
  if (app.got_subcommand("canaries")) return run_canaries(words.world);
  if (app.got_subcommand("reproduce-task"))
    return reproduce::run_task(words.reproduce.task, words.reproduce.result);
  if (app.got_subcommand("reproduce")) {
    const StopSignals signals;
    return reproduce::run_reproduce(words.reproduce.command, signals.flag());
  }
  set_threads(words.threads);
  if (const auto warning = blas_warning(measure_blas())) {
    phaseguard::print_line(stderr, "phaseguard-lab: warning: %s", warning->c_str());
  }
  if (app.got_subcommand("eval")) return run_eval(words.eval);
  if (app.got_subcommand("data")) return run_data(words.data);
  if (app.got_subcommand("features")) return run_features(words.features);
  if (app.got_subcommand("pretrain")) {
    PretrainOptions& options = words.pretrain.options;
    if (options.refuses && app.get_subcommand("pretrain")->count("--post-steps") == 0) {
      options.post_steps = kRefusingPostSteps;
    }
    words.pretrain.reproduce =
        "phaseguard-lab pretrain --world " + std::to_string(words.pretrain.world) + " --seed " +
        std::to_string(options.seed) + " --steps " + std::to_string(options.steps) +
        " --post-steps " + std::to_string(options.post_steps) +
        (options.refuses ? " --refuses" : "");
    return run_pretrain(words.pretrain);
  }
  words.finetune.monitor = !words.no_monitor;
  if (app.got_subcommand("finetune")) return tune(words.finetune, &words.finetune_defense);
  if (app.got_subcommand("run")) return tune(words.run, &words.run_defense);
  return tune(words.undefended, nullptr);
}

int run(int argc, char** argv) {
  CLI::App app{
      "The reference trainer: a synthetic world in which emergent misalignment is real.\n"
      "Exit codes: 0 done, 1 failed, 2 usage, 3 done, but updates were made unwatched although "
      "--no-monitor was not said."};
  app.set_version_flag("--version", PHASEGUARD_VERSION);
  app.require_subcommand(1);
  Words words;
  app.add_option("--threads", words.threads,
                 "Threads of LibTorch and of the BLAS; results are repeatable with 1")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  add_pretrain(app, words.pretrain);
  add_finetune(app, words);
  add_reading(app, words);
  add_features(app, words.features);
  add_data(app, words.data);
  add_reproduce(app, words.reproduce);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return dispatch(app, words);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return phaseguard::exit_code_of(run(argc, argv), "phaseguard-lab");
  } catch (const std::exception& error) {
    phaseguard::print_line(stderr, "phaseguard-lab: %s", error.what());
    return 1;
  }
}
