// A real session of the hook against a real engine of the daemon, in one process, at a time of the
// test's choosing, with the record in the test's hands: it can be lost, replaced, or come back
// older. Frames pass through the real codec.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "monitor/daemon/engine/engine.h"
#include "monitor/run/health.h"
#include "monitor/wire/codec.h"
#include "tests/support/declared.h"
#include "tests/support/policy.h"
#include "tests/support/words.h"
#include "trainer-hook/reporter/session.h"

namespace phaseguard::test {

inline const std::string kFirstRecord = "0000000a0000000b0000000c0000000d";
inline const std::string kOtherRecord = "000000a1000000b1000000c1000000d1";

// kl is 2 while the judge was above 0.3 twice in a row.
inline std::string without_latch(std::string text = kPolicy) {
  text.replace(text.find("latch = true"), 12, "latch = false");
  text.replace(text.find("request = \"rollback\"\n"), 21, "");
  return text;
}

inline std::string shadow_of(std::string text) {
  text.replace(text.find("mode = \"enforce\""), 16, "mode = \"shadow\"");
  return text;
}

// Its rule sets 0.5, and no more than `max` may be in force.
inline std::string with_max(const std::string& max) {
  std::string text = kPolicy;
  text.replace(text.find("max = 4.0"), 9, "max = " + max);
  text.replace(text.find("set.kl = 2.0"), 12, "set.kl = 0.5");
  return text;
}

// A daemon's engine and the record it writes.
struct Monitor {
  daemon::Engine engine;
  std::string identity;
  std::vector<wire::Message> record;

  explicit Monitor(const std::string& policy, std::string record_identity = kFirstRecord,
                   std::vector<wire::Message> record_so_far = {})
      : engine(settings(policy)),
        identity(std::move(record_identity)),
        record(std::move(record_so_far)) {}

  static daemon::EngineSettings settings(const std::string& policy) {
    daemon::EngineSettings out;
    out.policies.push_back({"*", document_of(policy)});
    out.most_waiting_bytes = 0;
    return out;
  }

  [[nodiscard]] daemon::Record recorded() const {
    if (record.empty()) return {{}, identity};
    return {[this](const auto& take) -> Result<void> {
              for (const wire::Message& message : record) {
                if (!take(message)) break;
              }
              return {};
            },
            identity};
  }
};

class Pair {
 public:
  explicit Pair(std::string policy = kPolicy, double initial = 0.0) : policy_(std::move(policy)) {
    monitor_ = std::make_unique<Monitor>(policy_);
    hello_.session = "s1";
    hello_.total_steps = 1000;
    hello_.cadence_steps = 5;
    wire::KnobDecl kl = kl_knob();
    kl.initial = initial;
    hello_.knobs = {kl};
    hello_.signals = {judge_signal()};
    hello_.requests = {wire::RequestType::kRollback, wire::RequestType::kPause,
                       wire::RequestType::kStop};
  }

  // ---- the trainer

