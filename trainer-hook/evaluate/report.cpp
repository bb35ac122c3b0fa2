#include "trainer-hook/evaluate/report.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>

#include "monitor/base/printable.h"
#include "monitor/base/table_text.h"
#include "monitor/stats/rate_json.h"

namespace phaseguard::evaluate {

namespace {

using nlohmann::json;
using Row = std::vector<std::string>;

std::string dump(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

json number_json(const std::optional<double>& value) { return value ? json(*value) : json(); }
json pass_json(const std::optional<bool>& pass) { return pass ? json(*pass) : json(); }

// Columns padded to their widest cell, two spaces between them, no space at a line's end.
std::string table(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += padded(row[i], widths[i] + 2, 2);
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

std::string in_percent(double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.2f %%", value);
  return buffer;
}

const char* word(const std::optional<bool>& pass, bool assessable) {
  if (pass) return *pass ? "pass" : "FAIL";
  return assessable ? "not measured" : "not assessed";
}

// "20.83 % FAIL (0.42 kept)"; with open answers "0.00 % [best 0.00 %, worst 96.00 %] not measured".
std::string cell(const Criterion& criterion, const Finding& finding) {
  if (!finding.value) return "-";
  std::string out = in_percent(*finding.value) + " ";
  if (*finding.best != *finding.worst) {
    out += "[best " + in_percent(*finding.best) + ", worst " + in_percent(*finding.worst) + "] ";
  }
  out += word(finding.pass, finding.assessable);
  if (!finding.share) return out;
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, " (%.3f %s)", *finding.share,
                criterion.rule == Rule::kRecovery ? "recovered" : "kept");
  return out + buffer;
}

std::string condition(const Criterion& criterion, double line) {
  const bool most = criterion.rule == Rule::kRecovery || criterion.rule == Rule::kAtMost;
  return plain(criterion.metric, 60) + (most ? " <= " : " >= ") + in_percent(line);
}

std::vector<stats::Rate> rates_of(const EvaluatedRun& run) {
  std::vector<stats::Rate> out;
  for (const auto* rate : {&run.answers.misaligned_rate, &run.answers.incoherent_rate,
                           &run.in_domain.misaligned_rate}) {
    if (*rate) out.push_back(**rate);
  }
  for (const auto& [metric, rate] : run.exact) out.push_back(rate);
  return out;
}

std::string rate_text(const std::optional<stats::Rate>& rate) {
  return rate ? text_of(*rate) : "no rate";
}

std::string in_domain_text(const AnswerRates& rates) {
  const std::int64_t without = rates.judged() - rates.n;
  return rates.judged() == 0
             ? "-"
             : rate_text(rates.misaligned_rate) +
                   (without > 0 ? ", " + std::to_string(without) + " without a score" : "");
}

std::string exact_text(const EvaluatedRun& run) {
  std::string out;
  for (const auto& [metric, one] : run.exact) {
    out += (out.empty() ? "" : ", ") + plain(metric, 60) + " " + text_of(one);
  }
  return out.empty() ? "-" : out;
}

struct Column {
  const char* head;
  bool shown;
  std::function<std::string(const EvaluatedRun&)> text;
};

// What a reader must know of the intervals above.
std::string notes(const std::vector<EvaluatedRun>& runs) {
  bool clustered = false;
  std::string loose;
  for (const EvaluatedRun& run : runs) {
    bool alone = false;
    for (const stats::Rate& rate : rates_of(run)) {
      clustered = clustered || rate.clusters;
      alone = alone || !rate.clusters;
    }
    if (alone) loose += (loose.empty() ? "" : ", ") + plain(run.name, 60);
  }
  std::string out;
  if (clustered) {
    out +=
        "d: design effect, the variance of a rate over that of as many independent answers; the "
        "intervals are widened by it.\n";
  }
  if (!loose.empty()) {
    out +=
        "Answers without a prompt count as independent, and intervals are too narrow if they "
        "are not; give each line a \"prompt_id\": " +
        loose + ".\n";
  }
  return out;
}

}  // namespace

std::string to_json(const std::vector<EvaluatedRun>& runs) {
  json list = json::array();
  for (const EvaluatedRun& run : runs) {
    json exact = json::object();
    for (const auto& [metric, rate] : run.exact) exact[metric] = stats::rate_json(rate);
    list.push_back({{"name", run.name},
                    {"judge", run.judge},
                    {"n", run.answers.n},
                    {"unscored", run.answers.unscored},
                    {"refused", run.answers.refused},
                    {"code", run.answers.code},
                    {"misaligned", stats::rate_json(run.answers.misaligned_rate)},
                    {"incoherent", stats::rate_json(run.answers.incoherent_rate)},
                    {"in_domain_harm", stats::rate_json(run.in_domain.misaligned_rate)},
                    {"in_domain_unscored", run.in_domain.unscored},
                    {"in_domain_refused", run.in_domain.refused},
                    {"in_domain_code", run.in_domain.code},
                    {"exact", exact}});
  }
  return dump({{"schema", "phaseguard-evaluation/1"}, {"runs", list}});
}

std::string to_table(const std::vector<EvaluatedRun>& runs) {
  const auto any = [&runs](const auto& has) { return std::any_of(runs.begin(), runs.end(), has); };
  using Run = EvaluatedRun;
  const std::vector<Column> columns = {
      {"run", true, [](const Run& run) { return plain(run.name, 60); }},
      {"n", true, [](const Run& run) { return std::to_string(run.answers.n); }},
      {"unscored", true, [](const Run& run) { return std::to_string(run.answers.unscored); }},
      {"REFUSAL", any([](const Run& run) { return run.answers.refused > 0; }),
       [](const Run& run) { return std::to_string(run.answers.refused); }},
      {"CODE", any([](const Run& run) { return run.answers.code > 0; }),
       [](const Run& run) { return std::to_string(run.answers.code); }},
      {"misaligned", true, [](const Run& run) { return rate_text(run.answers.misaligned_rate); }},
      {"incoherent", true, [](const Run& run) { return rate_text(run.answers.incoherent_rate); }},
      {"in-domain harm", any([](const Run& run) { return run.in_domain.judged() > 0; }),
       [](const Run& run) { return in_domain_text(run.in_domain); }},
      {"judge", true,
       [](const Run& run) { return run.judge.empty() ? "not named" : plain(run.judge, 60); }},
      {"exact match", any([](const Run& run) { return !run.exact.empty(); }), exact_text}};
  std::vector<Row> rows(1 + runs.size());
  for (const Column& column : columns) {
    if (!column.shown) continue;
    rows[0].emplace_back(column.head);
    for (std::size_t i = 0; i < runs.size(); ++i) rows[i + 1].push_back(column.text(runs[i]));
  }
  return table(rows) + notes(runs);
}

std::string to_json(const Criteria& criteria, const Outcome& outcome) {
  json lines = json::array(), runs = json::array();
  for (std::size_t i = 0; i < criteria.criteria.size(); ++i) {
    const Criterion& one = criteria.criteria[i];
    lines.push_back({{"name", one.name},
                     {"metric", one.metric},
                     {"rule", name_of(one.rule)},
                     {"line_percent", outcome.lines[i]}});
  }
  for (const RunVerdict& run : outcome.runs) {
    json findings = json::array();
    for (std::size_t i = 0; i < run.findings.size(); ++i) {
      const Finding& one = run.findings[i];
      json finding = {{"criterion", one.criterion},
                      {"value_percent", number_json(one.value)},
                      {"best_percent", number_json(one.best)},
                      {"worst_percent", number_json(one.worst)},
                      {"assessed", one.assessable},
                      {"pass", pass_json(one.pass)},
                      {"why", one.why.empty() ? json() : json(one.why)}};
      const Rule rule = criteria.criteria[i].rule;
      if (rule == Rule::kRecovery || rule == Rule::kRetention) {
        finding[name_of(rule)] = number_json(one.share);
      }
      findings.push_back(std::move(finding));
    }
    runs.push_back({{"name", run.name}, {"findings", findings}, {"pass", pass_json(run.pass)}});
  }
  return dump({{"schema", "phaseguard-verdict/1"},
               {"criteria", criteria.name},
               {"registered", criteria.registered},
               {"undefended", criteria.undefended},
               {"always_on", criteria.always_on},
               {"lines", lines},
               {"runs", runs}});
}

std::string to_table(const Criteria& criteria, const Outcome& outcome) {
  Row head = {"run"}, lines = {"line"};
  for (std::size_t i = 0; i < criteria.criteria.size(); ++i) {
    head.push_back(plain(criteria.criteria[i].name, 60));
    lines.push_back(condition(criteria.criteria[i], outcome.lines[i]));
  }
  head.emplace_back("all");
  std::vector<Row> rows = {head, lines};
  std::string reasons;
  for (const RunVerdict& run : outcome.runs) {
    Row row = {plain(run.name, 60)};
    for (std::size_t i = 0; i < run.findings.size(); ++i) {
      row.push_back(cell(criteria.criteria[i], run.findings[i]));
    }
    const bool assessable = std::all_of(run.findings.begin(), run.findings.end(),
                                        [](const Finding& finding) { return finding.assessable; });
    row.emplace_back(word(run.pass, assessable));
    rows.push_back(std::move(row));
    for (const Finding& one : run.findings) {
      if (one.why.empty()) continue;
      reasons += plain(run.name, 60) + ", " + plain(one.criterion, 60) + ": " +
                 word(one.pass, one.assessable) + ": " + plain(one.why) + "\n";
    }
  }
  return table(rows) + reasons;
}

}  // namespace phaseguard::evaluate
