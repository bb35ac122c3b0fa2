#include "monitor/check/rules.h"

#include <algorithm>
#include <utility>

namespace phaseguard::check {

namespace {

constexpr std::array<RuleInfo, kRules> kInfos{{
    {"frames", "Framing and types"},
    {"declaration", "hello"},
    {"session", "Resuming"},
    {"sequence", "Sequence numbers and acknowledgement"},
    {"steps", "step, canary, batch"},
    {"parts", "Parts of a step"},
    {"values", "step, canary, batch"},
    {"signals", "step, canary, batch"},
    {"clock", "Sequence numbers and acknowledgement"},
    {"heartbeat", "A trainer's life"},
    {"applied", "applied"},
    {"knobs obeyed", "A trainer's life"},
    {"range refused", "A trainer's life"},
    {"order of controls", "A trainer's life"},
    {"expiry", "control"},
    {"requests once", "request"},
    {"journal", "Sequence numbers and acknowledgement"},
    {"loss of the link", "A trainer's life"},
    {"goodbye", "goodbye"},
}};

}  // namespace

const RuleInfo& info_of(Rule rule) { return kInfos[static_cast<std::size_t>(rule)]; }

void Findings::add(Rule rule, Finding finding) {
  std::vector<Finding>& all = row(rule).findings;
  const auto known = std::find_if(
      all.begin(), all.end(), [&](const Finding& one) { return one.mistake == finding.mistake; });
  if (known == all.end()) {
    all.push_back(std::move(finding));
  } else {
    known->times += finding.times;
  }
}

void Findings::missed(Rule rule, const std::string& why) {
  if (row(rule).not_seen.empty()) row(rule).not_seen = why;
}

Verdict Findings::verdict(Rule rule) const {
  const Row& one = row(rule);
  if (!one.findings.empty()) return Verdict::kWrong;
  return one.seen.empty() ? Verdict::kNotSeen : Verdict::kRight;
}

bool Findings::has(Rule rule, std::string_view mistake) const {
  const std::vector<Finding>& all = row(rule).findings;
  return std::any_of(all.begin(), all.end(),
                     [&](const Finding& one) { return one.mistake == mistake; });
}

std::size_t Findings::wrong() const {
  return static_cast<std::size_t>(std::count_if(
      rows_.begin(), rows_.end(), [](const Row& one) { return !one.findings.empty(); }));
}

}  // namespace phaseguard::check
