#include <algorithm>
#include <cmath>

#include "monitor/base/printable.h"
#include "monitor/page/page.h"
#include "probe/preflight/plots.h"
#include "probe/preflight/render.h"

namespace phaseguard::preflight {

namespace {

// At most 200 bytes, whole characters.
std::string cut(const std::string& text) {
  std::size_t end = std::min<std::size_t>(text.size(), 200);
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0u) == 0x80u)
    --end;
  return end < text.size() ? text.substr(0, end) + " ..." : text;
}

std::string number_cell(double value) { return page::text_cell(shown(value), "n"); }
std::string size_cell(std::size_t value) {
  return page::count_cell(static_cast<std::int64_t>(value));
}

std::string columns_table(const Summary& summary) {
  std::string rows;
  for (const Column* column : {&summary.nll, &summary.nll_max, &summary.llr, &summary.judge}) {
    std::string cells = page::text_cell(column->name) + page::text_cell(column->unit) +
                        size_cell(column->n) + size_cell(column->bad) + size_cell(column->missing);
    const Quantiles q =
        column->quantiles.value_or(Quantiles{NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN});
    for (double value : {q.p05, q.p25, q.p50, q.p75, q.p95, q.mean}) cells += number_cell(value);
    rows += page::row(cells);
  }
  return page::table({"",
                      "unit",
                      {"n", true},
                      {"bad", true},
                      {"missing", true},
                      {"5 %", true},
                      {"25 %", true},
                      {"median", true},
                      {"75 %", true},
                      {"95 %", true},
                      {"mean", true}},
                     rows);
}

std::string critical_table(const Summary& summary) {
  if (summary.critical.empty()) return {};
  std::string rows;
  for (const auto& one : summary.critical) {
    rows += page::row(page::text_cell(one.at) + number_cell(one.nll) + number_cell(one.lambda) +
                      number_cell(one.approximate));
  }
  std::string out =
      page::part("Above which KL weight is it not learned?") +
      page::paragraph(
          "L is the reference's negative log-likelihood of " +
              std::string(summary.decisive ? "each answer's most surprising token"
                                           : "an answer token, mean") +
              ". A token flips in greedy decoding at &lambda;* = 2 / ln(e<sup>L</sup> &minus; 1), "
              "about 2 / L, for KL(&theta; || &theta;0) on answer tokens added to the loss. "
              "Another direction, mask or normaliser has another constant.",
          "soft") +
      page::table({"of L", {"L, nats", true}, {"&lambda;*", true}, {"2 / L", true}}, rows);
  if (!summary.noise) return out;
  const JudgeNoise& noise = *summary.noise;
  return out +
         page::paragraph("The judge scores " + std::to_string(noise.n) +
                         " samples known to be harmless " + shown(noise.score) + " on average; " +
                         (noise.has_dead_zone ? "a risk law with that noise floor is 0 up to " +
                                                    shown(noise.lower) + " and full from " +
                                                    shown(noise.upper) + "."
                                              : "no dead zone is left."));
}

std::string plots(const Preflight& preflight) {
  const Summary& summary = preflight.summary;
  std::vector<char> flagged(preflight.samples.size(), 0);
  for (const Flagged& one : summary.flagged) flagged[one.index] = 1;
  Histogram surprise{
      summary.decisive ? "L of the decisive token" : "L, mean per token", "nats", {}, std::nullopt};
  for (double value : summary.surprise) {
    if (std::isfinite(value)) surprise.values.push_back(value);
  }
  if (!summary.critical.empty() && summary.lambda && *summary.lambda > 0.0) {
    surprise.line = Line{2.0 / *summary.lambda,
                         "not learned at \xce\xbb " + shown(*summary.lambda) + " beyond"};
  }
  const Line llr{preflight.options.flag_llr, "flagged above"};
  const Line judge{preflight.options.flag_judge, "flagged above"};
  Scatter scatter{
      "Surprise and persona ratio of each sample", "L, nats", "persona ratio, nats", {}, llr};
  for (std::size_t i = 0; i < preflight.samples.size(); ++i) {
    scatter.points.push_back(
        {summary.surprise[i], flag_ratio(preflight.samples[i]), flagged[i] != 0});
  }
  return page::part("The samples") + "<div class='plots'>" + svg_of(surprise) +
         svg_of(Histogram{"Persona ratio", "nats per answer", summary.llr.values, llr}) +
         svg_of(Histogram{"Judge's score", "risk", summary.judge.values, judge}) + svg_of(scatter) +
         "</div>";
}

