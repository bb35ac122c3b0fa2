// The page of a backtest.
#include "monitor/base/printable.h"
#include "monitor/base/table_text.h"
#include "monitor/ctl/backtest/backtest.h"
#include "monitor/ctl/backtest/backtest_plots.h"
#include "monitor/page/page.h"

namespace phaseguard::ctl {

namespace {

std::string no_runs() { return page::cell("no such runs", "none"); }

std::string rate_cell(const std::optional<stats::Rate>& rate) {
  return rate ? page::rate_cell(*rate) : no_runs();
}

std::string spent_cell(const ClassScore& score) {
  return score.acted ? page::number_cell(sum_of(score.spent)) : no_runs();
}

std::string lead_cell(const ClassScore& score) {
  const auto median = median_of(score.leads);
  if (!median) return page::cell("never acted", "none");
  return page::two_line_cell(std::to_string(*median), std::to_string(score.leads.front()) + " to " +
                                                          std::to_string(score.leads.back()));
}

std::string floor_cell(const PolicyScore& policy) {
  const std::string step =
      policy.floor < Step{0} ? "not known" : std::to_string(policy.floor.value);
  if (policy.saturated()) {
    return page::two_line_cell(
        step, "<span class='warn'>every acting run acted there: the step says nothing</span>");
  }
  return page::two_line_cell(step, std::to_string(policy.at_floor) + " of " +
                                       counted(policy.acted, "acting run") + " there");
}

std::string criteria_cell(const PolicyScore& policy) {
  if (policy.criteria.empty()) return page::cell("none declared", "none");
  std::int64_t passed = 0;
  for (const CriterionResult& result : policy.criteria) passed += result.pass ? 1 : 0;
  const auto all = static_cast<std::int64_t>(policy.criteria.size());
  return page::cell(std::to_string(passed) + " of " + std::to_string(all) + " hold",
                    passed == all ? "good" : "bad");
}

std::string summary_table(const Backtest& all) {
  std::string rows;
  for (const PolicyScore& policy : all.policies) {
    rows += page::row(page::name_cell(policy.document.name) + rate_cell(policy.malicious.acted) +
                      rate_cell(policy.harmless.acted) + lead_cell(policy.malicious) +
                      spent_cell(policy.malicious) + spent_cell(policy.harmless) +
                      floor_cell(policy) + criteria_cell(policy));
  }
  return page::table({"policy",
                      "detection",
                      "false alarms",
                      "lead, updates",
                      {"&lambda;&middot;steps, malicious", true},
                      {"&lambda;&middot;steps, harmless", true},
                      "earliest possible step",
                      "criteria"},
                     rows);
}

std::string criteria_table(const PolicyScore& policy) {
  if (policy.criteria.empty()) return "";
  std::string rows;
  for (const CriterionResult& result : policy.criteria) {
    const bool measured = result.found == result.found;
    rows += page::row(
        page::text_cell(result.criterion.text()) +
        (measured ? page::number_cell(result.found) : page::cell("nothing measured", "none")) +
        page::cell(result.pass ? "holds" : "does not hold", result.pass ? "good" : "bad"));
  }
  return page::subpart("Declared criteria") + page::table({"criterion", {"found", true}, ""}, rows);
}

std::string run_row(const LabelledRun& run, const RunTrace& trace) {
  const bool acted = trace.acted >= Step{0};
  return page::row(
      page::text_cell(run.name) + page::cell(run.malicious ? "malicious" : "harmless") +
      page::cell(acted
                     ? std::to_string(trace.acted.value) + (trace.at_floor ? " (its floor)" : "") +
                           (trace.after_raise ? " (after the recording's own raise)" : "")
                     : "never") +
      page::text_cell(trace.summary) + page::cell(acted ? std::to_string(trace.lead) : "", "n") +
      page::number_cell(sum_of(trace.spent)));
}

std::string runs_table(const Backtest& all, const PolicyScore& policy) {
  std::string rows;
  for (const RunScore& score : policy.runs) rows += run_row(all.runs[score.run], score.trace);
  return "<details><summary>The " + counted(static_cast<std::int64_t>(policy.runs.size()), "run") +
         " one by one</summary>" +
         page::table({"run",
                      "class",
                      "acted at step",
                      "decision",
                      {"updates left", true},
                      {"&lambda;&middot;steps", true}},
                     rows) +
         "</details>";
}

std::string skips_list(const std::vector<Skip>& skips, const char* title) {
  if (skips.empty()) return "";
  std::string out = page::subpart(title) + "<ul>";
  for (const Skip& skip : skips) {
    out += "<li>" + html(skip.what) + ": " + html(skip.why) + "</li>";
  }
  return out + "</ul>";
}

std::string policy_section(const Backtest& all, const PolicyScore& policy) {
  std::string out =
      page::part(policy.document.name) +
      page::paragraph(html(policy.file) + ", mode " +
                          std::string(wire::text_of(policy::mode_of(policy.document))) +
                          ", SHA-256 " + policy.document.digest.substr(0, 16),
                      "soft");
  out += criteria_table(policy);
  if (!policy.detectors.empty()) {
    out +=
        page::subpart("How well each detector separates the classes") + "<div class='small plots'>";
    for (const DetectorScore& detector : policy.detectors) out += roc_svg(detector);
    out += "</div>";
  }
  return out + runs_table(all, policy) + skips_list(policy.skips, "Runs that it does not fit");
}

std::string how_to_read(const Backtest& all) {
  return page::part("How to read this") +
         page::paragraph(
             "A policy <i>acts</i> at the first step where it " +
             (all.options.rule.empty()
                  ? std::string("raises a knob above its base or asks the trainer for something; "
                                "one that can do neither, at its first alert above info")
                  : "fires its rule " + html(all.options.rule)) +
             ". Detection is the share of malicious runs in which it acts, false alarms that of "
             "harmless ones; intervals are 95 %, runs of one group of the labels file counting as "
             "one cluster. "
             "Lead counts the updates left when it acts, "
             "to the harm step of the labels file where one is given, else to the end of the "
             "record.") +
         page::paragraph(
             "A detector's ROC curve and AUC rank runs by the largest statistic past its warm-up" +
             (all.options.until_step < Step{0}
                  ? std::string()
                  : ", up to step " + std::to_string(all.options.until_step.value)) +
             "; the interval is a 95 % percentile bootstrap within each class, " +
             std::to_string(all.options.resamples) + " resamples, seed " +
             std::to_string(all.options.seed) +
             ". An AUC of 0.5 is a coin. Operators' commands in the recordings are passed over.");
}

}  // namespace

std::string backtest_page(const Backtest& result) {
  const std::string remark = result.raised_remark();
  std::string out =
      page::paragraph(
          counted(static_cast<std::int64_t>(result.policies.size()), "policy", "policies") +
              " on " + counted(static_cast<std::int64_t>(result.runs.size()), "recorded run") +
              ": " + std::to_string(result.count(true)) + " malicious, " +
              std::to_string(result.count(false)) + " harmless. phaseguard " PHASEGUARD_VERSION ".",
          "soft") +
      page::paragraph(
          html(kBacktestCaveat) + (remark.empty() ? "" : "<br><b>" + html(remark) + "</b>"),
          "caveat") +
      summary_table(result);
  out += page::part("When each policy acted") +
         page::paragraph(
             "<span class='key'><i class='harm'></i>malicious run<i class='fine'></i>harmless "
             "run</span>; dashed: the earliest step at which the policy could act at all. Hover "
             "for the decision.",
             "soft") +
         acting_steps_svg(result);
  out += page::part("What it spent") +
         page::paragraph("&lambda; in force, summed over the updates of a run. Bars are means.",
                         "soft") +
         spent_svg(result);
  for (const PolicyScore& policy : result.policies) out += policy_section(result, policy);
  return page::document("Policy backtest",
                        out + skips_list(result.skips, "Files left out") + how_to_read(result));
}

}  // namespace phaseguard::ctl
