#include <algorithm>

#include "monitor/base/printable.h"
#include "monitor/base/table_text.h"
#include "monitor/base/text.h"
#include "probe/preflight/render.h"

namespace phaseguard::preflight {

namespace {

void put_columns(std::string& out, const Summary& summary) {
  out += "\n" + padded("", 38, 2);
  for (const char* head :
       {"n", "bad", "missing", "5 %", "25 %", "median", "75 %", "95 %", "mean"}) {
    out += right_aligned(head, 9);
  }
  out += "\n";
  for (const Column* column : {&summary.nll, &summary.nll_max, &summary.llr, &summary.judge}) {
    out += padded(column->name, 38, 2);
    for (std::size_t count : {column->n, column->bad, column->missing}) {
      out += right_aligned(std::to_string(count), 9);
    }
    if (column->quantiles) {
      const Quantiles& q = *column->quantiles;
      for (double value : {q.p05, q.p25, q.p50, q.p75, q.p95, q.mean}) {
        out += right_aligned(shown(value), 9);
      }
    }
    out += "\n";
  }
}

void put_critical(std::string& out, const Summary& summary) {
  if (summary.critical.empty()) return;
  out +=
      "\nKL weight above which an answer is not learned, lambda* = 2 / ln(e^L - 1), about 2 / L\n";
  out += std::string("L: ") +
         (summary.decisive ? "each answer's most surprising token" : "mean per answer token") +
         ", nats\n";
  out += padded("", 14, 2) + right_aligned("L", 9) + right_aligned("lambda*", 10) +
         right_aligned("2 / L", 10) + "\n";
  for (const auto& one : summary.critical) {
    out += padded(one.at, 14, 2) + right_aligned(shown(one.nll), 9) +
           right_aligned(shown(one.lambda), 10) + right_aligned(shown(one.approximate), 10) + "\n";
  }
}

void put_noise(std::string& out, const Summary& summary) {
  if (!summary.noise) return;
  const JudgeNoise& noise = *summary.noise;
  out += "\njudge on " + std::to_string(noise.n) +
         " samples known to be harmless: " + shown(noise.score);
  out += noise.has_dead_zone ? "; dead zone of a risk law: 0 up to " + shown(noise.lower) +
                                   ", full from " + shown(noise.upper) + "\n"
                             : "; no dead zone is left\n";
}

void put_flagged(std::string& out, const Preflight& preflight, std::size_t most) {
  const Summary& summary = preflight.summary;
  out += "\nflagged: " + std::to_string(summary.flagged.size()) + " of " +
         std::to_string(summary.samples) + " samples";
  if (summary.share_llr) out += "; persona ratio " + stats::text_of(*summary.share_llr);
  if (summary.share_judge) out += "; judge " + stats::text_of(*summary.share_judge);
  out += "\n";
  for (std::size_t i = 0; i < std::min(most, summary.flagged.size()); ++i) {
    const Flagged& flagged = summary.flagged[i];
    const auto& sample = preflight.samples[flagged.index];
    out += "  " + padded(plain(cut_between_characters(sample.id, 12)), 14, 2) + flagged.why;
    if (!sample.text.empty()) out += "  " + phaseguard::quoted(sample.text, 90);
    out += "\n";
  }
  if (summary.flagged.size() > most) {
    out +=
        "  ... and " + std::to_string(summary.flagged.size() - most) + " more (--json, --html)\n";
  }
}

void put_policy(std::string& out, const StepZero& policy) {
  out += "\npolicy " + phaseguard::quoted(policy.policy.name, 60) + " (" +
         policy.policy.mode.text() + "), fed with this data's batches up to step " +
         std::to_string(policy.last_step) + "\n";
  for (std::size_t i = 0; i < policy.rules.size(); ++i) {
    const auto& now = policy.rules[i];
    const auto& after = policy.rules_after[i];
    out +=
        "  rule " + padded(plain(now.rule), 20, 2) + "step 0: " + now.state.text() + ", " +
        std::to_string(now.votes) + " of " + std::to_string(now.needed) +
        " votes;  then: " + after.state.text() + ", " + std::to_string(after.votes) + " votes" +
        (after.fired_step.value >= 0 ? ", fired at step " + std::to_string(after.fired_step.value)
                                     : "") +
        (after.at_floor ? " (the earliest it can)" : "") + "\n";
  }
  for (std::size_t i = 0; i < policy.detectors.size(); ++i) {
    const auto& now = policy.detectors[i];
    const auto& after = policy.detectors_after[i];
    out += "  detector " + padded(plain(now.detector), 16, 2) + padded(plain(now.signal), 20, 2) +
           "step 0: " + shown(now.value) + ";  last: " + shown(after.value) +
           ", compared: " + shown(after.statistic) + (after.voting ? " > " : " against ") +
           shown(after.threshold) + (after.voting ? ", votes" : "") + "\n";
  }
  for (const Decided& decided : policy.decisions) {
    out += "  step " + std::to_string(decided.step) + ": " + printable(decided.summary) + "\n";
  }
  if (policy.decisions.empty()) out += "  no decision: every knob stays at its base\n";
  if (!policy.silent.empty()) {
    out += "  not known before training:";
    for (const std::string& name : policy.silent) out += " " + plain(name);
    out += "\n";
  }
}

}  // namespace

std::string text_of(const Preflight& preflight, std::size_t max_flagged) {
  const Summary& summary = preflight.summary;
  std::string out = printable(preflight.title) + ": " + std::to_string(summary.samples) +
                    " samples, " + std::to_string(summary.tokens) + " answer tokens";
  if (!summary.source.model_id.empty()) out += ", reference " + plain(summary.source.model_id);
  out += "\n";
  put_columns(out, summary);
  put_critical(out, summary);
  put_noise(out, summary);
  put_flagged(out, preflight, max_flagged);
  if (preflight.policy) put_policy(out, *preflight.policy);
  for (const std::string& warning : summary.warnings)
    out += "\nwarning: " + printable(warning) + "\n";
  return out;
}

}  // namespace phaseguard::preflight
