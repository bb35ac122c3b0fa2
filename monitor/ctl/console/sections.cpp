#include "monitor/ctl/console/sections.h"

#include <algorithm>
#include <cmath>

#include "monitor/base/table_text.h"
#include "monitor/base/text.h"
#include "monitor/ctl/console/spark.h"

namespace phaseguard::console {
namespace {

using dashboard::Alarm;
using dashboard::Level;
using dashboard::Model;

std::string step_text(Step step) { return step.value < 0 ? "-" : std::to_string(step.value); }

const char* shape_of(Level level, bool utf8) {
  switch (level) {
    case Level::kCritical:
      return utf8 ? "■" : "#";
    case Level::kHigh:
      return utf8 ? "▲" : "^";
    case Level::kMedium:
      return utf8 ? "▼" : "v";
    case Level::kInfo:
      return utf8 ? "●" : "o";
    case Level::kNone:
      break;
  }
  return " ";
}

// What a row says at its end: whole, on more rows, where the section is alone.
void add_text(const Scene& scene, Panel& panel, Row lead, const std::string& text, int columns) {
  if (!scene.console.alone()) {
    panel.rows.push_back(lead.add(text));
    return;
  }
  const int indent = lead.columns();
  for (const std::string& line : wrapped(text, columns - indent)) {
    panel.rows.push_back(lead.add(line));
    lead = scene.row();
    lead.fill_to(indent);
  }
}

Panel alarms(const Scene& scene, int columns) {
  Panel panel{Section::kAlarms, "ALARMS of all runs", {}, 0};
  for (const dashboard::AlarmLine& line : plant_alarms(scene.model)) {
    Row row = scene.row();
    add_sign(row, line.first, scene.theme.utf8);
    add_text(scene, panel, row, text_of(line), columns);
  }
  if (panel.rows.empty()) panel.rows.push_back(scene.row().add("  no alarm", Ink::kDim));
  return panel;
}

// "kl 2, lr_scale 0.1": what protects it now.
std::string protection_of(const run::Health& health) {
  std::string on;
  for (const run::KnobWord& knob : health.knobs) {
    if (!knob.protecting) continue;
    on += (on.empty() ? "" : ", ") + dashboard::one_line(knob.name, 24) + " " +
          short_number(knob.applied);
  }
  return on.empty() ? "-" : on;
}

Row run_row(const Scene& scene, const RunId& run, bool is_shown, int name_columns) {
  const run::RunState& state = *scene.model.find(run);
  const run::Health& health = scene.model.health(run);
  const Level worst = worst_of(scene.model, run);
  Row row = scene.row();
  row.cell(is_shown ? ">" : " ", 1, Ink::kStrong);
  row.cell(shape_of(worst, scene.theme.utf8), 1, ink_of(worst));
  row.cell(run.text(), name_columns, is_shown ? Ink::kStrong : Ink::kText);
  std::string step = step_text(state.step);
  if (state.total_steps > 0) step += "/" + std::to_string(state.total_steps);
  row.number(step, 13);
  const bool is_active = health.link == wire::LinkState::kActive;
  row.cell(health.link_text, 8, is_active ? Ink::kAlive : Ink::kDim);
  row.number(dashboard::age_text(health.age_s), 7, Ink::kDim);
  row.add(protection_of(health));
  if (is_shown) row.select();
  return row;
}

Panel runs(const Scene& scene, int columns) {
  Panel panel{Section::kRuns, "RUNS", {}, 0};
  const int name = std::clamp(columns - 52, 12, 40);
  const run::RunState* shown = scene.model.shown();
  const std::vector<RunId>& ids = scene.model.run_ids();
  panel.title += " (" + std::to_string(ids.size()) + ")";
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const bool is_shown = shown != nullptr && shown->run == ids[i];
    if (is_shown) panel.keep = i;
    panel.rows.push_back(run_row(scene, ids[i], is_shown, name));
  }
  if (ids.empty()) {
    panel.rows.push_back(scene.row().add("  " + waiting_text(scene.model), Ink::kDim));
  }
  return panel;
}

// Who holds it, and until when.
std::string holder_of(const dashboard::KnobView& knob) {
  std::string text = knob.forced ? knob.forced_by : knob.who;
  if (!knob.forced) return text;
  if (!knob.reason.empty()) text += " (" + dashboard::one_line(knob.reason, 120) + ")";
  return text +
         (knob.expires.value >= 0 ? ", until step " + step_text(knob.expires) : ", until released");
}

Row knob_row(const Scene& scene, const dashboard::KnobView& knob, bool is_chosen) {
  Row row = scene.row();
  row.cell(is_chosen ? ">" : " ", 1, Ink::kStrong);
  row.cell(knob.name, 12, is_chosen ? Ink::kStrong : Ink::kText);
  row.cell(name_of(knob.mode), 10, knob.forced ? Ink::kManual : Ink::kText);
  row.number(short_number(knob.decided), 7);
  row.number(short_number(knob.sent), 7);
  row.number(short_number(knob.applied), 7, knob.confirmed ? Ink::kText : Ink::kStrong);
  row.number(step_text(knob.since), 7, Ink::kDim);
  row.add(!knob.confirmed && knob.asked ? "NOT CONFIRMED  " : "", Ink::kStrong);
  return row.add(holder_of(knob), knob.forced ? Ink::kManual : Ink::kDim);
}

Panel knobs(const Scene& scene) {
  Panel panel{Section::kKnobs, "KNOBS", {}, 0};
  const std::vector<dashboard::KnobView> views = knob_views(scene.model);
  for (std::size_t i = 0; i < views.size(); ++i) {
    panel.rows.push_back(knob_row(scene, views[i], i == scene.console.knob()));
  }
  panel.title += "                  decided    sent applied   since by";
  panel.keep = scene.console.knob();
  if (views.empty()) panel.rows.push_back(scene.row().add("  none declared", Ink::kDim));
  return panel;
}

Panel rules(const Scene& scene) {
  Panel panel{Section::kRules, "RULES", {}, 0};
  const run::RunState* state = scene.model.shown();
  const auto rows =
      state == nullptr ? std::vector<dashboard::RuleRow>{} : dashboard::rule_rows(*state);
  for (const dashboard::RuleRow& rule : rows) {
    const Ink ink = rule.fired ? ink_of(rule.level) : Ink::kText;
    Row row = scene.row();
    row.add(" ").cell(rule.fired ? shape_of(rule.level, scene.theme.utf8) : "", 1, ink);
    row.cell(rule.name, 16, ink).cell(rule.state, 24, ink).cell(rule.votes, 18, Ink::kDim);
    std::string more = joined(rule.detectors);
    if (!rule.fired && !rule.earliest.empty()) more = rule.earliest + "; " + more;
    panel.rows.push_back(row.add(more, Ink::kDim));
  }
  if (rows.empty()) panel.rows.push_back(scene.row().add("  none yet", Ink::kDim));
  return panel;
}

std::string value_of(const dashboard::SignalRow& signal) {
  if (signal.step.value < 0) return "-";
  if (signal.quality == Quality::kGood) return short_number(signal.value);
  return signal.quality == Quality::kBad ? "BAD" : "missing";
}

std::string of_line(const dashboard::SignalRow& signal) {
  if (!std::isfinite(signal.of_line)) return "";
  if (std::abs(signal.of_line) >= 9.995) return ">999%";
  return short_number(std::round(100.0 * signal.of_line)) + "%";
}

Row signal_row(const Scene& scene, const dashboard::SignalRow& signal, int columns) {
  const bool is_good = signal.quality == Quality::kGood;
  Row row = scene.row();
  row.add(" ").cell(signal.voting ? shape_of(signal.level, scene.theme.utf8) : "", 1,
                    ink_of(signal.level));
  row.cell(signal.name, 20, signal.watched ? Ink::kText : Ink::kDim);
  row.number(value_of(signal), 10, is_good ? Ink::kText : Ink::kStrong);
  row.number(of_line(signal), 5, signal.voting ? ink_of(signal.level) : Ink::kDim);
  row.number(step_text(signal.step), 7, Ink::kDim);
  if (signal.overdue) row.add("overdue ", Ink::kStrong);
  const int room = columns - row.columns() - 1;
  if (signal.series != nullptr) {
    row.add(sparkline(*signal.series, std::min(room, 60), scene.theme.utf8),
            signal.overdue ? Ink::kDim : Ink::kCurve);
  }
  return row;
}

Panel signals(const Scene& scene, int columns) {
  Panel panel{Section::kSignals, "SIGNALS                    value of line    step", {}, 0};
  const run::RunState* state = scene.model.shown();
  const auto rows = state == nullptr ? std::vector<dashboard::SignalRow>{}
                                     : dashboard::signal_rows(*state, scene.model.health());
  for (const dashboard::SignalRow& signal : rows) {
    panel.rows.push_back(signal_row(scene, signal, columns));
  }
  if (rows.empty()) panel.rows.push_back(scene.row().add("  none yet", Ink::kDim));
  return panel;
}

Panel events(const Scene& scene, int columns) {
  Panel panel{Section::kEvents, "LAST EVENTS", {}, 0};
  for (const dashboard::EventRow& event : scene.console.events()) {
    Row row = scene.row();
    row.add(" ").cell(shape_of(event.level, scene.theme.utf8), 1, ink_of(event.level));
    row.number(step_text(event.step), 8, Ink::kDim);
    add_text(scene, panel, row, event.text, columns);
  }
  if (panel.rows.empty()) panel.rows.push_back(scene.row().add("  none yet", Ink::kDim));
  return panel;
}

}  // namespace

Ink ink_of(Level level) {
  switch (level) {
    case Level::kCritical:
      return Ink::kCritical;
    case Level::kHigh:
      return Ink::kHigh;
    case Level::kMedium:
      return Ink::kMedium;
    case Level::kInfo:
      return Ink::kInfo;
    case Level::kNone:
      break;
  }
  return Ink::kText;
}

void add_sign(Row& row, const Alarm& alarm, bool utf8) {
  const Ink ink = ink_of(alarm.level);
  row.cell(shape_of(alarm.level, utf8), 1, ink).cell(alarm.word, 8, ink);
}

Panel panel_of(const Scene& scene, Section which, int columns) {
  switch (which) {
    case Section::kAlarms:
      return alarms(scene, columns);
    case Section::kRuns:
      return runs(scene, columns);
    case Section::kKnobs:
      return knobs(scene);
    case Section::kRules:
      return rules(scene);
    case Section::kSignals:
      return signals(scene, columns);
    case Section::kEvents:
      return events(scene, columns);
  }
  return {};
}

}  // namespace phaseguard::console
