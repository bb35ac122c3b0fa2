#include "monitor/dashboard/model/describe.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <sstream>

#include "monitor/base/printable.h"
#include "monitor/base/text.h"
#include "monitor/run/rule_text.h"

namespace phaseguard::dashboard {
namespace {

std::string step_text(Step step) { return std::to_string(step.value); }

}  // namespace

namespace {

std::string since(const wire::RuleEvidence& rule) {
  return rule.fired_step.value < 0 ? "" : " since step " + step_text(rule.fired_step);
}

}  // namespace

std::vector<RuleRow> rule_rows(const run::RunState& state) {
  std::vector<RuleRow> rows;
  for (const wire::RuleEvidence& rule : state.rules) {
    RuleRow row;
    row.name = rule.rule;
    row.fired = rule.state == wire::RuleState::kLatched || rule.state == wire::RuleState::kActive;
    row.inhibited =
        rule.state == wire::RuleState::kInhibited || rule.phase == wire::RulePhase::kInhibited;
    row.at_floor = row.fired && rule.at_floor;
    row.state = run::rule_text(rule) + (row.fired ? since(rule) : "");
    row.votes = std::to_string(rule.votes) + " of " + std::to_string(rule.of) + ", needs " +
                std::to_string(rule.needed);
    if (rule.earliest_step.value >= 0) {
      row.earliest = "earliest possible: step " + step_text(rule.earliest_step);
    }
    if (state.policy) {
      for (const wire::RuleInfo& info : state.policy->rules) {
        if (info.name != rule.rule) continue;
        row.level = level_of(info.alert);
        for (const std::string& name : info.of) {
          for (const wire::DetectorEvidence& d : state.detectors) {
            if (d.detector != name) continue;
            row.detectors.push_back(name + " " + std::to_string(std::min(d.streak, d.needed)) +
                                    "/" + std::to_string(d.needed));
            row.voting.push_back(d.voting);
          }
        }
      }
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<LinkRow> link_rows(const Model& model) {
  std::vector<LinkRow> rows;
  const run::RunState* state = model.shown();
  const bool live = model.source().live;
  LinkRow trainer;
  trainer.name = "trainer";
  if (state != nullptr) {
    trainer.word = model.health().link_text;
    trainer.age_s = live ? model.health().age_s : wire::kNaN;
    const bool ended = model.health().link == wire::LinkState::kEnded;
    if (!live && !ended) trainer.word = "recorded";
    trainer.level = live ? level_of_silence(model.health()) : Level::kNone;
    trainer.active = live && model.health().link == wire::LinkState::kActive;
    trainer.good = !live || ended || model.health().link == wire::LinkState::kActive ||
                   model.health().link == wire::LinkState::kAbsent;
  } else {
    trainer.word = wire::text_of(wire::LinkState::kAbsent);
    trainer.good = true;
  }
  if (!trainer.good) {
    trainer.protection = "rules cannot act; what it does is not known here";
  }
  rows.push_back(trainer);

  LinkRow daemon;
  const SourceState& source = state == nullptr ? model.source() : model.source(state->run);
  daemon.name = live ? "daemon" : "file";
  daemon.word = !live              ? (source.loading ? "reading" : "recorded")
                : source.connected ? "active"
                                   : (source.loading ? "connecting" : "no answer");
  if (!source.context.empty()) daemon.word = source.context + ": " + daemon.word;
  daemon.age_s = live ? model.health().feed_age_s : wire::kNaN;
  daemon.good = !live || source.connected;
  daemon.active = live && source.connected;
  if (!daemon.good && !source.loading) daemon.level = Level::kHigh;
  if (!daemon.good) {
    daemon.protection = "what is in force is not known here";
  }
  rows.push_back(daemon);
  return rows;
}

std::string who(const wire::Cause& cause) {
  if (const auto kind = cause.kind()) {
    switch (*kind) {
      case wire::CauseKind::kRule:
        return "rule " + one_line(cause.name(), 40);
      case wire::CauseKind::kOperator:
        return "operator " + one_line(cause.name(), 40);
      case wire::CauseKind::kBase:
        return "policy base";
      case wire::CauseKind::kInitial:
        return "trainer default";
      case wire::CauseKind::kLink:
        return "substitute for a lost link";
      case wire::CauseKind::kAdopted:
        return "adopted from the trainer: " + one_line(cause.name(), 40);
    }
  }
  return cause.empty() ? "trainer default" : one_line(cause.text(), 40);
}

std::string text_of(const wire::Command& command) {
  const std::string& about = command.knob.empty() ? command.rule : command.knob;
  const std::string text = command.action.text() + " " + one_line(about, 40);
  return command.action == wire::Action::kForce ? text + " " + number_text(command.value) : text;
}

std::string waiting_text(const Model& model) {
  const SourceState& source = model.source();
  if (source.live && !source.connected && !source.loading) {
    return "no daemon answers: start one with phaseguardd --policy FILE; waiting at " +
           source.place;
  }
  if (model.awaited()) {
    const std::string run = "waiting for run " + model.awaited()->text();
    return source.loading ? run : run + ", which has not begun";
  }
  if (!source.loading) return "no run yet at " + source.place;
  return "waiting for data from " + source.place;
}

double part_read(const SourceState& source) {
  const auto of = static_cast<double>(std::max(source.recorded, source.read));
  return of > 0.0 ? static_cast<double>(source.read) / of : 0.0;
}

std::string reading_text(const SourceState& source) {
  if (source.live || !source.loading || source.recorded <= 0) return "";
  const auto percent = static_cast<int>(100.0 * part_read(source));
  return "reading " + std::to_string(percent) + " %: " + std::to_string(source.read) + " of " +
         std::to_string(std::max(source.recorded, source.read)) + " messages";
}

std::string short_number(double value) {
  if (std::isnan(value)) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::string age_text(double seconds) {
  if (!std::isfinite(seconds)) return "-";
  if (seconds < 1.0) return "< 1 s";
  char text[32];
  if (seconds < 120.0) {  // whole seconds that are over: a text that changes once a second
    std::snprintf(text, sizeof text, "%.0f s", std::floor(seconds));
  } else if (seconds < 7200.0) {
    std::snprintf(text, sizeof text, "%.0f min", seconds / 60.0);
  } else {
    std::snprintf(text, sizeof text, "%.0f h", seconds / 3600.0);
  }
  return text;
}

bool has_words(const std::string& text, const std::string& wanted) {
  const auto is_same = [](unsigned char a, unsigned char b) {
    return std::tolower(a) == std::tolower(b);
  };
  std::istringstream words(wanted);
  for (std::string word; words >> word;) {
    const auto found = std::search(text.begin(), text.end(), word.begin(), word.end(), is_same);
    if (found == text.end()) return false;
  }
  return true;
}

std::string one_line(const std::string& text, std::size_t max_bytes) {
  return plain(text, max_bytes);
}

}  // namespace phaseguard::dashboard
