#include "monitor/ctl/record/report_page.h"

#include <algorithm>

#include "monitor/base/printable.h"
#include "monitor/base/table_text.h"
#include "monitor/base/text.h"
#include "monitor/ctl/record/report_plots.h"
#include "monitor/page/page.h"
#include "monitor/run/rule_text.h"

namespace phaseguard::ctl {

namespace {

std::string outcome_table(const std::vector<Outcome>& outcomes) {
  if (outcomes.empty()) return "";
  std::vector<page::Head> head{"measured on the trained model"};
  for (const Outcome& outcome : outcomes) head.emplace_back(html(outcome.title));
  std::string rows;
  for (std::size_t i = 0; i < outcomes.front().rates.size(); ++i) {
    std::string cells = page::name_cell(outcomes.front().rates[i].name);
    for (const Outcome& outcome : outcomes) {
      if (i >= outcome.rates.size()) {
        cells += page::cell("");
      } else if (const auto& rate = outcome.rates[i].rate; rate) {
        cells += page::rate_cell(*rate);
      } else {
        cells += page::cell("not measured", "none");
      }
    }
    rows += page::row(cells);
  }
  return page::part("What each model does now") + page::table(head, rows) +
         page::paragraph(
             "Rates with 95 % intervals, counts, clusters and design effect d (the variance of a "
             "rate "
             "over that of as many independent answers). The undefended models were trained on "
             "the same data with the same seed and no monitor.",
             "soft");
}

std::string voters(const wire::Decision& decision) {
  std::string out;
  for (const wire::DetectorEvidence& d : decision.detectors) {
    if (!d.voting) continue;
    out += (out.empty() ? "" : "<br>") +
           html(d.detector + ": " + d.signal + " " + short_number(d.statistic) + " > " +
                short_number(d.threshold) + ", " + std::to_string(d.streak) + " of " +
                std::to_string(d.needed) + " in a row at step " + std::to_string(d.step.value));
  }
  return out;
}

std::string decisions_of(const run::RunState& state) {
  std::string rows;
  for (const auto& entry : state.decisions.entries) {
    rows += page::row(page::count_cell(entry.step.value) + page::text_cell(entry.body.summary) +
                      page::cell(voters(entry.body)));
  }
  return page::subpart("Decisions") +
         page::table({{"step", true}, "decision", "evidence: detectors voting"}, rows);
}

std::string rules_of(const std::vector<wire::RuleEvidence>& rules) {
  if (rules.empty()) return "";
  std::string rows;
  for (const wire::RuleEvidence& rule : rules) {
    const bool fired = rule.fired_step.value >= 0;
    rows +=
        page::row(page::name_cell(rule.rule) + page::text_cell(run::rule_text(rule)) +
                  page::text_cell(std::to_string(rule.votes) + " of " + std::to_string(rule.of) +
                                  ", " + std::to_string(rule.needed) + " needed") +
                  (fired ? page::count_cell(rule.fired_step.value) : page::cell("")));
  }
  return page::subpart("Rules at the end of the record") +
         page::table({"rule", "state", "detectors voting", {"fired at step", true}}, rows);
}

std::string lives_of(const run::RunState& state) {
  std::string out;
  for (const auto& [name, knob] : state.knobs) {
    out += page::fact("knob " + name, "decided " + number_text(knob.decided_value) + " (" +
                                          knob.cause.text() + "), applied " +
                                          number_text(knob.applied_value) + " since step " +
                                          std::to_string(knob.applied_step.value) +
                                          (knob.confirmed() ? ", confirmed" : ", NOT CONFIRMED"));
  }
  for (const run::RequestState& request : state.requests) {
    out += page::fact("request " + request.request.type.text(),
                      (request.outcome.empty() ? "decided" : request.outcome.text()) +
                          (request.detail.empty() ? "" : ": " + request.detail));
  }
  return out;
}

std::string facts_of(const ReportedRun& reported) {
  const run::RunState& state = reported.state;
  std::string out = page::fact("file", reported.file_name) +
                    page::fact("label", state.label.empty() ? "none" : state.label.text()) +
                    page::fact("steps", std::to_string(state.step.value) + " of " +
                                            std::to_string(state.total_steps) + ", " +
                                            std::to_string(state.segments.size()) + " segment(s)");
  if (state.policy) {
    out += page::fact("policy", state.policy->name + " (" + state.policy->mode.text() + ")") +
           page::fact("policy digest", state.policy->digest);
  }
  if (state.intervened_step >= Step{0}) {
    out += page::fact("intervened",
                      "at step " + std::to_string(state.intervened_step.value) +
                          ": from there on a raised value was in force under a "
                          "policy in shadow mode",
                      "bad");
  }
  if (state.hello) {
    out +=
        page::fact("model, reference", state.hello->model_id + ", " + state.hello->reference_id) +
        page::fact("canary set", state.hello->canary_set + ", " +
                                     std::to_string(state.hello->canary_ids.size()) + " prompts, " +
                                     state.hello->canary_digest);
    for (const std::string& note : state.hello->notes) {
      const std::size_t colon = std::min(note.find(": "), note.size());
      out += page::fact(note.substr(0, colon), note.substr(std::min(colon + 2, note.size())));
    }
  }
  out += lives_of(state);
  out += page::fact("verify", reported.verified, reported.is_verified ? "good" : "bad");
  return page::table({}, out);
}

std::string section_of(const ReportedRun& reported) {
  const std::string run = reported.state.run.text();
  std::string out = page::part(run) + decisions_of(reported.state) + rules_of(reported.rules) +
                    report_plots(reported.state) + page::subpart("Record") + facts_of(reported);
  if (!reported.screenshot_png.empty()) {
    out +=
        page::subpart("Dashboard") + page::picture(reported.screenshot_png, "dashboard of " + run);
  }
  return out;
}

}  // namespace

std::string report_page(const std::string& title, const std::vector<ReportedRun>& runs,
                        const std::vector<Outcome>& outcomes) {
  std::string out = page::paragraph(
      "Made from the run files alone by phaseguard " PHASEGUARD_VERSION
      ". Signals recorded under one &lambda; are not what another &lambda; would have produced.",
      "soft");
  out += outcome_table(outcomes);
  for (const ReportedRun& reported : runs) out += section_of(reported);
  return page::document(title, out);
}

}  // namespace phaseguard::ctl
