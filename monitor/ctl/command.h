// How a command of `phaseguard` is registered. Each lives in a file of its own: `add_x` puts a
// subcommand with its options on the program and leaves its exit code in the context when it ran.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "monitor/base/result.h"

namespace phaseguard::ctl {

// Exit codes, the same for every command.
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kFindings = 3;

struct Context {
  bool json = false;  // --json, which every command has
  int exit_code = kDone;
};

// A subcommand with --json whose callback runs `run` after parsing and keeps its exit code. `run`
// holds its options by value or shared_ptr: it outlives the add_x function.
CLI::App* add_command(CLI::App& app, Context& context, const std::string& name,
                      const std::string& description, std::function<int()> run);

// "phaseguard: <message>" on stderr, one line; returns kFailed.
int failed(const Error& error);

// offline, on files
void add_runs(CLI::App& app, Context& context);
void add_verify(CLI::App& app, Context& context);
void add_replay(CLI::App& app, Context& context);
void add_why(CLI::App& app, Context& context);
void add_export(CLI::App& app, Context& context);
void add_report(CLI::App& app, Context& context);
void add_canaries(CLI::App& app, Context& context);
void add_judge(CLI::App& app, Context& context);
void add_evaluate(CLI::App& app, Context& context);
void add_policy(CLI::App& app, Context& context);  // the group, with those below
void add_policy_test(CLI::App& group, Context& context);
void add_backtest(CLI::App& app, Context& context);
void add_keys(CLI::App& app, Context& context);

// live, over the operator socket
void add_status(CLI::App& app, Context& context);
void add_watch(CLI::App& app, Context& context);
void add_contexts(CLI::App& app, Context& context);
void add_force(CLI::App& app, Context& context);
void add_force_kl(CLI::App& app, Context& context);
void add_release(CLI::App& app, Context& context);
void add_reset(CLI::App& app, Context& context);
void add_inhibit(CLI::App& app, Context& context);
void add_allow(CLI::App& app, Context& context);
void add_allow_resume(CLI::App& app, Context& context);

}  // namespace phaseguard::ctl
