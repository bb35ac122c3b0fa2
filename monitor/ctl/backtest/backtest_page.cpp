// The page of a backtest: self-contained HTML, inline SVG, no script, nothing from a network.
#include <array>
#include <cstdio>

#include "monitor/base/html.h"
#include "monitor/base/text.h"
#include "monitor/ctl/backtest/backtest.h"
#include "monitor/ctl/backtest/backtest_plots.h"
#include "monitor/ctl/svg_plot.h"
#include "monitor/ctl/text_lines.h"

namespace phaseguard::ctl {

namespace {

constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--text:#1d2530;--soft:#45505e;--paper:#fff;--rule:#dfe5eb;--head:#f3f6f8;--bad:#c2410c;
--fine:#0b69a8;--roc:#0b7285;--warn:#8a5a00;--good:#1b6e3c}
@media(prefers-color-scheme:dark){:root{--text:#e6eaee;--soft:#aab4be;--paper:#14181d;--rule:#2e363e;--head:#1d2329;
--bad:#ff8a5c;--fine:#6cb6ee;--roc:#4cc4d8;--warn:#e0b050;--good:#6fce93}}
body{font:15px/1.5 Inter,system-ui,'DejaVu Sans',sans-serif;color:var(--text);background:var(--paper);max-width:1180px;
margin:2em auto;padding:0 1.5em}h1{font-size:1.6em;margin:.2em 0}h2{font-size:1.2em;margin:2em 0 .4em;
border-top:1px solid var(--rule);padding-top:1em}h3{font-size:1em;margin:1.4em 0 .3em}p{max-width:72em}p.soft{color:var(--soft)}
.caveat{border-left:4px solid var(--warn);padding:.4em 1em;background:var(--head);max-width:72em}
.scroll{overflow-x:auto}table{border-collapse:collapse;margin:.6em 0;width:100%}td,th{padding:.4em .8em;text-align:left;
border-bottom:1px solid var(--rule);vertical-align:top}th{font-weight:600;background:var(--head)}
td.n,td.n small{font-variant-numeric:tabular-nums}td small{color:var(--soft);display:block}
.pass{color:var(--good);font-weight:600}.fail{color:var(--bad);font-weight:600}.warn{color:var(--warn)}
.none{color:var(--soft)}svg{width:100%;height:auto;max-width:900px;display:block}
svg text{font:11px Inter,system-ui,'DejaVu Sans',sans-serif;fill:var(--soft)}svg .name{font-weight:600;font-size:13px;fill:var(--text)}
svg .count{font-size:10px;fill:var(--text)}svg .end{text-anchor:end}svg .mid{text-anchor:middle}.grid{stroke:var(--rule)}.floor{stroke:var(--warn);stroke-dasharray:4 3;
stroke-width:1.4}circle.bad{fill:var(--bad)}circle.fine{fill:var(--paper);stroke:var(--fine);stroke-width:2}
.badbar{fill:var(--bad);opacity:.3}.finebar{fill:var(--fine);opacity:.3}.roc{fill:none;stroke:var(--roc);stroke-width:2.4}
.rocs{display:grid;grid-template-columns:repeat(auto-fill,minmax(230px,1fr));gap:1em}figure{margin:0}
figcaption{font-size:.9em;color:var(--soft)}figcaption b{color:var(--text)}.key i{display:inline-block;width:9px;height:9px;
border-radius:50%;margin:0 .35em 0 1em}.key i.bad{background:var(--bad)}.key i.fine{border:2px solid var(--fine);width:6px;height:6px}
details summary{cursor:pointer;margin:.6em 0}
)";

std::string cell(const std::string& content, const char* style = "") {
  return std::string("<td") + (*style ? std::string(" class='") + style + "'" : "") + ">" +
         content + "</td>";
}

std::string head(const std::vector<std::string>& names) {
  std::string out = "<tr>";
  for (const std::string& name : names) out += "<th>" + name + "</th>";
  return out + "</tr>";
}

std::string percent(double share) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %%", 100.0 * share);
  return text.data();
}

std::string rate_cell(const std::optional<stats::Rate>& rate) {
  if (!rate) return cell("no such runs", "none");
  return cell(percent(rate->rate) + "<small>" + std::to_string(rate->k) + " of " +
                  std::to_string(rate->n) + ", " + percent(rate->lower) + " to " +
                  percent(rate->upper) + "</small>",
              "n");
}

std::string spent_cell(const ClassScore& score) {
  if (!score.acted) return cell("no such runs", "none");
  double sum = 0.0;
  for (const double spent : score.spent) sum += spent;
  return cell(short_number(sum), "n");
}

std::string lead_cell(const ClassScore& score) {
  const auto median = median_of(score.leads);
  if (!median) return cell("never acted", "none");
  return cell(std::to_string(*median) + "<small>" + std::to_string(score.leads.front()) + " to " +
                  std::to_string(score.leads.back()) + "</small>",
              "n");
}

std::string floor_cell(const PolicyScore& policy) {
  const std::string step =
      policy.floor < Step{0} ? "not known" : std::to_string(policy.floor.value);
  if (policy.saturated()) {
    return cell(step +
                    "<small class='warn'>every acting run acted there: the step says "
                    "nothing</small>",
                "n");
  }
  return cell(step + "<small>" + std::to_string(policy.at_floor) + " of " +
                  counted(policy.acted, "acting run") + " there</small>",
              "n");
}

std::string criteria_cell(const PolicyScore& policy) {
  if (policy.criteria.empty()) return cell("none declared", "none");
  std::int64_t passed = 0;
  for (const CriterionResult& result : policy.criteria) passed += result.pass ? 1 : 0;
  const auto all = static_cast<std::int64_t>(policy.criteria.size());
  const std::string text = std::to_string(passed) + " of " + std::to_string(all) + " hold";
  return cell(text, passed == all ? "pass" : "fail");
}

std::string summary_table(const Backtest& all) {
  std::string out = "<div class='scroll'><table>" +
                    head({"policy", "detection", "false alarms", "lead, updates",
                          "&lambda;&middot;steps, malicious", "&lambda;&middot;steps, harmless",
                          "earliest possible step", "criteria"});
  for (const PolicyScore& policy : all.policies) {
    out += "<tr>" + cell("<b>" + html(policy.document.name) + "</b>") +
           rate_cell(policy.malicious.acted) + rate_cell(policy.harmless.acted) +
           lead_cell(policy.malicious) + spent_cell(policy.malicious) +
           spent_cell(policy.harmless) + floor_cell(policy) + criteria_cell(policy) + "</tr>";
  }
  return out + "</table></div>";
}

std::string criteria_table(const PolicyScore& policy) {
  if (policy.criteria.empty()) return "";
  std::string out = "<h3>Declared criteria</h3><table>" + head({"criterion", "found", ""});
  for (const CriterionResult& result : policy.criteria) {
    const bool measured = result.found == result.found;
    out += "<tr>" + cell(html(result.criterion.text())) +
           cell(measured ? short_number(result.found) : "nothing measured", "n") +
           cell(result.pass ? "holds" : "does not hold", result.pass ? "pass" : "fail") + "</tr>";
  }
  return out + "</table>";
}

std::string runs_table(const Backtest& all, const PolicyScore& policy) {
  std::string out =
      "<details><summary>The " + counted(static_cast<std::int64_t>(policy.runs.size()), "run") +
      " one by one</summary><div class='scroll'><table>" +
      head({"run", "class", "acted at step", "decision", "updates left", "&lambda;&middot;steps"});
  for (const RunScore& score : policy.runs) {
    const LabelledRun& run = all.runs[score.run];
    const bool acted = score.trace.acted >= Step{0};
    double spent = 0.0;
    for (const double value : score.trace.spent) spent += value;
    out += "<tr>" + cell(html(run.name)) + cell(run.malicious ? "malicious" : "harmless") +
           cell(acted ? std::to_string(score.trace.acted.value) +
                            (score.trace.at_floor ? " (its floor)" : "") +
                            (score.trace.after_raise ? " (after the recording's own raise)" : "")
                      : "never",
                "n") +
           cell(html(score.trace.summary)) +
           cell(acted ? std::to_string(score.trace.lead) : "", "n") +
           cell(short_number(spent), "n") + "</tr>";
  }
  return out + "</table></div></details>";
}

std::string skips_list(const std::vector<Skip>& skips, const char* title) {
  if (skips.empty()) return "";
  std::string out = std::string("<h3>") + title + "</h3><ul>";
  for (const Skip& skip : skips) {
    out += "<li>" + html(skip.what) + ": " + html(skip.why) + "</li>";
  }
  return out + "</ul>";
}

std::string policy_section(const Backtest& all, const PolicyScore& policy) {
  std::string out = "<h2>" + html(policy.document.name) + "</h2><p class='soft'>" +
                    html(policy.file) + ", mode " + policy::mode_of(policy.document) +
                    ", SHA-256 " + policy.document.digest.substr(0, 16) + "</p>";
  out += criteria_table(policy);
  if (!policy.detectors.empty()) {
    out += "<h3>How well each detector separates the classes</h3><div class='rocs'>";
    for (const DetectorScore& detector : policy.detectors) out += roc_svg(detector);
    out += "</div>";
  }
  return out + runs_table(all, policy) + skips_list(policy.skips, "Runs that it does not fit");
}

std::string how_to_read(const Backtest& all) {
  std::string out =
      "<h2>How to read this</h2><p>A policy <i>acts</i> at the first step where it " +
      (all.options.rule.empty()
           ? std::string("raises a knob above its base or asks the trainer for something; one that "
                         "can do neither, at its first alert above info")
           : "fires its rule " + html(all.options.rule)) +
      ". Detection is the share of malicious runs in which it acts, false alarms that of harmless "
      "ones; intervals are Wilson 95 %. Lead counts the updates left when it acts, to the harm "
      "step "
      "of the labels file where one is given, else to the end of the record.</p><p>A detector's "
      "ROC "
      "curve and AUC rank runs by the largest statistic past its warm-up" +
      (all.options.until_step < Step{0}
           ? std::string()
           : ", up to step " + std::to_string(all.options.until_step.value)) +
      "; the interval is a 95 % percentile bootstrap within each class, " +
      std::to_string(all.options.resamples) + " resamples, seed " +
      std::to_string(all.options.seed) +
      ". An AUC of 0.5 is a coin. Operators' commands in the recordings are passed over.</p>";
  return out;
}

}  // namespace

std::string backtest_page(const Backtest& result) {
  std::string out =
      "<!doctype html><html lang='en'><head><meta charset='utf-8'><meta name='viewport' "
      "content='width=device-width'><title>Policy backtest</title><style>" +
      std::string(kStyle) + "</style></head><body><h1>Policy backtest</h1><p class='soft'>" +
      std::to_string(result.policies.size()) +
      (result.policies.size() == 1 ? " policy" : " policies") + " on " +
      counted(static_cast<std::int64_t>(result.runs.size()), "recorded run") + ": " +
      std::to_string(result.count(true)) + " malicious, " + std::to_string(result.count(false)) +
      " harmless. phaseguard " PHASEGUARD_VERSION ".</p>";
  const std::string remark = result.raised_remark();
  out += "<p class='caveat'>" + html(kBacktestCaveat) +
         (remark.empty() ? "" : "<br><b>" + html(remark) + "</b>") + "</p>" + summary_table(result);
  out +=
      "<h2>When each policy acted</h2><p class='soft key'><i class='bad'></i>malicious run<i "
      "class='fine'></i>harmless run; dashed: the earliest step at which the policy could act at "
      "all. Hover for the decision.</p>" +
      acting_steps_svg(result);
  out +=
      "<h2>What it spent</h2><p class='soft'>&lambda; in force, summed over the updates of a "
      "run. Bars are means.</p>" +
      spent_svg(result);
  for (const PolicyScore& policy : result.policies) out += policy_section(result, policy);
  out += skips_list(result.skips, "Files left out") + how_to_read(result);
  return out + "</body></html>\n";
}

}  // namespace phaseguard::ctl