std::string flagged_table(const Preflight& preflight, std::size_t most) {
  const Summary& summary = preflight.summary;
  std::string out = page::part("Flagged samples: " + std::to_string(summary.flagged.size()) +
                               " of " + std::to_string(summary.samples));
  if (summary.share_llr) {
    out += page::paragraph("By persona ratio: " + html(stats::text_of(*summary.share_llr)));
  }
  if (summary.share_judge) {
    out += page::paragraph("By the judge: " + html(stats::text_of(*summary.share_judge)));
  }
  if (summary.flagged.empty()) return out;
  std::string rows;
  for (std::size_t i = 0; i < std::min(most, summary.flagged.size()); ++i) {
    const auto& one = preflight.samples[summary.flagged[i].index];
    rows += page::row(
        page::cell("<code>" + html(cut_between_characters(one.id, 12)) + "</code>") +
        page::text_cell(summary.flagged[i].why) + size_cell(static_cast<std::size_t>(one.tokens)) +
        number_cell(summary.surprise[summary.flagged[i].index]) + number_cell(flag_ratio(one)) +
        number_cell(one.judge) + page::text_cell(cut(one.text)));
  }
  out += page::table(
      {"sample", "why", {"tokens", true}, {"L", true}, {"ratio", true}, {"judge", true}, "text"},
      rows);
  if (summary.flagged.size() > most) {
    out += page::paragraph(std::to_string(summary.flagged.size() - most) +
                           " more: the JSON lists every sample.");
  }
  return out;
}

std::string rules_table(const StepZero& policy) {
  std::string rows;
  for (std::size_t i = 0; i < policy.rules.size(); ++i) {
    const auto& now = policy.rules[i];
    const auto& after = policy.rules_after[i];
    rows += page::row(page::text_cell(now.rule) + page::text_cell(now.state.text()) +
                      page::count_cell(now.votes) + page::text_cell(after.state.text()) +
                      page::count_cell(after.votes) + page::count_cell(after.needed) +
                      page::cell(after.fired_step.value < 0
                                     ? std::string("no")
                                     : "step " + std::to_string(after.fired_step.value) +
                                           (after.at_floor ? ", the earliest it can" : "")));
  }
  return page::table({"rule",
                      "at step 0",
                      {"votes", true},
                      "afterwards",
                      {"votes", true},
                      {"needed", true},
                      "fired"},
                     rows);
}

std::string detectors_table(const StepZero& policy) {
  std::string rows;
  for (std::size_t i = 0; i < policy.detectors.size(); ++i) {
    const auto& after = policy.detectors_after[i];
    rows += page::row(page::text_cell(after.detector) + page::text_cell(after.signal) +
                      number_cell(policy.detectors[i].value) + number_cell(after.value) +
                      number_cell(after.statistic) + number_cell(after.threshold) +
                      page::cell(after.voting ? "yes" : "no"));
  }
  return page::table({"detector",
                      "signal",
                      {"at step 0", true},
                      {"last", true},
                      {"compared", true},
                      {"line", true},
                      "votes"},
                     rows);
}

std::string policy_part(const StepZero& policy) {
  std::string what =
      "Its detectors were fed with the batches of this data at step 0 (the baseline) and at each "
      "measurement up to step " +
      std::to_string(policy.last_step) + "; mode " + html(policy.policy.mode.text()) + ".";
  if (!policy.silent.empty()) {
    what += " Not known before training, and silent here:";
    for (const std::string& name : policy.silent) what += " <code>" + html(name) + "</code>";
    what += ".";
  }
  std::string out = page::part("What the policy " + policy.policy.name + " would do") +
                    page::paragraph(what, "soft") + rules_table(policy) + detectors_table(policy);
  for (const Decided& one : policy.decisions) {
    out += page::paragraph("Step " + std::to_string(one.step) + ": " + html(one.summary));
  }
  if (policy.decisions.empty()) {
    out += page::paragraph("No decision: every knob stays at its base.");
  }
  return out;
}

}  // namespace

std::string page_of(const Preflight& preflight, std::size_t max_flagged) {
  const Summary& summary = preflight.summary;
  std::string lead = std::to_string(summary.samples) + " samples, " +
                     std::to_string(summary.tokens) + " answer tokens";
  if (!summary.source.model_id.empty()) {
    lead += "; scored under the reference <code>" + html(summary.source.model_id) + "</code>";
  }
  if (!summary.source.personas.empty()) lead += ", personas: " + html(summary.source.personas);
  std::string out = page::paragraph(lead + ". One pass, before the first update.", "soft");
  for (const std::string& warning : summary.warnings) {
    out += page::paragraph("\xe2\x9a\xa0 " + html(warning), "caveat");
  }
  out += columns_table(summary) + critical_table(summary) + plots(preflight) +
         (preflight.policy ? policy_part(*preflight.policy) : "") +
         flagged_table(preflight, max_flagged);
  return page::document("Pre-flight: " + preflight.title, out);
}

}  // namespace phaseguard::preflight