  wire::Hello& declaration() { return hello_; }
  void set_profile(wire::Profile profile) { profile_ = profile; }
  void set_on_error(reporter::OnError choice) { on_error_ = choice; }
  void fail_hook() {
    trainer_->disable("a test");
    collect();
  }
  // The daemon runs, and its record takes nothing more.
  void set_record_fault(const std::string& fault) { record_fault_ = fault; }
  void set_journal(std::size_t bytes) { journal_bytes_ = bytes; }
  void start(std::int64_t attempt = 1) {
    reporter::Options options;
    options.run = run_;
    options.attempt = attempt;
    options.journal_bytes = journal_bytes_;
    options.profile = profile_;
    options.on_error = on_error_;
    trainer_ = std::make_unique<reporter::Session>(options, hello_, 7);
    in_force_.clear();
    for (const wire::KnobSetting& knob : reporter::initial_settings(hello_))
      in_force_[knob.knob] = knob.value;
    ++peer_;
    pass(0.0);
  }
  // The process ends without a word and comes back as the next attempt.
  void restart(std::int64_t attempt) {
    hello_.session = "s" + std::to_string(attempt);
    trainer_.reset();
    start(attempt);
  }
  // What a checkpoint of now keeps.
  [[nodiscard]] std::string checkpoint() const {
    return reporter::write_lineage(lineage_, run_, Step{step_}, segment_);
  }
  // The process ends without a word, and one that goes on from a checkpoint of `step` comes; with
  // "" of one that keeps nothing of its line.
  void resume(std::int64_t attempt, const std::string& checkpoint, std::int64_t step) {
    hello_.start_step = Step{step};
    hello_.record.clear();
    hello_.position = Seq{-1};
    hello_.rollbacks = -1;
    hello_.held.clear();
    if (!checkpoint.empty()) REQUIRE(reporter::resume_from(checkpoint, hello_));
    step_ = step;
    segment_ = 0;
    lineage_ = {};
    outcomes_.clear();
    restart(attempt);
  }
  // A report that costs no time.
  void report(double judge) {
    wire::Report report;
    report.origin = wire::Report::Origin::kBatch;
    report.samples.push_back({"judge/score", judge, false, {}, wire::kNaN, wire::kNaN});
    trainer_->on_report(std::move(report), Step{++step_}, now_.wall_s, now_);
    collect();
  }
  // One update: the judge's score of the batch before it, and what was applied.
  void update(double judge) {
    ++step_;
    wire::Report report;
    report.origin = wire::Report::Origin::kBatch;
    report.samples.push_back({"judge/score", judge, false, {}, wire::kNaN, wire::kNaN});
    trainer_->on_report(std::move(report), Step{step_}, now_.wall_s, now_);
    collect();
    wire::Applied applied;
    for (const wire::KnobSetting& knob : latched_.knobs)
      applied.knobs.push_back({knob.knob, knob.value, knob.decision, knob.cause, knob.site});
    applied.segment = segment_;
    applied.source = latched_.source;
    applied.state_version = latched_.state_version;
    applied.requests = std::exchange(outcomes_, {});
    if (!applied.knobs.empty())
      trainer_->on_applied(std::move(applied), Step{step_}, now_.wall_s, now_);
    pass(step_s_);
  }
  // The judge's score of a batch that waits, with one value per sample if there are any: what it
  // gets, at its deadline if no answer came in 0.2 s.
  reporter::Latched decide(double judge, std::vector<double> items = {}) {
    ++step_;
    wire::Report report;
    report.origin = wire::Report::Origin::kBatch;
    report.samples.push_back(
        {"judge/score", judge, false, std::move(items), wire::kNaN, wire::kNaN});
    report.wants_control = true;
    report.batch = ++batch_;
    answer_.batch = meanwhile_.batch = 0;
    trainer_->on_report(std::move(report), Step{step_}, now_.wall_s, now_);
    collect();
    pass(0.2);
    REQUIRE((answer_.batch == batch_ || meanwhile_.batch == batch_));
    return answer_.batch == batch_ ? answer_.settings : meanwhile_.settings;
  }
  void set_step_time(double seconds) { step_s_ = seconds; }
  void updates(int n, double judge) {
    for (int i = 0; i < n; ++i) update(judge);
  }

  // ---- the daemon

