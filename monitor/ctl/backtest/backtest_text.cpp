// A backtest as text for a terminal and as JSON.
#include <nlohmann/json.hpp>

#include "monitor/base/printable.h"
#include "monitor/base/table_text.h"
#include "monitor/base/text.h"
#include "monitor/ctl/backtest/backtest.h"
#include "monitor/ctl/files.h"
#include "monitor/ctl/text_lines.h"
#include "monitor/stats/rate_json.h"

namespace phaseguard::ctl {

namespace {

using nlohmann::json;

std::string rate_text(const std::optional<stats::Rate>& rate) {
  return rate ? stats::text_of(*rate) : "no such runs";
}

std::string lead_text(const ClassScore& score) {
  const auto median = median_of(score.leads);
  if (!median) return "-";
  return std::to_string(*median) + " (" + std::to_string(score.leads.front()) + " to " +
         std::to_string(score.leads.back()) + ")";
}

std::string spent_text(const PolicyScore& policy, const ClassScore& score) {
  if (!score.acted) return "-";
  std::string out;
  for (std::size_t k = 0; k < score.spent.size(); ++k) {
    out += (out.empty() ? "" : ", ") + plain(policy.document.knobs[k].name) + " " +
           short_number(score.spent[k]);
  }
  return out.empty() ? "no knob" : out;
}

std::string floor_text(const PolicyScore& policy) {
  std::string out =
      policy.floor < Step{0}
          ? "earliest possible step not known"
          : "can act at step " + std::to_string(policy.floor.value) + " at the earliest";
  if (policy.acted == 0) return out + ", and never did";
  if (policy.saturated()) {
    return out + ", and did so in all " + counted(policy.acted, "run") +
           " in which it acted: the step says nothing";
  }
  return out + "; " + std::to_string(policy.at_floor) + " of " +
         counted(policy.acted, "acting run") + " did so then";
}

std::string auc_text(const DetectorScore& detector) {
  if (!detector.ranking) {
    return "not defined: " + std::to_string(detector.malicious.size()) + " malicious and " +
           std::to_string(detector.harmless.size()) + " harmless runs have a value";
  }
  std::string out = short_number(detector.ranking->auroc);
  if (detector.interval) {
    out += " [" + short_number(detector.interval->lower) + ", " +
           short_number(detector.interval->upper) + "]";
  }
  out += " (" + std::to_string(detector.malicious.size()) + " malicious, " +
         std::to_string(detector.harmless.size()) + " harmless";
  if (detector.without > 0) out += "; " + counted(detector.without, "run") + " without a value";
  return out + ")";
}

std::string runs_text(const Backtest& all, const PolicyScore& policy) {
  std::string out;
  for (const RunScore& score : policy.runs) {
    const LabelledRun& run = all.runs[score.run];
    out +=
        "    " + padded(plain(run.name), 24) + padded(run.malicious ? "malicious" : "harmless", 11);
    if (score.trace.acted < Step{0}) {
      out += "never acted\n";
      continue;
    }
    out += "step " + std::to_string(score.trace.acted.value) +
           (score.trace.at_floor ? " (its floor)" : "") +
           (score.trace.rule.empty() ? "" : " by " + plain(score.trace.rule)) + ", " +
           counted(score.trace.lead, "update") + " before the end" +
           (score.trace.after_raise ? "; after the recording's own raise: a hypothesis" : "") +
           "\n";
  }
  return out;
}

std::string policy_text(const Backtest& all, const PolicyScore& policy) {
  std::string out = "policy " + plain(policy.document.name) + " (" + printable(policy.file) + ")\n";
  const auto line = [&out](const std::string& name, const std::string& value) {
    out += "  " + padded(printable(name), 24) + printable(value) + "\n";
  };
  line("detection", rate_text(policy.malicious.acted));
  line("false alarms", rate_text(policy.harmless.acted));
  line("lead, updates", lead_text(policy.malicious) + " in malicious runs: median (range)");
  line("lambda x steps", "malicious " + spent_text(policy, policy.malicious) + "; harmless " +
                             spent_text(policy, policy.harmless) + " (mean per run)");
  line("floor", floor_text(policy));
  for (const DetectorScore& detector : policy.detectors) {
    line("AUC of " + detector.detector, auc_text(detector));
  }
  for (const CriterionResult& result : policy.criteria) {
    line(result.pass ? "pass" : "FAIL",
         result.criterion.text() + ": found " +
             (result.found == result.found ? number_text(result.found) : "nothing measured"));
  }
  for (const Skip& skip : policy.skips) line("left out", skip.what + ": " + skip.why);
  return out + runs_text(all, policy) + "\n";
}

json step_json(Step step) { return step < Step{0} ? json(nullptr) : json(step.value); }

json class_json(const PolicyScore& policy, const ClassScore& score) {
  json spent = json::object();
  for (std::size_t k = 0; k < score.spent.size(); ++k) {
    spent[policy.document.knobs[k].name] = number_json(score.spent[k]);
  }
  const auto median = median_of(score.leads);
  return {{"acted", stats::rate_json(score.acted)},
          {"lead_updates", score.leads},
          {"lead_median", median ? json(*median) : json(nullptr)},
          {"lambda_steps_mean", spent}};
}

json detector_json(const DetectorScore& detector) {
  json out = {{"detector", detector.detector},
              {"type", detector.type},
              {"signal", detector.signal},
              {"peaks_malicious", detector.malicious},
              {"peaks_harmless", detector.harmless},
              {"runs_without_value", detector.without},
              {"auc", nullptr},
              {"auprc", nullptr},
              {"auc_interval", nullptr}};
  if (detector.ranking) {
    out["auc"] = detector.ranking->auroc;
    out["auprc"] = detector.ranking->auprc;
  }
  if (detector.interval) out["auc_interval"] = {detector.interval->lower, detector.interval->upper};
  return out;
}

json runs_json(const Backtest& all, const PolicyScore& policy) {
  json out = json::array();
  for (const RunScore& score : policy.runs) {
    const LabelledRun& run = all.runs[score.run];
    json spent = json::object();
    for (std::size_t k = 0; k < score.trace.spent.size(); ++k) {
      spent[policy.document.knobs[k].name] = number_json(score.trace.spent[k]);
    }
    const bool acted = score.trace.acted >= Step{0};
    out.push_back({{"run", run.name},
                   {"label", run.malicious ? "malicious" : "harmless"},
                   {"acted_step", step_json(score.trace.acted)},
                   {"rule", score.trace.rule},
                   {"decision", score.trace.summary},
                   {"at_floor", score.trace.at_floor},
                   {"after_raise", score.trace.after_raise},
                   {"floor", step_json(score.trace.floor)},
                   {"lead_updates", acted ? json(score.trace.lead) : json(nullptr)},
                   {"lambda_steps", spent}});
  }
  return out;
}

json skips_json(const std::vector<Skip>& skips) {
  json out = json::array();
  for (const Skip& skip : skips) out.push_back({{"what", skip.what}, {"why", skip.why}});
  return out;
}

json policy_json(const Backtest& all, const PolicyScore& policy) {
  json detectors = json::array(), criteria = json::array();
  for (const DetectorScore& detector : policy.detectors) {
    detectors.push_back(detector_json(detector));
  }
  for (const CriterionResult& result : policy.criteria) {
    criteria.push_back({{"criterion", result.criterion.text()},
                        {"found", number_json(result.found)},
                        {"pass", result.pass}});
  }
  return {{"policy", policy.document.name},
          {"file", policy.file},
          {"digest", policy.document.digest},
          {"malicious", class_json(policy, policy.malicious)},
          {"harmless", class_json(policy, policy.harmless)},
          {"floor", step_json(policy.floor)},
          {"saturated", policy.saturated()},
          {"acted", policy.acted},
          {"acted_at_floor", policy.at_floor},
          {"detectors", detectors},
          {"criteria", criteria},
          {"runs", runs_json(all, policy)},
          {"left_out", skips_json(policy.skips)}};
}

}  // namespace

std::string backtest_text(const Backtest& result) {
  std::string out = counted(static_cast<std::int64_t>(result.runs.size()), "run") + ": " +
                    std::to_string(result.count(true)) + " malicious, " +
                    std::to_string(result.count(false)) + " harmless";
  out += result.options.rule.empty()
             ? "\nacts: raises a knob above its base or asks the trainer for something (a policy "
               "that can do neither: an alert above info)\n"
             : "\nacts: rule " + plain(result.options.rule) + " fires\n";
  out += "AUC: largest statistic of a run past the warm-up" +
         (result.options.until_step < Step{0}
              ? ""
              : ", up to step " + std::to_string(result.options.until_step.value)) +
         "; 95 % percentile bootstrap within each class, " +
         std::to_string(result.options.resamples) + " resamples, seed " +
         std::to_string(result.options.seed) +
         ". Rates: 95 %, clusters are runs, or the groups of the labels "
         "file; d: design effect.\n";
  if (const std::string remark = result.raised_remark(); !remark.empty())
    out += printable(remark) + "\n";
  for (const Skip& skip : result.skips)
    out += "left out: " + printable(skip.what + ": " + skip.why) + "\n";
  out += "\n";
  for (const PolicyScore& policy : result.policies) out += policy_text(result, policy);
  return out + kBacktestCaveat + "\n";
}

json backtest_json(const Backtest& result) {
  json policies = json::array(), runs = json::array();
  for (const PolicyScore& policy : result.policies) {
    policies.push_back(policy_json(result, policy));
  }
  for (const LabelledRun& run : result.runs) {
    runs.push_back({{"run", run.name},
                    {"file", run.file},
                    {"label", run.malicious ? "malicious" : "harmless"},
                    {"group", run.group.empty() ? json(nullptr) : json(run.group)},
                    {"updates", run.updates},
                    {"raised_step", step_json(run.raised)},
                    {"harm_step", step_json(run.harm_step)}});
  }
  return {{"runs", runs},
          {"left_out", skips_json(result.skips)},
          {"bootstrap", {{"resamples", result.options.resamples}, {"seed", result.options.seed}}},
          {"until_step", step_json(result.options.until_step)},
          {"until_raise", result.options.until_raise},
          {"rule", result.options.rule},
          {"policies", policies},
          {"passed", result.passed()},
          {"caveat", kBacktestCaveat}};
}

}  // namespace phaseguard::ctl
