// What was found, for people and for programs.
#include <nlohmann/json.hpp>

#include "monitor/base/printable.h"
#include "monitor/base/table_text.h"
#include "monitor/check/check.h"

namespace phaseguard::check {

namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t kNameWidth = 19;
constexpr std::size_t kVerdictWidth = 10;

const char* text_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kRight:
      return "ok";
    case Verdict::kWrong:
      return "WRONG";
    case Verdict::kNotSeen:
      break;
  }
  return "not seen";
}

std::string place_of(const Finding& finding) {
  std::vector<std::string> parts;
  if (finding.number > Seq{}) parts.push_back("message " + std::to_string(finding.number.value));
  if (finding.step >= Step{0}) parts.push_back("step " + std::to_string(finding.step.value));
  if (finding.times > 1) parts.push_back(std::to_string(finding.times) + " times");
  return parts.empty() ? "" : " (" + joined(parts) + ")";
}

json json_of(const Finding& finding) {
  json out{{"mistake", finding.mistake}, {"text", finding.text}, {"times", finding.times}};
  if (finding.number > Seq{}) out["message"] = finding.number.value;
  if (finding.step >= Step{0}) out["step"] = finding.step.value;
  return out;
}

std::string lines_of(const Findings& findings, Rule rule) {
  const Row& row = findings.row(rule);
  const RuleInfo& info = info_of(rule);
  const Verdict verdict = findings.verdict(rule);
  std::string line = padded(text_of(verdict), kVerdictWidth) + padded(info.name, kNameWidth);
  if (verdict == Verdict::kRight) return line + row.seen + "\n";
  if (verdict == Verdict::kNotSeen) return line + row.not_seen + "\n";
  line += "docs/PROTOCOL.md, \"" + std::string(info.section) + "\"\n";
  for (const Finding& finding : row.findings) {
    line += std::string(kVerdictWidth, ' ') + plain(finding.mistake) + ": " +
            plain(finding.text, 600) + place_of(finding) + "\n";
  }
  return line;
}

}  // namespace

std::string to_text(const Report& report) {
  std::string out =
      report.run.empty() ? "no trainer said hello at " + report.endpoint : "run " + report.run;
  out += ", " + short_number(report.seconds, 3) + " s";
  if (!report.ended.empty()) out += ", the trainer ended with " + report.ended;
  out += "\n";
  for (const std::string& run : report.other_runs) out += "not looked at: run " + run + "\n";
  for (std::size_t i = 0; i < kRules; ++i) out += lines_of(report.findings, static_cast<Rule>(i));
  const auto wrong = static_cast<std::int64_t>(report.findings.wrong());
  return out + std::to_string(wrong) + " of " + counted(kRules, "check") +
         " found something wrong\n";
}

std::string to_json(const Report& report) {
  json checks = json::array();
  for (std::size_t i = 0; i < kRules; ++i) {
    const Rule rule = static_cast<Rule>(i);
    const Row& row = report.findings.row(rule);
    const Verdict verdict = report.findings.verdict(rule);
    json one{{"check", info_of(rule).name},
             {"section", info_of(rule).section},
             {"verdict", text_of(verdict)}};
    if (verdict == Verdict::kRight) one["seen"] = row.seen;
    if (verdict == Verdict::kNotSeen) one["why"] = row.not_seen;
    if (verdict == Verdict::kWrong) {
      one["findings"] = json::array();
      for (const Finding& finding : row.findings) one["findings"].push_back(json_of(finding));
    }
    checks.push_back(std::move(one));
  }
  const json out{{"run", report.run},
                 {"endpoint", report.endpoint},
                 {"seconds", report.seconds},
                 {"ended", report.ended},
                 {"other_runs", report.other_runs},
                 {"checks", std::move(checks)},
                 {"wrong", report.findings.wrong()}};
  return printable_json(out.dump(2, ' ', false, json::error_handler_t::replace)) + "\n";
}

}  // namespace phaseguard::check