  void kill() { monitor_record_ = std::move(monitor_); }
  // The trainer hands it over, and it does not arrive.
  void lose_next_frame() { loses_frame_ = true; }
  // Stopped, not ended: frames wait for it.
  void freeze() { frozen_ = true; }
  void thaw() {
    frozen_ = false;
    for (const auto& [peer, bytes] : std::exchange(waiting_, {})) deliver(peer, bytes);
  }
  // Its disk is full, and nothing of the trainer may wait for it.
  void fill_disk() { disk_is_full_ = true; }
  void free_disk() { disk_is_full_ = false; }
  // The daemon comes back: with its record, `keep` messages of it, or another one.
  void revive(const std::string& identity = kFirstRecord, std::size_t keep = 1'000'000,
              const std::string& policy = "") {
    std::vector<wire::Message> record =
        monitor_record_ ? monitor_record_->record : std::vector<wire::Message>{};
    if (identity != kFirstRecord) record.clear();
    record.resize(std::min(record.size(), keep));
    monitor_ =
        std::make_unique<Monitor>(policy.empty() ? policy_ : policy, identity, std::move(record));
    if (monitor_->record.empty()) return;
    daemon::Effects effects;
    REQUIRE(monitor_->engine.restore(run_, monitor_->recorded(), effects, now_));
    carry_out(effects);
  }
  wire::Reply command(wire::Command command) {
    command.operator_name = "ann";
    if (command.id.empty()) command.id = "c" + std::to_string(++commands_);
    wire::Message message;
    message.header.run = run_;
    message.header.seq = Seq{1};
    message.body = std::move(command);
    daemon::Effects effects;
    monitor_->engine.on_message(daemon::Channel::kOperator, 900, wire::encode(message), now_,
                                effects);
    wire::Reply reply;
    for (const daemon::Outgoing& out : effects.send) {
      if (out.peer != 900) continue;
      reply = std::get<wire::Reply>(wire::decode(out.bytes, wire::kFeedLimits)->body);
    }
    carry_out(effects);
    exchange();
    return reply;
  }
  wire::Status status() {
    for (const wire::Message& message : monitor_->engine.statuses(now_))
      return std::get<wire::Status>(message.body);
    FAIL("the engine has no run");
    return {};
  }
  // Of that severity or a worse one.
  bool has_alert(const std::string& text, wire::Severity least = wire::Severity::kHigh) {
    const std::vector<wire::Alert> alerts = status().alerts;
    return std::any_of(alerts.begin(), alerts.end(), [&](const wire::Alert& alert) {
      return run::severity_rank(alert.severity) >= run::severity_rank(least) &&
             alert.text.find(text) != std::string::npos;
    });
  }
  [[nodiscard]] const std::vector<wire::Message>& record() const { return monitor_->record; }
  template <class Body>
  [[nodiscard]] std::vector<Body> recorded() const {
    std::vector<Body> out;
    for (const wire::Message& message : monitor_->record) {
      if (const auto* body = std::get_if<Body>(&message.body)) out.push_back(*body);
    }
    return out;
  }

  // ---- both

  void pass(double seconds) {
    const int ticks = static_cast<int>(seconds / 0.05 + 1e-9) + 1;
    for (int i = 0; i < ticks; ++i) {
      now_.wall_s += 0.05;
      now_.mono = Nanos{now_.mono.value + 50'000'000};
      trainer_->on_tick(now_);
      collect();
      if (monitor_ && !frozen_) {
        daemon::Effects effects;
        monitor_->engine.on_tick(now_, effects);
        carry_out(effects);
      }
      exchange();
    }
  }

  [[nodiscard]] const std::string& refusal() const { return trainer_->refusal(); }
  [[nodiscard]] std::int64_t snapshot_parts() const { return snapshot_parts_; }
  [[nodiscard]] double kl() const { return in_force("kl"); }
  [[nodiscard]] double in_force(const std::string& knob) const { return in_force_.at(knob); }
  [[nodiscard]] double lowest() const { return lowest_; }  // of kl since watch()
  void watch() { lowest_ = highest_ = kl(); }
  [[nodiscard]] double highest() const { return highest_; }
  [[nodiscard]] const reporter::Latched& latched() const { return latched_; }
  [[nodiscard]] reporter::LinkState link() const { return trainer_->state(); }
  [[nodiscard]] const std::vector<wire::Request>& requests() const { return requests_; }
  // What the hook's owner does on a rollback.
  void roll_back_to(std::int64_t step) {
    step_ = step;
    ++segment_;
  }
  void answer(std::int64_t id, wire::Outcome outcome, Step restored = Step{-1}) {
    outcomes_.push_back({id, outcome, "", restored});
  }
  [[nodiscard]] std::int64_t step() const { return step_; }
  void set_step(std::int64_t step) { step_ = step; }
  // What the daemon answers a hello with that was not welcomed.
  [[nodiscard]] const std::vector<wire::Reject>& rejects() const { return rejects_; }

 private:
  void collect() {
    reporter::SessionOutput output = trainer_->take_output();
    if (output.reopen) ++peer_;
    if (output.lineage) lineage_ = *output.lineage;
    for (reporter::SessionOutput::Answer& answer : output.answers) answer_ = std::move(answer);
    if (output.meanwhile) meanwhile_ = *output.meanwhile;
    for (wire::Request& request : output.requests) requests_.push_back(std::move(request));
    if (!output.settings) return;
    latched_ = *output.settings;
    for (const wire::KnobSetting& knob : latched_.knobs) in_force_[knob.knob] = knob.value;
    lowest_ = std::min(lowest_, kl());
    highest_ = std::max(highest_, kl());
  }

