// What viewers are told of a run every second and on each change.
#include <algorithm>
#include <cmath>

#include "monitor/base/text.h"
#include "monitor/daemon/engine/run_slot.h"
#include "monitor/run/health.h"
#include "monitor/run/protection.h"

namespace phaseguard::daemon {

namespace {

const wire::RuleInfo* info_of(const run::RunState& state, const std::string& rule) {
  if (!state.policy) return nullptr;
  for (const wire::RuleInfo& info : state.policy->rules) {
    if (info.name == rule) return &info;
  }
  return nullptr;
}

// Those of the record, and those that it does not hold.
std::vector<wire::FateCount> fates_of(const run::RunState& state, const Repeats& repeats,
                                      const std::string& signal) {
  run::SignalFates all;
  if (const auto fates = state.fates.signals.find(signal); fates != state.fates.signals.end())
    all = fates->second;
  for (const auto fate : {wire::ReportFate::kLate, wire::ReportFate::kDuplicate})
    all.counts[static_cast<std::size_t>(fate)] += repeats.values(fate, signal);
  return run::counts_of(all);
}

std::int64_t incomplete_of(const run::RunState& state, const std::string& signal) {
  const auto fates = state.fates.signals.find(signal);
  const bool any = fates != state.fates.signals.end() && fates->second.incomplete > 0;
  return any ? fates->second.incomplete : -1;
}

std::vector<wire::SignalStatus> signal_statuses(const run::RunState& state, const Repeats& repeats,
                                                Now now) {
  std::vector<wire::SignalStatus> out;
  if (!state.hello) return out;
  // As declared: the series of single canaries are the viewers' own.
  for (const wire::SignalDecl& declared : state.hello->signals) {
    const auto found = state.signals.find(declared.name);
    if (found == state.signals.end()) continue;
    const run::SignalState& signal = found->second;
    if (signal.good + signal.bad + signal.missing == 0) continue;
    out.push_back({declared.name, signal.value, signal.quality, signal.step,
                   std::max(0.0, now.wall_s - signal.t), fates_of(state, repeats, declared.name),
                   incomplete_of(state, declared.name)});
  }
  return out;
}

constexpr std::size_t kMost = 16;  // newest requests shown

std::vector<wire::RequestStatus> request_statuses(const run::RunState& state) {
  std::vector<wire::RequestStatus> out;
  const std::size_t first = state.requests.size() > kMost ? state.requests.size() - kMost : 0;
  for (std::size_t i = first; i < state.requests.size(); ++i) {
    const run::RequestState& r = state.requests[i];
    wire::Word<wire::Progress> progress = wire::Progress::kSent;
    if (!r.outcome.empty()) progress = wire::Word<wire::Progress>::from(r.outcome.text());
    out.push_back({r.request.id, r.request.type, progress, r.detail});
  }
  return out;
}

}  // namespace

wire::LinkState RunSlot::link_state(Now now) const {
  if (ended_) return wire::LinkState::kEnded;
  if (lost_recorded_) return wire::LinkState::kLost;
  if (!last_frame_) return wire::LinkState::kAbsent;
  return run::liveness(Nanos{now.mono.value - last_frame_->value}, settings_->patience);
}

wire::Word<wire::RunEnd> RunSlot::end_word() const {
  if (state_.goodbye) return wire::Word<wire::RunEnd>::from(state_.goodbye->reason.text());
  return crashed() ? wire::Word<wire::RunEnd>(wire::RunEnd::kCrashed) : wire::Word<wire::RunEnd>();
}

void RunSlot::add_applied(wire::KnobStatus& status) const {
  if (const auto knob = state_.knobs.find(status.name); knob != state_.knobs.end()) {
    status.applied = knob->second.applied_value;
    status.applied_step = knob->second.applied_step;
    status.protecting = run::is_protecting(knob->second.declaration, status.applied);
  }
  status.confirmed = status.applied == status.decided;
}

// Knobs that the trainer declares and nobody decides about: as declared.
void RunSlot::add_undecided(std::vector<wire::KnobStatus>& out) const {
  if (!state_.hello) return;
  for (const wire::KnobDecl& declared : state_.hello->knobs) {
    const bool known = std::any_of(out.begin(), out.end(), [&](const wire::KnobStatus& status) {
      return status.name == declared.name;
    });
    if (known) continue;
    wire::KnobStatus status;
    status.name = declared.name;
    status.min = declared.min;
    status.max = declared.max;
    status.limit_by = wire::LimitBy::kTrainer;
    status.protects = declared.protects;
    status.decided = declared.initial;
    status.cause = wire::CauseKind::kInitial;
    add_applied(status);
    out.push_back(std::move(status));
  }
}

std::vector<wire::KnobStatus> RunSlot::knob_statuses() const {
  std::vector<wire::KnobStatus> out;
  if (!machine()) return out;
  const std::vector<policy::KnobRange> ranges = machine()->knob_ranges();
  const std::vector<wire::KnobSetting> settings = machine()->settings();
  for (std::size_t i = 0; i < settings.size(); ++i) {
    const wire::KnobSetting& setting = settings[i];
    wire::KnobStatus status;
    status.min = ranges[i].min;
    status.max = ranges[i].max;
    status.limit_by = ranges[i].limit_by;
    status.trip_value = ranges[i].trip_value;
    if (ranges[i].protects != wire::Protects::kUp) status.protects = ranges[i].protects;
    status.name = setting.knob;
    status.decided = setting.value;
    status.cause = setting.cause;
    status.decision = setting.decision;
    if (const auto sent = sent_.find(setting.knob); sent != sent_.end())
      status.sent = sent->second.value;
    add_applied(status);
    out.push_back(std::move(status));
  }
  add_undecided(out);
  return out;
}

std::vector<wire::Alert> RunSlot::alerts(Now now) const {
  std::vector<wire::Alert> out;
  const wire::LinkState link = link_state(now);
  const auto knobs = knob_statuses();
  for (const wire::KnobStatus& knob : knobs) {
    const auto sent = sent_.find(knob.name);
    if (sent == sent_.end() || link == wire::LinkState::kEnded) continue;
    const double wanted = shadow() ? sent->second.value : knob.decided;
    if (knob.applied == wanted) continue;
    if (now.mono.value - sent->second.since.value <= settings_->unapplied_ms * 1'000'000) continue;
    out.push_back({wire::Severity::kCritical,
                   {wire::AlertKind::kKnob, knob.name},
                   "the trainer has not applied " + knob.name + " " + number_text(wanted) +
                       " (link " + std::string(wire::text_of(link)) + ")"});
  }
  if (link == wire::LinkState::kLost || link == wire::LinkState::kSilent)
    out.push_back(unheard(link, now));
  if (!record_healthy_)
    out.push_back({wire::Severity::kCritical, wire::AlertKind::kRecord,
                   "the record cannot be written, so nothing is lowered: " + record_fault_});
  add_bounds(out);
  if (!pace_.fault().empty())
    out.push_back({wire::Severity::kHigh, wire::AlertKind::kLink, pace_.fault()});
  if (!intruder_.empty()) out.push_back({wire::Severity::kHigh, wire::AlertKind::kLink, intruder_});
  if (!record_note_.empty())
    out.push_back({wire::Severity::kHigh, wire::AlertKind::kRecord, record_note_});
  if (!machine()) return out;
  for (wire::Alert& alert : run::fate_alerts(
           state_, [this](const std::string& signal) { return machine()->reads(signal); }))
    out.push_back(std::move(alert));
  for (const wire::Held& entry : machine()->held()) {
    if (entry.outcome.empty()) continue;
    out.push_back({wire::Severity::kHigh,
                   {wire::AlertKind::kKnob, entry.knob},
                   (entry.outcome == wire::Adoption::kKept ? "kept by the trainer: "
                                                           : "adopted from the trainer: ") +
                       entry.knob + " " + number_text(entry.value) + " on behalf of " +
                       quoted(entry.name, 64)});
  }
  for (const wire::RuleEvidence& rule : machine()->rule_evidence()) {
    const wire::RuleInfo* info = info_of(state_, rule.rule);
    const bool in_force =
        rule.state == wire::RuleState::kActive || rule.state == wire::RuleState::kLatched;
    if (!in_force || !info || info->alert.empty()) continue;
    out.push_back({info->alert,
                   {wire::AlertKind::kRule, rule.rule},
                   rule.rule +
                       (rule.fired_step.value < 0
                            ? " is adopted from the trainer"
                            : " fired at step " + std::to_string(rule.fired_step.value)) +
                       (rule.state == wire::RuleState::kLatched ? ", latched" : "")});
  }
  for (const wire::DetectorEvidence& detector : machine()->detector_evidence()) {
    if (detector.quality != Quality::kBad) continue;
    out.push_back({wire::Severity::kMedium,
                   {wire::AlertKind::kSignal, detector.signal},
                   detector.signal + " could not be measured"});
  }
  std::stable_sort(out.begin(), out.end(), [](const wire::Alert& a, const wire::Alert& b) {
    return run::severity_rank(a.severity) > run::severity_rank(b.severity);
  });
  return out;
}

std::string RunSlot::guard_text() const {
  const bool has_one = state_.hello && state_.hello->guard;
  return std::string("it declared ") + (has_one ? "a" : "no") + " guard of its own";
}

// Of a trainer that is not heard: what is known of it, and no more.
wire::Alert RunSlot::unheard(wire::LinkState link, Now now) const {
  wire::Alert alert{wire::Severity::kHigh, wire::AlertKind::kLink, ""};
  if (settings_->is_dead && settings_->is_dead(process_)) {
    alert.text = "the trainer's process has ended without a goodbye";
    return alert;
  }
  const bool lost = link == wire::LinkState::kLost;
  if (!lost) alert.severity = wire::Severity::kMedium;
  alert.text = lost ? "the trainer is lost: " : "the trainer is silent: ";
  alert.text +=
      last_frame_ ? "no frame for " +
                        std::to_string((now.mono.value - last_frame_->value) / 1'000'000'000) + " s"
                  : "no frame since the daemon was started";
  if (lost) alert.text += "; what it does meanwhile is not known here; " + guard_text();
  return alert;
}

wire::Message RunSlot::status(Now now) const {
  wire::Status status;
  status.link = link_state(now);
  if (last_frame_) status.age_s = static_cast<double>(now.mono.value - last_frame_->value) * 1e-9;
  status.attempt = state_.attempt;
  status.segment = state_.segment;
  status.total_steps = state_.total_steps;
  status.label = state_.label;
  status.epoch = epoch_;
  status.last_seq = state_.last_seq;
  status.run_file = settings_->runs_dir + "/" + run_.text() + ".phaseguard";
  status.knobs = knob_statuses();
  status.signals = signal_statuses(state_, repeats_, now);
  status.requests = request_statuses(state_);
  status.intervened_step = state_.intervened_step;
  status.end = end_word();
  if (state_.gaps.skipped > 0) status.skipped = state_.gaps.skipped;
  if (state_.gaps.missing > 0) status.missing = state_.gaps.missing;
  status.alerts = alerts(now);
  if (machine()) {
    status.policy = machine()->document().name;
    status.policy_digest = machine()->document().digest;
    status.mode = policy::mode_of(machine()->document());
    status.control = machine()->control();
    status.state_version = machine()->state_version();
    status.detectors = machine()->detector_evidence();
    status.rules = machine()->rule_status();
    status.override_ = machine()->override_status();
  }
  wire::Message message;
  message.header.run = run_;
  message.header.seq = state_.last_seq;
  message.header.step = state_.step;
  message.header.t = now.wall_s;
  message.body = std::move(status);
  return message;
}

}  // namespace phaseguard::daemon
