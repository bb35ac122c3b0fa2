#include "monitor/run/health.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "monitor/base/text.h"
#include "monitor/run/liveness.h"
#include "monitor/run/protection.h"

namespace phaseguard::run {

namespace {

// Nothing: the event says nothing of whether the trainer is there.
std::optional<wire::Word<wire::LinkState>> link_after(const wire::Word<wire::LinkEvent>& word) {
  if (const auto event = word.known()) {
    switch (*event) {
      case wire::LinkEvent::kClaimed:
      case wire::LinkEvent::kBack:
      case wire::LinkEvent::kRestored:
        return wire::LinkState::kActive;
      case wire::LinkEvent::kLost:
        return wire::LinkState::kLost;
      case wire::LinkEvent::kEnded:
        return wire::LinkState::kEnded;
      case wire::LinkEvent::kSkipped:
      case wire::LinkEvent::kMissing:
        return std::nullopt;
    }
  }
  return wire::Word<wire::LinkState>::from(word.text());
}

wire::Word<wire::LinkState> recorded_link(const RunState& state) {
  if (state.goodbye) return wire::LinkState::kEnded;
  if (!state.hello) return wire::LinkState::kAbsent;
  const auto& events = state.links.entries;
  for (auto event = events.rbegin(); event != events.rend(); ++event) {
    if (auto link = link_after(event->body.state)) return *link;
  }
  return wire::LinkState::kActive;
}

void fill_link(Health& out, const RunState& state, Now now) {
  wire::Word<wire::LinkState> link = recorded_link(state);
  if (state.last_seq > Seq{0}) out.age_s = std::max(0.0, now.wall_s - state.t);
  if (state.status) {
    out.feed_age_s = std::max(0.0, now.wall_s - state.status_t);
    link = state.status->link;
    if (std::isfinite(state.status->age_s)) out.age_s = state.status->age_s + out.feed_age_s;
    const bool fresh = liveness(out.feed_age_s, kFeedPatience) == wire::LinkState::kActive;
    if (!fresh && link != wire::LinkState::kEnded) link = {};
  } else if (link == wire::LinkState::kActive) {
    link = liveness(out.age_s);
  }
  out.link = link.known();
  out.link_text = link.empty() ? "unknown" : link.text();
}

std::vector<StaleSignal> stale_signals(const RunState& state) {
  std::vector<StaleSignal> out;
  if (!state.hello || state.goodbye) return out;
  for (const auto& declaration : state.hello->signals) {
    if (declaration.every_steps <= 0) continue;
    const auto found = state.signals.find(declaration.name);
    const Step last = found == state.signals.end() ? Step{-1} : found->second.step;
    const std::int64_t since = std::max(last.value, state.segments.back().start.value);
    const std::int64_t overdue = state.step.value - since - declaration.every_steps;
    // One interval of grace: the value of a step may arrive after the step's own report.
    if (overdue > declaration.every_steps) out.push_back({declaration.name, last, overdue});
  }
  return out;
}

std::optional<wire::Alert> worst_alert(const RunState& state) {
  std::optional<wire::Alert> worst;
  const auto take = [&worst](const wire::Alert& alert) {
    if (!worst || severity_rank(alert.severity) > severity_rank(worst->severity)) worst = alert;
  };
  if (state.status) {
    for (const auto& alert : state.status->alerts) take(alert);
  } else {
    for (const auto& entry : state.alerts.entries) take(entry.body);
  }
  return worst;
}

std::optional<Nearness> nearest_line(const RunState& state) {
  std::optional<Nearness> best;
  for (const auto& d : state.detectors) {
    if (d.n == 0 || !std::isfinite(d.statistic) || !std::isfinite(d.threshold)) continue;
    const double scale = d.threshold == 0.0 ? 1.0 : std::fabs(d.threshold);
    const double fraction = 1.0 - (d.threshold - d.statistic) / scale;
    if (!best || fraction > best->fraction) {
      best = Nearness{d.detector, d.signal, d.statistic, d.threshold, fraction, d.voting};
    }
  }
  return best;
}

KnobWord knob_word(const KnobState& knob) {
  KnobWord word;
  word.name = knob.declaration.name;
  word.decided = knob.decided_value;
  word.applied = knob.applied_value;
  word.on = is_protecting(knob.declaration, knob.decided_value);
  word.protecting = is_protecting(knob.declaration, knob.applied_value);
  word.confirmed = knob.confirmed();
  word.step = knob.applied_step;
  word.who = knob.cause;
  const std::string who = word.who.empty() ? "" : " (" + word.who.text() + ")";
  if (!word.confirmed) {
    word.text = number_text(word.decided) + " decided at step " +
                std::to_string(knob.decided_step.value) + who +
                ", not confirmed: " + number_text(word.applied) + " applied";
  } else if (word.on) {
    word.text = "on " + number_text(word.applied) + ", applied since step " +
                std::to_string(word.step.value) + who;
  } else {
    word.text = "off";
  }
  return word;
}

}  // namespace

int severity_rank(const wire::Word<wire::Severity>& severity) {
  return static_cast<int>(severity.known().value_or(wire::Severity::kInfo));
}

Health health(const RunState& state, Now now) {
  Health out;
  fill_link(out, state, now);
  out.stale = stale_signals(state);
  out.worst = worst_alert(state);
  out.nearest = nearest_line(state);
  for (const auto& [name, knob] : state.knobs) {
    out.knobs.push_back(knob_word(knob));
    out.protected_ = out.protected_ || out.knobs.back().protecting;
  }
  return out;
}

}  // namespace phaseguard::run
