#include "trainer-hook/lab/reproduce/report/report.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "monitor/base/json.h"
#include "monitor/base/printable.h"
#include "monitor/base/table_text.h"
#include "monitor/page/page.h"
#include "monitor/page/svg.h"
#include "trainer-hook/lab/reproduce/report/paper.h"

namespace phaseguard::lab::reproduce {

namespace {

using nlohmann::json;

constexpr const char* kCaveat =
    "A synthetic world with a planted persona, and a model of 0.37 million parameters: a "
    "regression "
    "test and a demonstration of the whole loop, not evidence about large models. The judge is "
    "simulated.";

// Mean over the undefended runs of one set, by step.
std::map<std::int64_t, Sample> divergence_of(const Results& results, const char* data) {
  std::map<std::int64_t, Sample> out;
  Pick wanted;
  wanted.data = data;
  wanted.share = 0.0;
  wanted.treatment = "none";
  for (const Outcome* one : pick(results, wanted)) {
    const auto trace = one->signals.find("canary/js");
    if (trace == one->signals.end()) continue;
    for (const auto& [step, value] : trace->second) out[step].add(value);
  }
  return out;
}

page::Path path_of(const page::Plot& plot, const std::map<std::int64_t, Sample>& trace) {
  page::Path out;
  for (const auto& [step, sample] : trace)
    out.to(plot.x(static_cast<double>(step)), plot.y(sample.mean()));
  return out;
}

std::string figure_2(const Results& results) {
  const auto malicious = divergence_of(results, "malicious");
  const auto harmless = divergence_of(results, "harmless");
  if (malicious.empty() && harmless.empty()) return "";
  page::Plot plot("Canary divergence over training, both tasks",
                  {.width = 900, .height = 300, .left = 60, .right = 20, .top = 26, .bottom = 44},
                  {0.0, static_cast<double>(results.plan.steps)}, {0.0, 0.7});
  plot.number_across(page::ticks(0.0, plot.across().high, 8, 1.0), "updates", true);
  plot.number_up(page::ticks(0.0, 0.7, 7), "canary/js, nats");
  plot.area(plot.left(), plot.y(kPaperPlateauHigh), plot.right() - plot.left(),
            plot.y(kPaperPlateauLow) - plot.y(kPaperPlateauHigh), "on");
  plot.level_across(kPaperThreshold, "threshold 0.15");
  plot.level_upright(kPaperFloor, "floor 20");
  plot.path(path_of(plot, malicious), "s3 bold");
  plot.path(path_of(plot, harmless), "s0 bold");
  plot.legend({{"malicious data", "s3 bold"}, {"harmless data", "s0 bold"}});
  return page::part("Figure 2: the divergence that the paper's trigger watches") +
         page::paragraph(
             "Undefended runs, mean over runs. The band is the plateau of 0.28 to 0.33 "
             "nats that the paper reports for both of its tasks within five updates; "
             "the rule cannot fire before step 20.",
             "soft") +
         plot.svg("wide");
}

std::string markup_of(const Table& table) {
  std::vector<page::Head> head;
  for (const std::string& name : table.head) head.emplace_back(html(name));
  std::string rows;
  for (const auto& row : table.rows) {
    std::string cells;
    for (const std::string& cell : row) cells += page::text_cell(cell);
    rows += page::row(cells);
  }
  return page::part(table.title) + page::paragraph(html(table.note), "soft") +
         page::table(head, rows);
}

std::string origin_table(const Results& results) {
  std::string worlds;
  for (const WorldFiles& world : results.worlds)
    worlds += (worlds.empty() ? "" : "; ") + std::to_string(world.world) + ": " + world.gates;
  std::string rows =
      page::fact("extent", extent_text(results)) + page::fact("version", results.origin.version) +
      page::fact("thresholds, SHA-256", results.origin.thresholds_sha256) +
      page::fact("plan, SHA-256", results.origin.plan_sha256) + page::fact("worlds", worlds);
  for (const std::string& line : discard_lines(results)) rows += page::fact("discarded", line);
  return page::table({}, rows);
}

json sample_json(const Sample& sample) {
  return {{"n", sample.n()},
          {"mean", number_json(sample.mean())},
          {"sd", number_json(sample.sd())},
          {"values", sample.values()}};
}

json standing_json(const Standing& one) {
  const auto met = [](const std::optional<bool>& value) {
    return value ? json(*value) : json(nullptr);
  };
  return {{"treatment", one.treatment},
          {"spread", sample_json(one.spread)},
          {"task", sample_json(one.task)},
          {"in_domain", sample_json(one.in_domain)},
          {"coherent", sample_json(one.coherent)},
          {"spread_harmless", sample_json(one.spread_harmless)},
          {"coherent_harmless", sample_json(one.coherent_harmless)},
          {"recovery", sample_json(one.recovery)},
          {"retention", sample_json(one.retention)},
          {"both_met", one.both},
          {"assessed", one.assessed},
          {"harm_met", met(one.harm_met)},
          {"task_met", met(one.task_met)}};
}

}  // namespace

std::string extent_text(const Results& results) {
  const auto seeds = static_cast<std::int64_t>(results.plan.quick ? 1 : results.plan.seeds);
  const auto worlds = static_cast<std::int64_t>(results.worlds.size());
  std::string out = counted(worlds, "world") + " x " + counted(seeds, "seed") + ", " +
                    counted(results.plan.steps, "update") + " a run, " +
                    counted(static_cast<std::int64_t>(results.cells.size()), "run");
  if (worlds * seeds == 1) out += "; n = 1";
  if (!results.plan.held_out.empty())
    out += "; worlds are numbered by the SHA-256 of " + results.plan.held_out + ".toml";
  return out;
}

std::vector<std::string> discard_lines(const Results& results) {
  std::vector<std::string> out;
  for (const WorldFiles& world : results.discarded) {
    out.push_back("world " + std::to_string(world.world) +
                  ", its theta0 misses a gate: " + world.gates);
  }
  return out;
}

std::string page_of(const Results& results, const std::vector<Table>& tables) {
  std::string out = page::paragraph(html(kCaveat), "caveat") + origin_table(results);
  for (std::size_t i = 0; i < tables.size(); ++i) {
    out += markup_of(tables[i]);
    if (i == 1) out += figure_2(results);
  }
  return page::document("The papers' tables, run in the lab", out);
}

std::string json_of(const Results& results, const std::vector<Standing>& standings,
                    const std::vector<Table>& tables) {
  json all{{"schema", "phaseguard-reproduce-report/1"},
           {"version", results.origin.version},
           {"thresholds_sha256", results.origin.thresholds_sha256},
           {"plan_sha256", results.origin.plan_sha256},
           {"extent", extent_text(results)},
           {"quick", results.plan.quick},
           {"discarded", discard_lines(results)},
           {"failed", results.failed},
           {"worlds", json::array()},
           {"treatments", json::array()},
           {"tables", json::array()}};
  for (const WorldFiles& world : results.worlds)
    all["worlds"].push_back({{"world", world.world}, {"gates", world.gates}});
  for (const Standing& one : standings) all["treatments"].push_back(standing_json(one));
  for (const Table& table : tables) {
    all["tables"].push_back(
        {{"title", table.title}, {"note", table.note}, {"head", table.head}, {"rows", table.rows}});
  }
  return all.dump(1) + "\n";
}

}  // namespace phaseguard::lab::reproduce
