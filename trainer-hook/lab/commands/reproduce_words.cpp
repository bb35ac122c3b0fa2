#include "trainer-hook/lab/commands/reproduce_words.h"

#include <CLI/CLI.hpp>

namespace phaseguard::lab {

void add_reproduce(CLI::App& app, ReproduceWords& words) {
  auto* sub = app.add_subcommand(
      "reproduce",
      "Run the papers' experiments in several worlds and write their tables beside ours. Goes on "
      "where it was interrupted.");
  reproduce::PlanOptions& plan = words.command.plan;
  auto* quick = sub->add_flag("--quick", plan.quick,
                              "World 0 and seed 1 alone, what Tables 1 and 2 need; minutes");
  sub->add_option("--worlds", plan.worlds,
                  "Worlds: that of number 0 is shipped, others are pretrained once, minutes each")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str()
      ->excludes(quick);
  sub->add_option("--seeds", plan.seeds, "Seeds of the fine-tuning runs, from 1, in each world")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str()
      ->excludes(quick);
  sub->add_option(
         "--held-out", plan.held_out,
         "A policy: worlds are numbered by the bytes of the SHA-256 of its file, so that nobody "
         "can have tuned it on them, and its bars are printed")
      ->excludes(quick);
  sub->add_option("--judge-streams", plan.judge_streams,
                  "Harmless runs of the default policies at each judge error, each with flips of "
                  "its own")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str()
      ->excludes(quick);
  sub->add_flag(
         "--refuses", plan.refuses,
         "In worlds whose theta0 refuses half of the code requests: the attack success rate is "
         "a fifth axis. All of them are pretrained")
      ->excludes(quick);
  sub->add_option("--out", words.command.out, "Folder for all that it writes")->required();
  sub->add_option("--jobs", words.command.jobs, "Runs at once (default: as many as cores)")
      ->check(CLI::Range(1, 1024));
  sub->add_option_function<std::string>(
         "--engine",
         [&plan](const std::string& word) {
           plan.engine =
               word == "daemon" ? reproduce::EngineAt::kDaemon : reproduce::EngineAt::kProcess;
         },
         "Where policies decide: phaseguardd over ZeroMQ, or its engine in the run's own process "
         "(default: the daemon for the paper's two sets, in process for the sweeps)")
      ->check(CLI::IsMember({"daemon", "process"}));
  sub->add_option("--data", plan.data, "These data sets alone (default: all)");
  sub->add_option("--only", plan.only,
                  "These policies and defenses alone, beside none and always-on (default: all)");
  sub->add_option("--steps", plan.steps, "Optimiser updates of a run")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  sub->add_option("--pretrain-steps", plan.pretrain_steps,
                  "Pretraining steps of worlds other than 0 (default: as pretrain)")
      ->check(CLI::Range(1, 1000000));
  auto* task = app.add_subcommand("reproduce-task", "One run of reproduce.")->group("");
  task->add_option("TASK", words.task)->required();
  task->add_option("RESULT", words.result)->required();
}

}  // namespace phaseguard::lab
