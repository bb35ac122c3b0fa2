#include <algorithm>
#include <cmath>

#include "monitor/base/html.h"
#include "probe/preflight/plots.h"
#include "probe/preflight/render.h"

namespace phaseguard::preflight {

namespace {

constexpr const char* kStyle = R"(
:root{color-scheme:light}body{font:15px/1.5 Inter,system-ui,'DejaVu Sans',sans-serif;color:#1d2530;
background:#fff;max-width:1180px;margin:2em auto;padding:0 1.5em}h1{font-size:1.6em;margin:.2em 0}
h2{font-size:1.2em;margin:1.8em 0 .3em;border-top:1px solid #cfd6de;padding-top:1em}
p.lead{color:#45505e;max-width:70em}table{border-collapse:collapse;margin:.6em 0}
td,th{padding:.25em .8em;border-bottom:1px solid #e3e8ee;text-align:left;vertical-align:top}
th{font-weight:600;background:#f5f7f9}td.n{text-align:right;font-variant-numeric:tabular-nums}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(460px,1fr));gap:.8em 1.2em}
svg{width:100%;height:auto}svg text{font:11px Inter,system-ui,sans-serif;fill:#45505e}
svg .title{font-weight:600;font-size:12px;fill:#1d2530}svg .end{text-anchor:end}
svg .mid{text-anchor:middle}svg .hole{text-anchor:middle;fill:#b00020}.grid{stroke:#e8ecf0}
.bar{fill:#5b7f9f}.dot{fill:#5b7f9f;fill-opacity:.55}.flag{fill:#b00020;fill-opacity:.75}
line.level{stroke:#8a5a00;stroke-dasharray:6 4}text.level{fill:#8a5a00}
.warn{border-left:4px solid #8a5a00;background:#fff7e8;padding:.5em .9em;margin:.5em 0}
code{font-size:.9em;word-break:break-all}@media print{body{margin:0}}
)";

// At most 200 bytes, whole characters.
std::string cut(const std::string& text) {
  std::size_t end = std::min<std::size_t>(text.size(), 200);
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0u) == 0x80u)
    --end;
  return end < text.size() ? text.substr(0, end) + " ..." : text;
}

std::string cell(const std::string& text) { return "<td>" + html(text) + "</td>"; }
std::string number_cell(double value) { return "<td class='n'>" + short_number(value) + "</td>"; }
std::string count_cell(std::size_t value) {
  return "<td class='n'>" + std::to_string(value) + "</td>";
}

std::string head(std::initializer_list<const char*> names) {
  std::string out = "<tr>";
  for (const char* name : names) out += std::string("<th>") + name + "</th>";
  return out + "</tr>";
}

std::string columns_table(const Summary& summary) {
  std::string out = "<table>" + head({"", "unit", "n", "bad", "missing", "5 %", "25 %", "median",
                                      "75 %", "95 %", "mean"});
  for (const Column* column : {&summary.nll, &summary.nll_max, &summary.llr, &summary.judge}) {
    out += "<tr>" + cell(column->name) + cell(column->unit) + count_cell(column->n) +
           count_cell(column->bad) + count_cell(column->missing);
    const Quantiles q =
        column->quantiles.value_or(Quantiles{NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN});
    for (double value : {q.p05, q.p25, q.p50, q.p75, q.p95, q.mean}) out += number_cell(value);
    out += "</tr>";
  }
  return out + "</table>";
}

std::string critical_table(const Summary& summary) {
  if (summary.critical.empty()) return {};
  std::string out =
      "<h2>Above which KL weight is it not learned?</h2><p class='lead'>L is the reference's "
      "negative log-likelihood of " +
      std::string(summary.decisive ? "each answer's most surprising token"
                                   : "an answer token, mean") +
      ". A token flips in greedy decoding at &lambda;* = 2 / ln(e<sup>L</sup> &minus; 1), about "
      "2 / L, for KL(&theta; || &theta;0) on answer tokens added to the loss. Another direction, "
      "mask or normaliser has another constant.</p><table>" +
      head({"of L", "L, nats", "&lambda;*", "2 / L"});
  for (const auto& one : summary.critical) {
    out += "<tr>" + cell(one.at) + number_cell(one.nll) + number_cell(one.lambda) +
           number_cell(one.approximate) + "</tr>";
  }
  out += "</table>";
  if (!summary.noise) return out;
  const JudgeNoise& noise = *summary.noise;
  return out + "<p>The judge scores " + std::to_string(noise.n) + " samples known to be harmless " +
         short_number(noise.score) + " on average; " +
         (noise.has_dead_zone
              ? "a risk law with that noise floor is 0 up to " + short_number(noise.lower) +
                    " and full from " + short_number(noise.upper) + "."
              : "no dead zone is left.") +
         "</p>";
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
                         "not learned at \xce\xbb " + short_number(*summary.lambda) + " beyond"};
  }
  const Line llr{preflight.options.flag_llr, "flagged above"};
  const Line judge{preflight.options.flag_judge, "flagged above"};
  Scatter scatter{
      "Surprise and persona ratio of each sample", "L, nats", "persona ratio, nats", {}, llr};
  for (std::size_t i = 0; i < preflight.samples.size(); ++i) {
    scatter.points.push_back(
        {summary.surprise[i], flag_ratio(preflight.samples[i]), flagged[i] != 0});
  }
  return "<h2>The samples</h2><div class='plots'>" + svg_of(surprise) +
         svg_of(Histogram{"Persona ratio", "nats per answer", summary.llr.values, llr}) +
         svg_of(Histogram{"Judge's score", "risk", summary.judge.values, judge}) + svg_of(scatter) +
         "</div>";
}

std::string flagged_table(const Preflight& preflight, std::size_t most) {
  const Summary& summary = preflight.summary;
  std::string out = "<h2>Flagged samples: " + std::to_string(summary.flagged.size()) + " of " +
                    std::to_string(summary.samples) + "</h2>";
  if (summary.share_llr) {
    out += "<p>By persona ratio: " + html(stats::text_of(*summary.share_llr)) + "</p>";
  }
  if (summary.share_judge) {
    out += "<p>By the judge: " + html(stats::text_of(*summary.share_judge)) + "</p>";
  }
  if (summary.flagged.empty()) return out;
  out += "<table>" + head({"sample", "why", "tokens", "L", "ratio", "judge", "text"});
  for (std::size_t i = 0; i < std::min(most, summary.flagged.size()); ++i) {
    const auto& one = preflight.samples[summary.flagged[i].index];
    out += "<tr><td><code>" + html(one.id.substr(0, 12)) + "</code></td>" +
           cell(summary.flagged[i].why) + count_cell(static_cast<std::size_t>(one.tokens)) +
           number_cell(summary.surprise[summary.flagged[i].index]) + number_cell(flag_ratio(one)) +
           number_cell(one.judge) + cell(cut(one.text)) + "</tr>";
  }
  out += "</table>";
  if (summary.flagged.size() > most) {
    out += "<p>" + std::to_string(summary.flagged.size() - most) +
           " more: the JSON lists every sample.</p>";
  }
  return out;
}

std::string policy_part(const StepZero& policy) {
  std::string out = "<h2>What the policy " + html(policy.policy.name) +
                    " would do</h2><p class='lead'>Its detectors were fed with the batches of "
                    "this data at step 0 (the baseline) and at each measurement up to step " +
                    std::to_string(policy.last_step) + "; mode " + html(policy.policy.mode) + ".";
  if (!policy.silent.empty()) {
    out += " Not known before training, and silent here:";
    for (const std::string& name : policy.silent) out += " <code>" + html(name) + "</code>";
    out += ".";
  }
  out += "</p><table>" +
         head({"rule", "at step 0", "votes", "afterwards", "votes", "needed", "fired"});
  for (std::size_t i = 0; i < policy.rules.size(); ++i) {
    const auto& now = policy.rules[i];
    const auto& after = policy.rules_after[i];
    out += "<tr>" + cell(now.rule) + cell(now.state) + cell(std::to_string(now.votes)) +
           cell(after.state) + cell(std::to_string(after.votes)) +
           cell(std::to_string(after.needed)) +
           cell(after.fired_step.value < 0 ? std::string("no")
                                           : "step " + std::to_string(after.fired_step.value) +
                                                 (after.at_floor ? ", the earliest it can" : "")) +
           "</tr>";
  }
  out += "</table><table>" +
         head({"detector", "signal", "at step 0", "last", "compared", "line", "votes"});
  for (std::size_t i = 0; i < policy.detectors.size(); ++i) {
    const auto& after = policy.detectors_after[i];
    out += "<tr>" + cell(after.detector) + cell(after.signal) +
           number_cell(policy.detectors[i].value) + number_cell(after.value) +
           number_cell(after.statistic) + number_cell(after.threshold) +
           cell(after.voting ? "yes" : "no") + "</tr>";
  }
  out += "</table>";
  for (const Decided& one : policy.decisions) {
    out += "<p>Step " + std::to_string(one.step) + ": " + html(one.summary) + "</p>";
  }
  if (policy.decisions.empty()) out += "<p>No decision: every knob stays at its base.</p>";
  return out;
}

}  // namespace

std::string page_of(const Preflight& preflight, std::size_t max_flagged) {
  const Summary& summary = preflight.summary;
  std::string out =
      "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
      "<meta name='viewport' content='width=device-width'><title>Pre-flight: " +
      html(preflight.title) + "</title><style>" + kStyle +
      "</style></head><body><h1>Pre-flight: " + html(preflight.title) + "</h1><p class='lead'>" +
      std::to_string(summary.samples) + " samples, " + std::to_string(summary.tokens) +
      " answer tokens";
  if (!summary.source.model_id.empty()) {
    out += "; scored under the reference <code>" + html(summary.source.model_id) + "</code>";
  }
  if (!summary.source.personas.empty()) {
    out += ", personas: " + html(summary.source.personas);
  }
  out += ". One pass, before the first update.</p>";
  for (const std::string& warning : summary.warnings) {
    out += "<p class='warn'>\xe2\x9a\xa0 " + html(warning) + "</p>";
  }
  out += columns_table(summary) + critical_table(summary) + plots(preflight) +
         (preflight.policy ? policy_part(*preflight.policy) : "") +
         flagged_table(preflight, max_flagged);
  return out + "</body></html>\n";
}

}  // namespace phaseguard::preflight
