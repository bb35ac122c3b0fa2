// `phaseguard replay RUN --policy P`: what happened, and what P would have made of the same
// signals.
#include <cstdio>
#include <memory>

#include "monitor/base/printable.h"
#include "monitor/ctl/command.h"
#include "monitor/ctl/files.h"
#include "monitor/ctl/record/replay.h"
#include "monitor/store/reader.h"

namespace phaseguard::ctl {

namespace {

std::string raise_text(Step step) {
  return step < Step{0} ? "never" : "at step " + std::to_string(step.value);
}

std::string summary_of(const std::optional<wire::Decision>& decision) {
  return decision ? decision->summary : "";
}

void print_row(const policy::ComparedEvent& row) {
  print_line(stdout, "%7lld  %-12s  %-12s%s", static_cast<long long>(row.step.value),
             knobs_text(row.happened_knobs).c_str(), knobs_text(row.would_knobs).c_str(),
             row.differs() ? "  differs" : "");
  if (row.happened) print_line(stdout, "         happened: %s", row.happened->summary.c_str());
  if (row.would) print_line(stdout, "         would:    %s", row.would->summary.c_str());
}

void print_text(const policy::Compared& replay, bool only_differences) {
  print_line(stdout, "run %s (%s), recorded under %s, replayed under %s", replay.run.text().c_str(),
             replay.label.empty() ? "no label" : replay.label.c_str(),
             replay.recorded_policy.empty() ? "no policy" : replay.recorded_policy.c_str(),
             replay.policy.c_str());
  std::printf("\n");
  const policy::ComparedEvent* first = replay.first_difference();
  if (!only_differences || first != nullptr) {
    print_line(stdout, "%7s  %-12s  %-12s", "step", "happened", "would");
  }
  std::size_t same = 0;
  for (const policy::ComparedEvent& row : replay.rows) {
    if (only_differences && !row.differs()) {
      ++same;
      continue;
    }
    print_row(row);
  }
  if (only_differences)
    std::printf("\n%zu of %zu decisions are the same\n", same, replay.rows.size());
  std::printf("\n");
  print_line(stdout, "raised: %s; %s would have raised: %s",
             raise_text(replay.happened_first_raise).c_str(), replay.policy.c_str(),
             raise_text(replay.would_first_raise).c_str());
  if (first == nullptr) {
    std::printf("The policy decides what was decided, at every step.\n");
  } else {
    std::printf("The first difference is at step %lld, seq %lld.\n",
                static_cast<long long>(first->step.value),
                static_cast<long long>(first->seq.value));
  }
  if (replay.ends_there) {
    std::printf(
        "From step %lld on a value that somebody raised, or that was adopted, was in force: not "
        "replayed; --include-intervened replays all.\n",
        static_cast<long long>(replay.intervened.value));
  } else if (replay.intervened >= Step{0}) {
    std::printf("Intervened at step %lld.\n", static_cast<long long>(replay.intervened.value));
  }
  print_line(stdout, "%s", policy::kReplayCaveat);
}

nlohmann::json step_json(Step step) {
  return step < Step{0} ? nlohmann::json(nullptr) : nlohmann::json(step.value);
}

void print_json(const policy::Compared& replay, bool only_differences) {
  nlohmann::json rows = nlohmann::json::array();
  for (const policy::ComparedEvent& row : replay.rows) {
    if (only_differences && !row.differs()) continue;
    rows.push_back({{"seq", row.seq.value},
                    {"step", row.step.value},
                    {"attempt", row.attempt},
                    {"happened", knobs_json(row.happened_knobs)},
                    {"would", knobs_json(row.would_knobs)},
                    {"differs", row.differs()},
                    {"happened_decision", summary_of(row.happened)},
                    {"would_decision", summary_of(row.would)}});
  }
  const policy::ComparedEvent* first = replay.first_difference();
  print({{"run", replay.run.text()},
         {"label", replay.label},
         {"recorded_policy", replay.recorded_policy},
         {"policy", replay.policy},
         {"happened_first_raise", step_json(replay.happened_first_raise)},
         {"would_first_raise", step_json(replay.would_first_raise)},
         {"intervened_step", step_json(replay.intervened)},
         {"ends_at_intervention", replay.ends_there},
         {"first_difference", first == nullptr ? nlohmann::json(nullptr) : step_json(first->step)},
         {"rows", rows},
         {"caveat", policy::kReplayCaveat}});
}

struct ReplayOptions {
  std::string file;
  std::string policy_file;
  bool diff = false;
  bool include_intervened = false;
};

int replay_file(const ReplayOptions& options, bool as_json) {
  auto document = read_policy(options.policy_file);
  if (!document) return failed(document.error());
  auto reader = store::Reader::open(options.file);
  if (!reader) return failed(reader.error());
  auto replayed = replay(
      *reader, *document,
      options.include_intervened ? policy::Intervention::kIncluded : policy::Intervention::kEndsIt);
  if (!replayed) return failed(replayed.error());
  (as_json ? print_json : print_text)(*replayed, options.diff);
  return options.diff && replayed->first_difference() != nullptr ? kFindings : kDone;
}

}  // namespace

void add_replay(CLI::App& app, Context& context) {
  auto options = std::make_shared<ReplayOptions>();
  CLI::App* command =
      add_command(app, context, "replay",
                  "Run a policy over the recorded signals of a run and show, decision by decision, "
                  "what happened beside what the policy would have decided.",
                  [options, &context] { return replay_file(*options, context.json); });
  command->add_option("RUN", options->file, "Run file (NAME.phaseguard)")->required();
  command->add_option("--policy", options->policy_file, "Policy file (TOML)")->required();
  command->add_flag("--diff", options->diff,
                    "Only where the policy differs from what happened: in a knob, a request or an "
                    "alert. Exit code 3 when it does");
  command->add_flag("--include-intervened", options->include_intervened,
                    "Also what came after an operator had raised a knob under a policy in shadow "
                    "mode; the replay ends there otherwise, and says so");
}

}  // namespace phaseguard::ctl