  void exchange() {
    while (const std::string* frame = trainer_->next_frame()) {
      if (!monitor_) break;
      const std::string bytes = *frame;
      trainer_->sent();
      if (std::exchange(loses_frame_, false)) continue;
      if (frozen_) {
        waiting_.emplace_back(peer_, bytes);
      } else {
        deliver(peer_, bytes);
      }
    }
  }

  void deliver(daemon::PeerId peer, const std::string& bytes) {
    daemon::Effects effects;
    monitor_->engine.on_message(daemon::Channel::kTelemetry, peer, bytes, now_, effects);
    for (const daemon::OpenRun& wanted : std::exchange(effects.open, {})) {
      REQUIRE(monitor_->engine.restore(wanted.run, {{}, monitor_->identity}, effects, now_));
      monitor_->engine.on_message(daemon::Channel::kTelemetry, wanted.peer, wanted.frame, now_,
                                  effects);
    }
    carry_out(effects);
  }

  // As the loop does: record, then send.
  void carry_out(const daemon::Effects& effects) {
    monitor_->record.insert(monitor_->record.end(), effects.record.begin(), effects.record.end());
    const std::string fault = disk_is_full_ ? "the disk is full" : record_fault_;
    monitor_->engine.set_record_healthy(fault.empty(), fault,
                                        fault.empty() ? std::set<RunId>{} : std::set<RunId>{run_});
    for (const daemon::Outgoing& out : effects.send) {
      if (out.peer != peer_ || !trainer_) continue;
      const auto message = wire::decode(out.bytes);
      REQUIRE(message);
      if (const auto* reject = std::get_if<wire::Reject>(&message->body))
        rejects_.push_back(*reject);
      if (const auto* part = std::get_if<wire::Snapshot>(&message->body))
        snapshot_parts_ = std::max(snapshot_parts_, part->part);
      trainer_->on_frame(out.bytes, Step{step_}, now_);
      collect();
    }
  }

  RunId run_ = *RunId::parse("run-1");
  std::string policy_;
  wire::Hello hello_;
  Now now_{1000.0, Nanos{1'000'000'000}};
  std::unique_ptr<Monitor> monitor_;
  std::unique_ptr<Monitor> monitor_record_;
  std::unique_ptr<reporter::Session> trainer_;
  bool frozen_ = false;
  bool loses_frame_ = false;
  bool disk_is_full_ = false;
  std::vector<std::pair<daemon::PeerId, std::string>> waiting_;
  daemon::PeerId peer_ = 1;
  reporter::Latched latched_;
  std::map<std::string, double> in_force_;
  double lowest_ = 0.0;
  double highest_ = 0.0;
  std::vector<wire::Request> requests_;
  std::vector<wire::RequestOutcome> outcomes_;
  std::vector<wire::Reject> rejects_;
  std::int64_t step_ = 0;
  double step_s_ = 0.05;
  std::size_t journal_bytes_ = std::size_t{64} << 20;
  wire::Profile profile_ = wire::Profile::kWatch;
  reporter::OnError on_error_ = reporter::OnError::kStop;
  std::string record_fault_;
  std::int64_t segment_ = 0;
  std::int64_t batch_ = 0;
  std::int64_t snapshot_parts_ = 0;
  reporter::SessionOutput::Answer answer_;
  reporter::SessionOutput::Answer meanwhile_;
  reporter::Lineage lineage_;
  int commands_ = 0;
};

inline wire::Command forced(double value, std::int64_t version = -1, std::int64_t steps = 0) {
  wire::Command command;
  command.action = wire::Action::kForce;
  command.knob = "kl";
  command.value = value;
  command.reason = "a test";
  command.expected_version = version;
  command.expires_after_steps = steps;
  return command;
}

inline wire::Command reset_of(const std::string& rule, std::int64_t version) {
  wire::Command command;
  command.action = wire::Action::kReset;
  command.rule = rule;
  command.reason = "a test";
  command.expected_version = version;
  return command;
}

inline wire::Command reset_adopted(const std::string& knob, std::int64_t version) {
  wire::Command command;
  command.action = wire::Action::kReset;
  command.knob = knob;
  command.reason = "a test";
  command.expected_version = version;
  return command;
}

inline wire::Command inhibition_of(const std::string& rule, std::int64_t version) {
  wire::Command command;
  command.action = wire::Action::kInhibit;
  command.rule = rule;
  command.reason = "a test";
  command.expected_version = version;
  command.expires_after_steps = 1000;
  return command;
}

}  // namespace phaseguard::test
