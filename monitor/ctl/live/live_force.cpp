// `phaseguard force-kl on`, `release`, `reset`, `inhibit`, `allow`: the operator's commands. Each
// is sent once by its id, waits until the daemon has recorded it, and then until the trainer has
// reported the new value as in force.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "monitor/base/text.h"
#include "monitor/ctl/command.h"
#include "monitor/ctl/live/live_client.h"
#include "monitor/ctl/live/status_text.h"

namespace phaseguard::ctl {

namespace {

constexpr const char* kKnob = "kl";

struct OperatorOptions {
  LiveOptions live;
  std::string operator_name;
  std::string reason;
  std::string rule;
  double lambda = 0.0;
  std::int64_t for_steps = 0;

  void add_to(CLI::App& command) {
    live.add_to(command);
    const char* user = std::getenv("USER");
    operator_name = user && *user ? user : "operator";
    command.add_option("--operator", operator_name, "Who is acting, for the record")
        ->capture_default_str();
  }
};

// CLI11's own ranges let NaN pass, since every comparison with it is false.
std::string finite_weight(const std::string& text) {
  double value = wire::kNaN;
  const bool read = CLI::detail::lexical_cast(text, value);
  if (read && std::isfinite(value) && value >= 0.0) return "";
  return "expected a finite KL weight >= 0, found " + quoted(text, 40);
}

const wire::KnobStatus* knob_of(const LiveRun& run) {
  for (const wire::KnobStatus& knob : run.status.knobs) {
    if (knob.name == kKnob) return &knob;
  }
  return nullptr;
}

// Asks until the trainer has reported the decided value, at most timeout_s. The last status either
// way.
Result<LiveRun> wait_until_applied(LiveClient& client, const LiveOptions& options, LiveRun run) {
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::duration<double>(options.timeout_s);
  const std::string name = run.header.run.text();
  while (std::chrono::steady_clock::now() < deadline) {
    auto runs = client.status(name);
    if (!runs) return tl::unexpected(runs.error());
    if (runs->size() == 1) run = runs->front();
    const wire::KnobStatus* knob = knob_of(run);
    if (!knob || knob->confirmed || run.status.mode == "shadow") break;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return run;
}

int print_outcome(const LiveRun& run, const wire::Reply& reply, bool as_json) {
  const wire::KnobStatus* knob = knob_of(run);
  const bool confirmed = knob && knob->confirmed;
  if (as_json) {
    std::printf(
        "%s\n",
        nlohmann::json{
            {"reply", {{"status", reply.status}, {"text", reply.text}, {"seq", reply.seq.value}}},
            {"run", status_json(run.header, run.status)}}
            .dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
            .c_str());
    return confirmed ? kDone : kFailed;
  }
  std::printf("logged as event %lld: %s\n", static_cast<long long>(reply.seq.value),
              reply.text.c_str());
  if (confirmed) {
    std::printf("%s %s applied at step %lld (%s)\n", kKnob, number_text(knob->applied).c_str(),
                static_cast<long long>(knob->applied_step.value), knob->cause.c_str());
    return kDone;
  }
  std::fprintf(stderr,
               "phaseguard: NOT CONFIRMED: the trainer of %s has not reported %s as in force (link "
               "%s); the daemon goes on "
               "asserting it, see phaseguard status\n",
               run.header.run.text().c_str(),
               knob ? number_text(knob->decided).c_str() : "the value", run.status.link.c_str());
  return kFailed;
}

int act(const OperatorOptions& options, wire::Command command, bool as_json) {
  auto client = LiveClient::connect(options.live);
  if (!client) return failed(client.error());
  auto run = client->choose();
  if (!run) return failed(run.error());
  const wire::KnobStatus* knob = knob_of(*run);
  command.id = fresh_id();
  command.operator_name = options.operator_name;
  command.reason = options.reason;
  // Raising is accepted whatever else happened meanwhile; everything else is compare-and-set.
  const bool raises = command.action == "force" && knob && command.value >= knob->decided;
  if (!raises) command.expected_version = run->status.state_version;
  const auto reply = client->command(run->header.run, std::move(command));
  if (!reply) return failed(reply.error());
  if (reply->status != "logged")
    return failed({Errc::kRefused, reply->status + ": " + reply->text});
  run = wait_until_applied(*client, options.live, std::move(*run));
  if (!run) return failed(run.error());
  return print_outcome(*run, *reply, as_json);
}

int force_on(const OperatorOptions& options, bool as_json) {
  wire::Command command;
  command.action = "force";
  command.knob = kKnob;
  command.value = options.lambda;
  command.expires_after_steps = options.for_steps;
  return act(options, std::move(command), as_json);
}

int release(const OperatorOptions& options, bool as_json) {
  wire::Command command;
  command.action = "release";
  command.knob = kKnob;
  return act(options, std::move(command), as_json);
}

int reset(const OperatorOptions& options, bool as_json) {
  wire::Command command;
  command.action = "reset";
  command.rule = options.rule;
  return act(options, std::move(command), as_json);
}

int inhibit(const OperatorOptions& options, bool as_json) {
  wire::Command command;
  command.action = "inhibit";
  command.rule = options.rule;
  command.expires_after_steps = options.for_steps;
  return act(options, std::move(command), as_json);
}

int allow(const OperatorOptions& options, bool as_json) {
  wire::Command command;
  command.action = "allow";
  command.rule = options.rule;
  return act(options, std::move(command), as_json);
}

}  // namespace

void add_force_kl(CLI::App& app, Context& context) {
  auto options = std::make_shared<OperatorOptions>();
  CLI::App* group = app.add_subcommand(
      "force-kl", "Force the KL penalty by hand; `phaseguard release` hands it back.");
  group->require_subcommand(1);
  CLI::App* command = add_command(
      *group, context, "on",
      "Force the KL weight to --lambda until released (or for --for-steps), and wait until the "
      "trainer reports it as applied. Raising is always accepted; a value below the one in force "
      "needs --reason and --for-steps.",
      [options, &context] { return force_on(*options, context.json); });
  options->add_to(*command);
  command->add_option("--lambda", options->lambda, "KL weight, within the knob's declared range")
      ->required()
      ->check(finite_weight);
  command->add_option("--reason", options->reason, "Why, for the record");
  command
      ->add_option("--for-steps", options->for_steps,
                   "Expires after so many steps (0: until released)")
      ->check(CLI::NonNegativeNumber);
}

void add_release(CLI::App& app, Context& context) {
  auto options = std::make_shared<OperatorOptions>();
  CLI::App* command =
      add_command(app, context, "release",
                  "End the operator's override: the policy decides again. A latched trip stays.",
                  [options, &context] { return release(*options, context.json); });
  options->add_to(*command);
  options->reason = "released";
  command->add_option("--reason", options->reason, "Why, for the record")->capture_default_str();
}

void add_reset(CLI::App& app, Context& context) {
  auto options = std::make_shared<OperatorOptions>();
  CLI::App* command = add_command(app, context, "reset", "Clear a rule's latch.",
                                  [options, &context] { return reset(*options, context.json); });
  options->add_to(*command);
  command->add_option("--rule", options->rule, "Name of the latched rule")->required();
  command->add_option("--reason", options->reason, "Why, for the record")->required();
}

void add_inhibit(CLI::App& app, Context& context) {
  auto options = std::make_shared<OperatorOptions>();
  CLI::App* command = add_command(app, context, "inhibit",
                                  "Keep a rule from firing for --for-steps; an active one becomes "
                                  "quiet. A latched rule must be "
                                  "reset first.",
                                  [options, &context] { return inhibit(*options, context.json); });
  options->add_to(*command);
  command->add_option("--rule", options->rule, "Name of the rule")->required();
  command->add_option("--for-steps", options->for_steps, "Expires after so many steps")
      ->required()
      ->check(CLI::PositiveNumber);
  command->add_option("--reason", options->reason, "Why, for the record")->required();
}

void add_allow(CLI::App& app, Context& context) {
  auto options = std::make_shared<OperatorOptions>();
  CLI::App* command =
      add_command(app, context, "allow", "End an inhibition: the rule may fire again.",
                  [options, &context] { return allow(*options, context.json); });
  options->add_to(*command);
  options->reason = "allowed";
  command->add_option("--rule", options->rule, "Name of the inhibited rule")->required();
  command->add_option("--reason", options->reason, "Why, for the record")->capture_default_str();
}

}  // namespace phaseguard::ctl
