// `phaseguard replay RUN --policy P`: what happened, and what P would have made of the same
// signals.
#include <cstdio>
#include <memory>

#include "monitor/ctl/command.h"
#include "monitor/ctl/files.h"
#include "monitor/ctl/replay.h"
#include "monitor/store/reader.h"

namespace phaseguard::ctl {

namespace {

std::string raise_text(Step step) {
  return step < Step{0} ? "never" : "at step " + std::to_string(step.value);
}

std::string summary_of(const std::optional<wire::Decision>& decision) {
  return decision ? decision->summary : "";
}

void print_text(const Replay& replay) {
  std::printf("run %s (%s), recorded under %s, replayed under %s\n\n", replay.run.text().c_str(),
              replay.label.empty() ? "no label" : replay.label.c_str(),
              replay.recorded_policy.empty() ? "no policy" : replay.recorded_policy.c_str(),
              replay.policy.c_str());
  std::printf("%7s  %-12s  %-12s\n", "step", "happened", "would");
  for (const ReplayRow& row : replay.rows) {
    const bool same = knobs_text(row.happened_knobs) == knobs_text(row.would_knobs);
    std::printf("%7lld  %-12s  %-12s%s\n", static_cast<long long>(row.step.value),
                knobs_text(row.happened_knobs).c_str(), knobs_text(row.would_knobs).c_str(),
                same ? "" : "  differs");
    if (row.happened) std::printf("         happened: %s\n", row.happened->summary.c_str());
    if (row.would) std::printf("         would:    %s\n", row.would->summary.c_str());
  }
  std::printf("\nraised: %s; %s would have raised: %s\n",
              raise_text(replay.happened_first_raise).c_str(), replay.policy.c_str(),
              raise_text(replay.would_first_raise).c_str());
  std::printf("%s\n", kReplayCaveat);
}

nlohmann::json step_json(Step step) {
  return step < Step{0} ? nlohmann::json(nullptr) : nlohmann::json(step.value);
}

void print_json(const Replay& replay) {
  nlohmann::json rows = nlohmann::json::array();
  for (const ReplayRow& row : replay.rows) {
    rows.push_back({{"seq", row.seq.value},
                    {"step", row.step.value},
                    {"attempt", row.attempt},
                    {"happened", knobs_json(row.happened_knobs)},
                    {"would", knobs_json(row.would_knobs)},
                    {"happened_decision", summary_of(row.happened)},
                    {"would_decision", summary_of(row.would)}});
  }
  print({{"run", replay.run.text()},
         {"label", replay.label},
         {"recorded_policy", replay.recorded_policy},
         {"policy", replay.policy},
         {"happened_first_raise", step_json(replay.happened_first_raise)},
         {"would_first_raise", step_json(replay.would_first_raise)},
         {"rows", rows},
         {"caveat", kReplayCaveat}});
}

int replay_file(const std::string& file, const std::string& policy_file, bool as_json) {
  auto document = read_policy(policy_file);
  if (!document) return failed(document.error());
  auto reader = store::Reader::open(file);
  if (!reader) return failed(reader.error());
  auto replayed = replay(*reader, *document);
  if (!replayed) return failed(replayed.error());
  (as_json ? print_json : print_text)(*replayed);
  return kDone;
}

}  // namespace

void add_replay(CLI::App& app, Context& context) {
  auto file = std::make_shared<std::string>();
  auto policy_file = std::make_shared<std::string>();
  CLI::App* command = add_command(
      app, context, "replay",
      "Run a policy over the recorded signals of a run and show, decision by decision, "
      "what happened beside what the policy would have decided.",
      [file, policy_file, &context] { return replay_file(*file, *policy_file, context.json); });
  command->add_option("RUN", *file, "Run file (NAME.phaseguard)")->required();
  command->add_option("--policy", *policy_file, "Policy file (TOML)")->required();
}

}  // namespace phaseguard::ctl
