#include "monitor/ctl/record/report_page.h"

#include <array>
#include <cstdio>

#include "monitor/base/html.h"
#include "monitor/base/text.h"
#include "monitor/ctl/svg_plot.h"

namespace phaseguard::ctl {

namespace {

constexpr const char* kStyle = R"(
:root{color-scheme:light}body{font:15px/1.5 Inter,system-ui,'DejaVu Sans',sans-serif;color:#1d2530;background:#fff;
max-width:1560px;margin:2em auto;padding:0 1.5em}h1{font-size:1.6em;margin:.2em 0}h2{font-size:1.25em;margin:2em 0 .3em;
border-top:1px solid #cfd6de;padding-top:1em}h3{font-size:1em;margin:1.2em 0 .3em}p.lead{color:#45505e;max-width:75em}
table{border-collapse:collapse;margin:.6em 0}td,th{padding:.3em .8em;border-bottom:1px solid #e3e8ee;text-align:left;
vertical-align:top}th{font-weight:600;background:#f5f7f9}th{white-space:nowrap}
td.n{font-variant-numeric:tabular-nums;white-space:nowrap}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(520px,1fr));gap:.6em 1.2em}svg{width:100%;height:auto}
svg text{font:11px Inter,system-ui,sans-serif;fill:#45505e}svg .title{font-weight:600;font-size:12px;fill:#1d2530}
svg .end{text-anchor:end}svg .mid{text-anchor:middle}svg .hole{text-anchor:middle;fill:#b00020}.grid{stroke:#e8ecf0}
.axis{stroke:#8793a1}.level{stroke:#8a5a00;stroke-dasharray:6 4}text.level{fill:#8a5a00;stroke:none}.mark{stroke-width:1.2}
.on{fill:#0b7285;opacity:.10}.bad{color:#b00020;font-weight:600}.good{color:#1b6e3c;font-weight:600}.none{color:#8793a1}
img{max-width:100%;border:1px solid #cfd6de;border-radius:4px}.bar{display:block;width:180px;height:10px;
background:#eef1f4;position:relative;margin:.45em 0 .3em}.bar i{position:absolute;top:0;bottom:0;
background:#9db4c8}.bar b{position:absolute;top:-2px;bottom:-2px;width:2px;background:#1d2530}code{font-size:.9em}
@media print{body{margin:0}.plots{grid-template-columns:1fr 1fr}h2{break-before:page}}
)";

std::string percent(double rate) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", 100.0 * rate);
  return text.data();
}

std::string short_number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", value);
  return text.data();
}

std::string cell(const std::string& content, const char* style = "") {
  return std::string("<td") + (*style ? std::string(" class='") + style + "'" : "") + ">" +
         content + "</td>";
}

std::string row(const std::string& name, const std::string& value) {
  return "<tr><th>" + name + "</th>" + cell(html(value)) + "</tr>";
}

std::string base64(std::string_view bytes) {
  static constexpr char kAlphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned chunk = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      chunk = chunk << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (int k = 3; k >= 0; --k) {
      out += i + static_cast<std::size_t>(3 - k) > bytes.size() ? '='
                                                                : kAlphabet[chunk >> (6 * k) & 63U];
    }
  }
  return out;
}

std::string rate_cell(const Rate& rate) {
  if (rate.n == 0) return cell("not measured", "none");
  return cell("<span class='bar'><i style='left:" + percent(rate.lower) +
                  "%;width:" + percent(rate.upper - rate.lower) +
                  "%'></i><b style='left:" + percent(rate.rate) + "%'></b></span>" +
                  percent(rate.rate) + " % [" + percent(rate.lower) + ", " + percent(rate.upper) +
                  "] " + std::to_string(rate.k) + "/" + std::to_string(rate.n),
              "n");
}

std::string outcome_table(const std::vector<Outcome>& outcomes) {
  if (outcomes.empty()) return "";
  std::string out =
      "<h2>What each model does now</h2><table><tr><th>measured on the trained model</th>";
  for (const Outcome& outcome : outcomes) out += "<th>" + html(outcome.title) + "</th>";
  out += "</tr>";
  for (std::size_t i = 0; i < outcomes.front().rates.size(); ++i) {
    out += "<tr><th>" + html(outcomes.front().rates[i].name) + "</th>";
    for (const Outcome& outcome : outcomes)
      out += i < outcome.rates.size() ? rate_cell(outcome.rates[i]) : cell("");
    out += "</tr>";
  }
  return out +
         "</table><p class='lead'>Rates with Wilson 95 % intervals and counts. The undefended "
         "models were trained on "
         "the same data with the same seed and no monitor.</p>";
}

const run::Series* series_of(const run::RunState& state, const std::string& signal) {
  const auto found = state.signals.find(signal);
  return found == state.signals.end() ? nullptr : &found->second.series;
}

std::vector<PlotMark> marks_of(const run::RunState& state) {
  std::vector<PlotMark> marks;
  for (const auto& entry : state.decisions.entries) {
    const bool notable = !entry.body.alerts.empty() || !entry.body.requests.empty();
    if (notable) marks.push_back({entry.step, entry.body.summary, "#b3541e"});
  }
  for (const auto& entry : state.commands.entries) {
    marks.push_back({entry.step, entry.body.operator_name + ": " + entry.body.action, "#7b3fa0"});
  }
  return marks;
}

struct Wanted {
  const char* title;
  std::vector<std::pair<const char*, const char*>> signals;  // name, colour
};

Plot plot_of(const run::RunState& state, const Wanted& wanted) {
  Plot plot;
  plot.title = wanted.title;
  plot.marks = marks_of(state);
  plot.last_step = state.total_steps;
  const auto knob = state.knobs.find("kl");
  if (knob != state.knobs.end()) plot.shaded = knob->second.on_applied;
  for (const auto& [name, colour] : wanted.signals) {
    const run::Series* series = series_of(state, name);
    if (!series) continue;
    plot.lines.push_back({series, name, colour});
    const run::SignalState& signal = state.signals.at(name);
    if (plot.unit.empty() && signal.declaration.unit != "1") plot.unit = signal.declaration.unit;
    for (const wire::DetectorEvidence& d : state.detectors) {
      if (d.signal == name) plot.levels.push_back({d.threshold, d.detector});
    }
  }
  return plot;
}

std::string plots_of(const run::RunState& state) {
  static const std::vector<Wanted> kPlots = {
      {"Canary Jensen-Shannon divergence",
       {{"canary/js", "#0072b2"}, {"canary/js_max", "#8fb8d6"}}},
      {"Persona log-likelihood ratio, share of flagged samples", {{"data/llr_share", "#009e73"}}},
      {"Judge score per batch", {{"judge/score", "#cc5500"}}},
      {"Canary margin toward the misaligned answer", {{"canary/margin", "#7a5195"}}},
      {"Probe risk", {{"probe/risk", "#56789a"}}},
      {"Training loss", {{"train/loss", "#555f6b"}, {"train/ce", "#a3acb6"}}},
  };
  std::string out = "<div class='plots'>";
  for (const Wanted& wanted : kPlots) out += svg_of(plot_of(state, wanted));
  for (const auto& [name, knob] : state.knobs) {
    Plot plot;
    plot.title = "Knob " + name + ": decided and applied";
    plot.marks = marks_of(state);
    plot.shaded = knob.on_applied;
    plot.last_step = state.total_steps;
    plot.lines = {{&knob.decided, "decided", "#b3541e", true, true},
                  {&knob.applied, "applied", "#0b7285", true, false}};
    out += svg_of(plot);
  }
  return out +
         "</div><p class='lead'>Shaded: steps in which KL was in force at the trainer. ▲ decisions "
         "and commands (hover for "
         "the text). × measurement that could not be made. Pale lines: steps that a rollback "
         "undid.</p>";
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
  std::string out =
      "<h3>Decisions</h3><table><tr><th>step</th><th>decision</th><th>evidence: detectors "
      "voting</th></tr>";
  for (const auto& entry : state.decisions.entries) {
    out += "<tr>" + cell(std::to_string(entry.step.value), "n") + cell(html(entry.body.summary)) +
           cell(voters(entry.body)) + "</tr>";
  }
  return out + "</table>";
}

std::string lives_of(const run::RunState& state) {
  std::string out;
  for (const auto& [name, knob] : state.knobs) {
    out +=
        row("knob " + html(name), "decided " + number_text(knob.decided_value) + " (" + knob.cause +
                                      "), applied " + number_text(knob.applied_value) +
                                      " since step " + std::to_string(knob.applied_step.value) +
                                      (knob.confirmed() ? ", confirmed" : ", NOT CONFIRMED"));
  }
  for (const run::RequestState& request : state.requests) {
    out += row("request " + html(request.request.type),
               request.status + (request.detail.empty() ? "" : ": " + request.detail));
  }
  return out;
}

std::string facts_of(const ReportedRun& reported) {
  const run::RunState& state = reported.state;
  std::string out =
      "<table>" + row("file", reported.file_name) +
      row("label", state.label.empty() ? "none" : state.label) +
      row("steps", std::to_string(state.step.value) + " of " + std::to_string(state.total_steps) +
                       ", " + std::to_string(state.segments.size()) + " segment(s)");
  if (state.policy) {
    out += row("policy", state.policy->name + " (" + state.policy->mode + ")") +
           row("policy digest", state.policy->digest);
  }
  if (state.hello) {
    out += row("model, reference", state.hello->model_id + ", " + state.hello->reference_id) +
           row("canary set", state.hello->canary_set + ", " +
                                 std::to_string(state.hello->canary_ids.size()) + " prompts, " +
                                 state.hello->canary_digest);
    for (const std::string& note : state.hello->notes) {
      const std::size_t colon = std::min(note.find(": "), note.size());
      out += row(html(note.substr(0, colon)), note.substr(std::min(colon + 2, note.size())));
    }
  }
  out += lives_of(state);
  out += "<tr><th>verify</th>" +
         cell(html(reported.verified), reported.is_verified ? "good" : "bad") + "</tr>";
  return out + "</table>";
}

std::string section_of(const ReportedRun& reported) {
  std::string out = "<h2>" + html(reported.state.run.text()) + "</h2>" +
                    decisions_of(reported.state) + plots_of(reported.state) + "<h3>Record</h3>" +
                    facts_of(reported);
  if (!reported.screenshot_png.empty()) {
    out += "<h3>Dashboard</h3><img alt='dashboard of " + html(reported.state.run.text()) +
           "' src='data:image/png;base64," + base64(reported.screenshot_png) + "'>";
  }
  return out;
}

}  // namespace

std::string report_page(const std::string& title, const std::vector<ReportedRun>& runs,
                        const std::vector<Outcome>& outcomes) {
  std::string out =
      "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>" + html(title) +
      "</title><style>" + kStyle + "</style></head><body><h1>" + html(title) +
      "</h1><p class='lead'>Made from the run files alone by phaseguard " PHASEGUARD_VERSION
      ". Signals recorded under one λ are not what another λ would have produced.</p>";
  out += outcome_table(outcomes);
  for (const ReportedRun& reported : runs) out += section_of(reported);
  return out + "</body></html>\n";
}

}  // namespace phaseguard::ctl
