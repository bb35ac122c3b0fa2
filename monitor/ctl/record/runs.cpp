// `phaseguard runs [DIR]`: the run files of a folder.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <system_error>
#include <vector>

#include "monitor/base/printable.h"
#include "monitor/ctl/command.h"
#include "monitor/ctl/files.h"
#include "monitor/run/fate.h"
#include "monitor/run/state.h"
#include "monitor/store/reader.h"
#include "monitor/store/writer.h"

namespace phaseguard::ctl {

namespace {

struct Listed {
  std::filesystem::path file;
  run::RunState state;
  std::string trouble;  // why the file cannot be read; empty: it was
};

Listed look_at(const std::filesystem::path& file) {
  Listed out;
  out.file = file;
  auto reader = store::Reader::open(file);
  if (!reader) {
    out.trouble = reader.error().message;
    return out;
  }
  auto read = reader->each(Seq{1}, [&out](const wire::Message& message) {
    run::fold(out.state, message);
    return true;
  });
  if (!read) out.trouble = read.error().message;
  return out;
}

// "defend at step 10", of the rules that fired; "" for none.
std::string fired(const run::RunState& state) {
  std::string out;
  for (const wire::RuleEvidence& rule : state.rules) {
    if (rule.fired_step < Step{0}) continue;
    out +=
        (out.empty() ? "" : ", ") + rule.rule + " at step " + std::to_string(rule.fired_step.value);
  }
  return out;
}

// Of all signals and attempts; values that were decided on or joined are left to others.
run::SignalFates troubles(const run::RunState& state) {
  run::SignalFates all;
  for (const auto& [name, signal] : state.fates.signals) {
    for (std::size_t fate = 0; fate < all.counts.size(); ++fate)
      all.counts[fate] += signal.counts[fate];
    all.incomplete += signal.incomplete;
  }
  for (const auto fate : {wire::ReportFate::kDecided, wire::ReportFate::kJoined})
    all.counts[static_cast<std::size_t>(fate)] = 0;
  return all;
}

nlohmann::json troubles_json(const run::SignalFates& troubles) {
  nlohmann::json out = nlohmann::json::object();
  for (const wire::FateCount& count : run::counts_of(troubles))
    out[count.fate.text()] = count.values;
  if (troubles.incomplete > 0) out["incomplete"] = troubles.incomplete;
  return out;
}

// "    values: 42 repeated, 3 late"; "" when there is nothing to tell.
std::string troubles_text(const run::SignalFates& troubles) {
  const std::string text = run::fates_text(run::counts_of(troubles), troubles.incomplete);
  return text.empty() ? "" : "    values: " + plain(text) + "\n";
}

std::string ended(const run::RunState& state) {
  if (state.goodbye) return state.goodbye->reason.text();
  return state.hello ? "no goodbye" : "never began";
}

nlohmann::json to_json(const Listed& listed) {
  nlohmann::json out{{"file", listed.file.string()}};
  if (!listed.trouble.empty()) {
    out["error"] = listed.trouble;
    return out;
  }
  const run::RunState& state = listed.state;
  out["run"] = state.run.text();
  out["label"] = state.label.text();
  out["step"] = state.step.value;
  out["total_steps"] = state.total_steps;
  out["attempts"] = state.attempt;
  out["segments"] = state.segments.size();
  out["policy"] = state.policy ? state.policy->name : "";
  out["policy_digest"] = state.policy ? state.policy->digest : "";
  out["mode"] = state.policy ? state.policy->mode.text() : "";
  out["intervened_step"] = state.intervened_step < Step{0}
                               ? nlohmann::json(nullptr)
                               : nlohmann::json(state.intervened_step.value);
  out["ended"] = ended(state);
  out["fates"] = troubles_json(troubles(state));
  out["events"] = state.last_seq.value;
  out["fired"] = nlohmann::json::array();
  out["notes"] = state.hello ? state.hello->notes : std::vector<std::string>();
  for (const wire::RuleEvidence& rule : state.rules) {
    if (rule.fired_step < Step{0}) continue;
    out["fired"].push_back({{"rule", rule.rule}, {"step", rule.fired_step.value}});
  }
  return out;
}

int list_runs(const std::filesystem::path& folder, bool as_json) {
  std::error_code error;
  std::vector<Listed> runs;
  std::filesystem::directory_iterator files(folder, error);
  if (error) {
    return failed({Errc::kNotFound, folder.string() + ": expected a folder of run files, found: " +
                                        error.message()});
  }
  for (const auto& entry : files) {
    if (entry.path().extension() == store::kExtension) runs.push_back(look_at(entry.path()));
  }
  std::sort(runs.begin(), runs.end(),
            [](const Listed& a, const Listed& b) { return a.file < b.file; });
  const bool sound = std::all_of(runs.begin(), runs.end(),
                                 [](const Listed& listed) { return listed.trouble.empty(); });
  if (as_json) {
    nlohmann::json list = nlohmann::json::array();
    for (const Listed& listed : runs) list.push_back(to_json(listed));
    print({{"folder", folder.string()}, {"runs", list}});
    return sound ? kDone : kFindings;
  }
  if (runs.empty()) print_line(stdout, "no run files in %s", folder.c_str());
  for (const Listed& listed : runs) {
    const run::RunState& state = listed.state;
    if (!listed.trouble.empty()) {
      print_line(stdout, "%s", listed.trouble.c_str());
      continue;
    }
    const std::string what = fired(state);
    print_line(stdout, "%-24s %-10s step %lld/%lld  policy %s  %s  %s", state.run.text().c_str(),
               state.label.empty() ? "-" : state.label.text().c_str(),
               static_cast<long long>(state.step.value), static_cast<long long>(state.total_steps),
               state.policy ? state.policy->name.c_str() : "-",
               what.empty() ? "nothing fired" : ("fired: " + what).c_str(), ended(state).c_str());
    if (state.intervened_step >= Step{0})
      std::printf("    intervened at step %lld under a policy in shadow mode\n",
                  static_cast<long long>(state.intervened_step.value));
    print_lines(stdout, troubles_text(troubles(state)));
    if (!state.hello) continue;
    for (const std::string& note : state.hello->notes)
      print_line(stdout, "    %s", plain(note, 400).c_str());
  }
  return sound ? kDone : kFindings;
}

}  // namespace

void add_runs(CLI::App& app, Context& context) {
  auto folder = std::make_shared<std::string>();
  CLI::App* command = add_command(
      app, context, "runs",
      "List the run files of a folder: run, label, steps, policy, what fired when, how it ended. "
      "Exit code 3 when one of them cannot be read. (Live runs: phaseguard status.)",
      [folder, &context] {
        return list_runs(folder->empty() ? default_runs_dir() : std::filesystem::path(*folder),
                         context.json);
      });
  command->add_option("DIR", *folder,
                      "Folder of run files (default: $XDG_STATE_HOME/phaseguard/runs)");
}

}  // namespace phaseguard::ctl
