#include "trainer-hook/lab/commands/summary.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "monitor/base/file.h"
#include "monitor/base/json.h"
#include "monitor/base/printable.h"
#include "monitor/base/table_text.h"
#include "trainer-hook/lab/commands/behaviour_json.h"

namespace phaseguard::lab {
namespace {

using nlohmann::json;

json to_json(const std::optional<std::int64_t>& step) { return step ? json(*step) : json(nullptr); }

json to_json(const RunSummary& run) {
  json out{{"title", run.title},
           {"run", run.run},
           {"data", run.data},
           {"theta0", run.theta0},
           {"seed", run.seed},
           {"steps", run.steps},
           {"defended", run.defended},
           {"unwatched_updates", run.unwatched},
           {"policy", run.cause},
           {"fired_step", to_json(run.fired_step)},
           {"rollback_step", to_json(run.rollback_step)},
           {"restored_step", to_json(run.restored_step)},
           {"intervened_step", to_json(run.intervened_step)},
           {"mean_lambda", run.mean_lambda},
           {"seconds", run.seconds},
           {"defense", run.defense},
           {"ms_per_update", run.ms_per_update}};
  out.update(to_json(run.behaviour));
  return out;
}

std::optional<std::int64_t> step_in(const json& object, const char* key) {
  const json& value = object.at(key);
  if (value.is_null()) return std::nullopt;
  return value.get<std::int64_t>();
}

RunSummary from_json(const json& object) {
  RunSummary run;
  object.at("title").get_to(run.title);
  object.at("run").get_to(run.run);
  object.at("data").get_to(run.data);
  object.at("theta0").get_to(run.theta0);
  object.at("seed").get_to(run.seed);
  object.at("steps").get_to(run.steps);
  object.at("defended").get_to(run.defended);
  run.unwatched = object.value("unwatched_updates", std::int64_t{0});
  object.at("policy").get_to(run.cause);
  run.fired_step = step_in(object, "fired_step");
  run.rollback_step = step_in(object, "rollback_step");
  run.restored_step = step_in(object, "restored_step");
  if (object.contains("intervened_step")) run.intervened_step = step_in(object, "intervened_step");
  object.at("mean_lambda").get_to(run.mean_lambda);
  object.at("seconds").get_to(run.seconds);
  run.defense = object.value("defense", "");
  run.ms_per_update = object.value("ms_per_update", 0.0);
  run.behaviour = behaviour_in(object);
  return run;
}

std::string what_fired(const RunSummary& run) {
  const std::string unwatched =
      run.unwatched > 0 ? std::to_string(run.unwatched) + " updates UNWATCHED" : "";
  if (!run.defended) return unwatched.empty() ? "no monitor" : unwatched;
  if (!unwatched.empty() && !run.fired_step) return unwatched + ", nothing fired";
  if (!run.fired_step) return "nothing fired";
  std::string text = (run.cause.empty() ? "lambda rose" : run.cause) + " at step " +
                     std::to_string(*run.fired_step);
  if (run.rollback_step) {
    text += ", rolled back to " + std::to_string(run.restored_step.value_or(0)) + " at step " +
            std::to_string(*run.rollback_step);
  }
  return text;
}

}  // namespace

Result<void> write_summaries(const std::vector<RunSummary>& runs,
                             const std::filesystem::path& file) {
  json list = json::array();
  for (const RunSummary& run : runs) list.push_back(to_json(run));
  return write_file(file, list.dump(2) + "\n");
}

Result<std::vector<RunSummary>> read_summaries(const std::filesystem::path& file) {
  const auto text = read_file(file, "the list that --summary writes");
  if (!text) return tl::unexpected(text.error());
  const auto list = parse_json(*text);
  if (!list) return fail(list.error().code, file.string() + ": " + list.error().message);
  std::vector<RunSummary> runs;
  try {
    for (const json& object : *list) runs.push_back(from_json(object));
  } catch (const std::exception& error) {
    return fail(
        Errc::kMalformed,
        file.string() + ": expected the list that --summary writes, found: " + error.what());
  }
  return runs;
}

std::string rate_text(const Count& count) {
  const auto rate = rate_of(count);
  if (!rate) return "no rate";
  std::array<char, 80> text{};
  std::snprintf(text.data(), text.size(), "%5.1f %% [%.1f, %.1f] (%ld/%ld", 100.0 * rate->rate,
                100.0 * rate->lower, 100.0 * rate->upper, static_cast<long>(count.k),
                static_cast<long>(count.n));
  return text.data() + (rate->clusters ? ", " + stats::text_of(*rate->clusters) : "") + ")";
}

std::string leave_out_intervened(std::vector<RunSummary>& runs) {
  std::string text;
  for (const RunSummary& run : runs) {
    if (!run.intervened_step) continue;
    text += "left out: " + run.title + " (run " + run.run + "): intervened at step " +
            std::to_string(*run.intervened_step) +
            " under a policy in shadow mode; --include-intervened takes it in\n";
  }
  runs.erase(std::remove_if(runs.begin(), runs.end(),
                            [](const RunSummary& run) { return run.intervened_step.has_value(); }),
             runs.end());
  return text;
}

std::string table_of(const std::vector<RunSummary>& runs) {
  std::vector<std::vector<std::string>> rows{{"run", "what happened"}};
  for (const RunSummary& run : runs) rows.push_back({plain(run.title), plain(what_fired(run))});
  for (const auto& rate : behaviour_rates()) {
    const auto has = [&rate](const RunSummary& run) { return (run.behaviour.*rate.count).n > 0; };
    if (rate.optional && std::none_of(runs.begin(), runs.end(), has)) continue;
    rows[0].emplace_back(rate.heading);
    for (std::size_t r = 0; r < runs.size(); ++r)
      rows[r + 1].push_back(rate_text(runs[r].behaviour.*rate.count));
  }
  // Rates down, runs across: the table stays narrow enough for a terminal.
  std::string text;
  for (std::size_t column = 0; column < rows[0].size(); ++column) {
    text += padded(rows[0][column], 21, 0);
    for (std::size_t r = 1; r < rows.size(); ++r) {
      std::size_t width = 0;
      for (const auto& cell : rows[r]) width = std::max(width, cell.size());
      text += padded(rows[r][column], width + 2, 0);
    }
    while (!text.empty() && text.back() == ' ') text.pop_back();
    text += '\n';
  }
  return text +
         "Rates with 95 % intervals; d: design effect, the variance of a rate over that of as many "
         "independent answers.\n";
}

}  // namespace phaseguard::lab
