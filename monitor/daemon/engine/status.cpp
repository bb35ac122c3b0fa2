// What viewers are told of a run every second and on each change.
#include <algorithm>
#include <cmath>

#include "monitor/base/text.h"
#include "monitor/daemon/engine/run_slot.h"
#include "monitor/run/health.h"

namespace phaseguard::daemon {

namespace {

const wire::RuleInfo* info_of(const run::RunState& state, const std::string& rule) {
  if (!state.policy) return nullptr;
  for (const wire::RuleInfo& info : state.policy->rules) {
    if (info.name == rule) return &info;
  }
  return nullptr;
}

std::vector<wire::SignalStatus> signal_statuses(const run::RunState& state, Now now) {
  std::vector<wire::SignalStatus> out;
  if (!state.hello) return out;
  // As declared: the series of single canaries are the viewers' own.
  for (const wire::SignalDecl& declared : state.hello->signals) {
    const auto found = state.signals.find(declared.name);
    if (found == state.signals.end()) continue;
    const run::SignalState& signal = found->second;
    if (signal.good + signal.bad + signal.missing == 0) continue;
    out.push_back({declared.name, signal.value, signal.quality, signal.step,
                   std::max(0.0, now.wall_s - signal.t)});
  }
  return out;
}

constexpr std::size_t kMost = 16;  // newest requests shown

std::vector<wire::RequestStatus> request_statuses(const run::RunState& state) {
  std::vector<wire::RequestStatus> out;
  const std::size_t first = state.requests.size() > kMost ? state.requests.size() - kMost : 0;
  for (std::size_t i = first; i < state.requests.size(); ++i) {
    const run::RequestState& r = state.requests[i];
    out.push_back(
        {r.request.id, r.request.type, r.status == "decided" ? "sent" : r.status, r.detail});
  }
  return out;
}

}  // namespace

std::string RunSlot::link_word(Now now) const {
  if (ended_) return "ended";
  if (lost_recorded_) return "lost";
  if (!last_frame_) return "absent";
  const std::int64_t silence = now.mono.value - last_frame_->value;
  if (silence > settings_->lost_ms * 1'000'000) return "lost";
  return silence > settings_->silent_ms * 1'000'000 ? "silent" : "active";
}

std::vector<wire::KnobStatus> RunSlot::knob_statuses() const {
  std::vector<wire::KnobStatus> out;
  if (!machine_) return out;
  for (const wire::KnobSetting& setting : machine_->settings()) {
    wire::KnobStatus status;
    status.name = setting.knob;
    status.decided = setting.value;
    status.cause = setting.cause;
    status.decision = setting.decision;
    if (const auto sent = sent_.find(setting.knob); sent != sent_.end())
      status.sent = sent->second.value;
    if (const auto knob = state_.knobs.find(setting.knob); knob != state_.knobs.end()) {
      status.applied = knob->second.applied_value;
      status.applied_step = knob->second.applied_step;
    }
    status.confirmed = status.applied == status.decided;
    out.push_back(std::move(status));
  }
  return out;
}

std::vector<wire::Alert> RunSlot::alerts(Now now) const {
  std::vector<wire::Alert> out;
  const std::string link = link_word(now);
  const auto knobs = knob_statuses();
  for (const wire::KnobStatus& knob : knobs) {
    const auto sent = sent_.find(knob.name);
    if (knob.confirmed || sent == sent_.end() || shadow() || link == "ended") continue;
    if (now.mono.value - sent->second.since.value <= settings_->unapplied_ms * 1'000'000) continue;
    out.push_back({"critical", "knob:" + knob.name,
                   "the trainer has not applied " + knob.name + " " + number_text(knob.decided) +
                       " (link " + link + ")"});
  }
  if (link == "lost")
    out.push_back({"high", "link", "the trainer is lost; its local guard goes on with the policy"});
  if (link == "silent") out.push_back({"medium", "link", "the trainer is silent"});
  if (!machine_) return out;
  for (const wire::RuleEvidence& rule : machine_->rule_evidence()) {
    const wire::RuleInfo* info = info_of(state_, rule.rule);
    if (rule.state == "quiet" || !info || info->alert.empty()) continue;
    out.push_back({info->alert, "rule:" + rule.rule,
                   rule.rule + " fired at step " + std::to_string(rule.fired_step.value) +
                       (rule.state == "latched" ? ", latched" : "")});
  }
  for (const wire::DetectorEvidence& detector : machine_->detector_evidence()) {
    if (detector.quality != Quality::kBad) continue;
    out.push_back(
        {"medium", "signal:" + detector.signal, detector.signal + " could not be measured"});
  }
  std::stable_sort(out.begin(), out.end(), [](const wire::Alert& a, const wire::Alert& b) {
    return run::severity_rank(a.severity) > run::severity_rank(b.severity);
  });
  return out;
}

wire::Message RunSlot::status(Now now) const {
  wire::Status status;
  status.link = link_word(now);
  if (last_frame_) status.age_s = static_cast<double>(now.mono.value - last_frame_->value) * 1e-9;
  status.attempt = state_.attempt;
  status.segment = state_.segment;
  status.total_steps = state_.total_steps;
  status.label = state_.label;
  status.epoch = epoch_;
  status.last_seq = state_.last_seq;
  status.run_file = settings_->runs_dir + "/" + run_.text() + ".phaseguard";
  status.knobs = knob_statuses();
  status.signals = signal_statuses(state_, now);
  status.requests = request_statuses(state_);
  status.alerts = alerts(now);
  if (machine_) {
    status.policy = machine_->document().name;
    status.policy_digest = machine_->document().digest;
    status.mode = policy::mode_of(machine_->document());
    status.control = machine_->control();
    status.state_version = machine_->state_version();
    status.detectors = machine_->detector_evidence();
    status.rules = machine_->rule_evidence();
    status.override_ = machine_->override_status();
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
