// `phaseguard force`, `force-kl on`, `release`, `reset`, `inhibit`, `allow`: the operator's
// commands. Each is sent once by its id and waits until the daemon has recorded it; one that moves
// a knob waits until the trainer has reported that it obeys (run/fate.h).
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <thread>

#include "monitor/base/printable.h"
#include "monitor/base/process.h"
#include "monitor/base/text.h"
#include "monitor/ctl/command.h"
#include "monitor/ctl/files.h"
#include "monitor/ctl/live/live_client.h"
#include "monitor/ctl/live/status_text.h"
#include "monitor/run/fate.h"
#include "monitor/run/protection.h"

namespace phaseguard::ctl {

namespace {

constexpr const char* kKlKnob = "kl";  // of the short form force-kl

struct OperatorOptions {
  LiveOptions live;
  std::string operator_name;
  std::string reason;
  std::string knob;  // force, release
  std::string rule;  // reset, inhibit, allow
  double value = 0.0;
  std::int64_t for_steps = 0;

  void add_to(CLI::App& command) {
    live.add_to(command);
    operator_name = own_user();
    command.add_option("--operator", operator_name, "Who is acting, for the record")
        ->capture_default_str();
  }
};

// CLI11's own ranges let NaN pass, since every comparison with it is false.
std::string finite_number(const std::string& text) {
  double value = wire::kNaN;
  if (CLI::detail::lexical_cast(text, value) && std::isfinite(value)) return "";
  return "expected a finite number, found " + quoted(text, 40);
}

const wire::KnobStatus* knob_of(const LiveRun& run, const std::string& name) {
  for (const wire::KnobStatus& knob : run.status.knobs) {
    if (knob.name == name) return &knob;
  }
  return nullptr;
}

std::string names_of_knobs(const LiveRun& run) {
  std::string out;
  for (const wire::KnobStatus& knob : run.status.knobs) {
    out += (out.empty() ? "" : ", ") + knob.name;
  }
  return out.empty() ? "none" : out;
}

// The knob to release: the named one, or the only one that is forced.
Result<std::string> knob_to_release(const LiveRun& run, const std::string& named) {
  if (!named.empty()) return named;
  std::vector<std::string> forced;
  for (const wire::KnobStatus& knob : run.status.knobs) {
    const wire::OverrideStatus& told = run.status.override_;
    if (knob.cause.is(wire::CauseKind::kOperator) || (told.active && told.knob == knob.name)) {
      forced.push_back(knob.name);
    }
  }
  if (forced.size() == 1) return forced.front();
  if (forced.empty() && run.status.knobs.size() == 1) return run.status.knobs.front().name;
  return fail(forced.empty() ? Errc::kNotFound : Errc::kConflict,
              forced.empty() ? "nothing to release: no knob of " + run.header.run.text() +
                                   " is forced (it has " + names_of_knobs(run) + ")"
                             : "several knobs are forced, name one: " + names_of_knobs(run));
}

// A run folded from the record, as far as the command's fate needs it.
struct Followed {
  run::RunState state;
  Seq next;
};

// Folds what came since; errors of the daemon are its last word.
Result<void> follow(LiveClient& client, const RunId& run, Followed& followed) {
  bool more = true;
  while (more) {
    auto page = client.events(run, followed.next);
    if (!page) return tl::unexpected(page.error());
    for (const wire::Message& message : page->messages) run::fold(followed.state, message);
    if (page->last.value >= followed.next.value) followed.next = Seq{page->last.value + 1};
    more = page->more;
  }
  return {};
}

// Asks until the command's fate is settled, at most timeout_s.
Result<run::CommandFate> wait_for_fate(LiveClient& client, const LiveOptions& options,
                                       const RunId& run, Seq command) {
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::duration<double>(options.timeout_s);
  Followed followed;
  followed.next = command;
  while (true) {
    if (auto read = follow(client, run, followed); !read) return tl::unexpected(read.error());
    run::CommandFate fate = run::fate_of(followed.state, command);
    const bool settled = fate.fate != run::Fate::kPending && fate.fate != run::Fate::kUnknown;
    if (settled || std::chrono::steady_clock::now() >= deadline) return fate;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

const char* word_of(run::Fate fate) {
  switch (fate) {
    case run::Fate::kApplied:
      return "applied";
    case run::Fate::kDone:
      return "done";
    case run::Fate::kShadow:
      return "shadow";
    case run::Fate::kUnreported:
      return "unreported";
    case run::Fate::kSuperseded:
      return "superseded";
    case run::Fate::kUnknown:
    case run::Fate::kPending:
      break;
  }
  return "pending";
}

struct Outcome {
  const LiveRun& run;
  const wire::Reply& reply;
  const run::CommandFate& fate;

  [[nodiscard]] bool good() const {
    return fate.fate == run::Fate::kApplied || fate.fate == run::Fate::kDone;
  }
  [[nodiscard]] std::string moved() const {
    return fate.knob + (std::isnan(fate.value) ? "" : " " + number_text(fate.value));
  }

  // What is so, and nothing beyond it.
  [[nodiscard]] std::string text() const {
    const std::string name = run.header.run.text();
    switch (fate.fate) {
      case run::Fate::kApplied: {
        std::string out = "APPLIED: " + moved();
        if (fate.step.value >= 0) out += ", in force since step " + std::to_string(fate.step.value);
        return out;
      }
      case run::Fate::kDone:
        return "DONE: it moves no knob";
      case run::Fate::kShadow:
        return "NOT SENT: " + name + " is in shadow mode, so " + moved() +
               " is decided and recorded, and the trainer is not told";
      case run::Fate::kUnreported:
        return "NOT CONFIRMED: not reported by this trainer: it does not say which decision it "
               "applies (protocol 1.0); see phaseguard status";
      case run::Fate::kSuperseded:
        return "NOT CONFIRMED: a new attempt of " + name +
               " has begun meanwhile; see phaseguard status";
      case run::Fate::kUnknown:
      case run::Fate::kPending:
        break;
    }
    return "NOT CONFIRMED: the trainer of " + name + " has not reported " +
           (fate.knob.empty() ? "the change" : moved()) + " as in force (link " +
           run.status.link.text() + "); see phaseguard status";
  }
};

int print_outcome(const Outcome& outcome, bool as_json) {
  const wire::Reply& reply = outcome.reply;
  if (as_json) {
    const nlohmann::json fate{{"fate", word_of(outcome.fate.fate)},
                              {"knob", outcome.fate.knob},
                              {"step", outcome.fate.step.value},
                              {"state_version", outcome.fate.version},
                              {"text", outcome.text()}};
    print({{"reply",
            {{"status", reply.status.text()}, {"text", reply.text}, {"seq", reply.seq.value}}},
           {"outcome", fate},
           {"run", status_json(outcome.run.header, outcome.run.status)}});
    return outcome.good() ? kDone : kFailed;
  }
  print_line(stdout, "logged as event %lld: %s", static_cast<long long>(reply.seq.value),
             reply.text.c_str());
  if (outcome.good()) {
    print_line(stdout, "%s", outcome.text().c_str());
    return kDone;
  }
  std::fflush(stdout);
  print_line(stderr, "phaseguard: %s", outcome.text().c_str());
  return kFailed;
}

// Raising is accepted whatever else happened meanwhile; everything else is compare-and-set.
bool raises(const LiveRun& run, const wire::Command& command) {
  const wire::KnobStatus* knob = knob_of(run, command.knob);
  if (command.action != wire::Action::kForce || knob == nullptr) return false;
  // What a policy in shadow mode decides is not in force.
  const bool shadow = run.status.mode == wire::Mode::kShadow;
  const double in_force = shadow ? knob->applied : knob->decided;
  return !run::is_lowering(run::protects_of(knob->protects), in_force, command.value);
}

Result<wire::Command> command_for(const LiveRun& run, const OperatorOptions& options,
                                  wire::Action action) {
  wire::Command command;
  command.action = action;
  command.id = fresh_id();
  command.operator_name = options.operator_name;
  command.reason = options.reason;
  command.expires_after_steps = options.for_steps;
  switch (action) {
    case wire::Action::kForce:
      command.knob = options.knob;
      command.value = options.value;
      break;
    case wire::Action::kRelease: {
      auto knob = knob_to_release(run, options.knob);
      if (!knob) return tl::unexpected(knob.error());
      command.knob = *std::move(knob);
      break;
    }
    case wire::Action::kReset:
      command.knob = options.knob;
      command.rule = options.rule;
      break;
    case wire::Action::kInhibit:
    case wire::Action::kAllow:
      command.rule = options.rule;
      break;
    case wire::Action::kAllowResume:
      break;
  }
  if (!raises(run, command)) command.expected_version = run.status.state_version;
  return command;
}

int act(const OperatorOptions& options, wire::Action action, bool as_json) {
  auto client = LiveClient::connect(options.live);
  if (!client) return failed(client.error());
  auto run = client->choose();
  if (!run) return failed(run.error());
  auto command = command_for(*run, options, action);
  if (!command) return failed(command.error());
  const auto reply = client->command(run->header.run, *std::move(command));
  if (!reply) return failed(reply.error());
  if (reply->status != wire::ReplyStatus::kLogged)
    return failed({Errc::kRefused, reply->status.text() + ": " + reply->text});
  const auto fate = wait_for_fate(*client, options.live, run->header.run, reply->seq);
  if (!fate) return failed(fate.error());
  auto now = client->status(run->header.run.text());
  if (now && now->size() == 1) *run = std::move(now->front());
  return print_outcome({*run, *reply, *fate}, as_json);
}

void add_force_options(CLI::App& command, OperatorOptions& options) {
  command.add_option("--reason", options.reason, "Why, for the record");
  command
      .add_option("--for-steps", options.for_steps,
                  "Expires after so many steps (0: until released)")
      ->check(CLI::NonNegativeNumber);
}

// "NAME" or "--rule NAME".
void add_rule(CLI::App& command, OperatorOptions& options) {
  command.add_option("name,--rule", options.rule, "Name of the rule")->required();
}

}  // namespace

void add_force(CLI::App& app, Context& context) {
  auto options = std::make_shared<OperatorOptions>();
  CLI::App* command = add_command(
      app, context, "force",
      "Force a knob to --value until released (or for --for-steps), and wait until the trainer "
      "reports that it obeys. A lowering is a value that protects less than the one in force; any "
      "other is always accepted. A lowering below what the policy sets needs --reason and "
      "--for-steps. Under a policy in shadow mode a knob can only be raised above its initial "
      "value, if the trainer declares it forcible and the policy does not say shadow = "
      "\"strict\"; in force is then the initial value or what was raised, never what a rule "
      "decided, and the run is marked as intervened. `phaseguard status` lists the knobs.",
      [options, &context] { return act(*options, wire::Action::kForce, context.json); });
  options->add_to(*command);
  command->add_option("knob", options->knob, "Name of the knob")->required();
  command->add_option("--value", options->value, "Value, within the range in force")
      ->required()
      ->check(finite_number);
  add_force_options(*command, *options);
}

void add_force_kl(CLI::App& app, Context& context) {
  auto options = std::make_shared<OperatorOptions>();
  options->knob = kKlKnob;
  CLI::App* group = app.add_subcommand(
      "force-kl", "Force the KL penalty by hand: short for `phaseguard force kl --value LAMBDA`.");
  group->require_subcommand(1);
  CLI::App* command = add_command(
      *group, context, "on", "As `phaseguard force kl --value LAMBDA`.",
      [options, &context] { return act(*options, wire::Action::kForce, context.json); });
  options->add_to(*command);
  command->add_option("--lambda", options->value, "KL weight, within the range in force")
      ->required()
      ->check(finite_number);
  add_force_options(*command, *options);
}

void add_release(CLI::App& app, Context& context) {
  auto options = std::make_shared<OperatorOptions>();
  CLI::App* command = add_command(
      app, context, "release",
      "End an operator's override: the policy decides about the knob again. A latched trip stays.",
      [options, &context] { return act(*options, wire::Action::kRelease, context.json); });
  options->add_to(*command);
  command->add_option("knob", options->knob, "Name of the knob (default: the only forced one)");
  options->reason = "released";
  command->add_option("--reason", options->reason, "Why, for the record")->capture_default_str();
}

void add_reset(CLI::App& app, Context& context) {
  auto options = std::make_shared<OperatorOptions>();
  CLI::App* command = add_command(
      app, context, "reset",
      "Clear a rule's latch, or let go of what the daemon adopted for a knob from the trainer, or "
      "left with it, when the record did not know why it is up.",
      [options, &context] {
        if (options->rule.empty() && options->knob.empty()) {
          throw CLI::RequiredError("the name of a rule, or --adopted with that of a knob");
        }
        return act(*options, wire::Action::kReset, context.json);
      });
  options->add_to(*command);
  CLI::Option* rule = command->add_option("name,--rule", options->rule, "Name of the rule");
  command->add_option("--adopted", options->knob, "Name of the knob instead")->excludes(rule);
  command->add_option("--reason", options->reason, "Why, for the record")->required();
}

void add_inhibit(CLI::App& app, Context& context) {
  auto options = std::make_shared<OperatorOptions>();
  CLI::App* command = add_command(
      app, context, "inhibit",
      "Keep a rule from firing for --for-steps; an active one becomes quiet. A latched rule must "
      "be "
      "reset first.",
      [options, &context] { return act(*options, wire::Action::kInhibit, context.json); });
  options->add_to(*command);
  add_rule(*command, *options);
  command->add_option("--for-steps", options->for_steps, "Expires after so many steps")
      ->required()
      ->check(CLI::PositiveNumber);
  command->add_option("--reason", options->reason, "Why, for the record")->required();
}

void add_allow_resume(CLI::App& app, Context& context) {
  auto options = std::make_shared<OperatorOptions>();
  CLI::App* command = add_command(
      app, context, "allow-resume",
      "Let the next process train the run although its checkpoint is of a line that was rolled "
      "back, or does not say of which.",
      [options, &context] { return act(*options, wire::Action::kAllowResume, context.json); });
  options->add_to(*command);
  command->add_option("name", options->live.run, "Name of the run, as --run");
  command->add_option("--reason", options->reason, "Why, for the record")->required();
}

void add_allow(CLI::App& app, Context& context) {
  auto options = std::make_shared<OperatorOptions>();
  CLI::App* command = add_command(
      app, context, "allow", "End an inhibition: the rule may fire again.",
      [options, &context] { return act(*options, wire::Action::kAllow, context.json); });
  options->add_to(*command);
  add_rule(*command, *options);
  options->reason = "allowed";
  command->add_option("--reason", options->reason, "Why, for the record")->capture_default_str();
}

}  // namespace phaseguard::ctl
