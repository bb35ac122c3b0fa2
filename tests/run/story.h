// A short run as recorded messages: declared, measured, tripped, rolled back, ended, resumed.
#pragma once

#include <utility>
#include <vector>

#include "monitor/wire/messages.h"
#include "monitor/wire/version.h"
#include "tests/support/declared.h"

namespace phaseguard::test {

struct Story {
  std::vector<wire::Message> messages;

  wire::Message& add(std::int64_t step, wire::Body body, std::int64_t attempt = 1) {
    wire::Message m;
    m.header.run = *RunId::parse("story");
    m.header.seq = Seq{static_cast<std::int64_t>(messages.size()) + 1};
    m.header.step = Step{step};
    m.header.t = 1.75e9 + static_cast<double>(messages.size());
    m.header.attempt = attempt;
    m.header.source_seq = m.header.seq;
    m.body = std::move(body);
    m.header.version = wire::version_of(m.body);  // as a daemon records it
    messages.push_back(std::move(m));
    return messages.back();
  }
};

inline wire::Hello hello(std::int64_t start_step = 0) {
  wire::Hello h;
  h.session = "abc";
  h.start_step = Step{start_step};
  h.total_steps = 100;
  h.cadence_steps = 5;
  h.label = wire::Label::kMalicious;
  h.canary_ids = {"c01", "c02"};
  h.knobs = {kl_knob()};
  wire::SignalDecl js;
  js.name = "canary/js";
  js.unit = "nats";
  js.min = 0.0;
  js.max = 0.6931481;
  js.items = wire::Items::kCanary;
  js.every_steps = 5;
  h.signals = {js, judge_signal()};
  h.requests = {wire::RequestType::kRollback};
  return h;
}

inline wire::Report report(wire::Report::Origin origin, std::vector<wire::Sample> samples) {
  wire::Report r;
  r.origin = origin;
  r.samples = std::move(samples);
  return r;
}

inline wire::Sample sample(std::string signal, double value, std::vector<double> items = {}) {
  wire::Sample s;
  s.signal = std::move(signal);
  s.value = value;
  s.items = std::move(items);
  return s;
}

inline wire::Applied applied(double value, std::int64_t segment, std::int64_t decision) {
  wire::Applied a;
  a.knobs = {{"kl",
              value,
              decision,
              decision > 0 ? wire::Cause(wire::CauseKind::kRule, "defend") : wire::CauseKind::kBase,
              {}}};
  a.segment = segment;
  a.source = decision > 0 ? wire::Source::kDaemon : wire::Source::kInitial;
  return a;
}

inline wire::Decision decision(std::int64_t id, std::int64_t because, double before, double after) {
  wire::Decision d;
  d.id = id;
  d.because = Seq{because};
  d.state_version = id;
  d.mode = wire::Mode::kEnforce;
  d.before = {{"kl", before, {}, wire::CauseKind::kBase, 0, {}}};
  d.knobs = {{"kl",
              after,
              {},
              after > 0 ? wire::Cause(wire::CauseKind::kRule, "defend") : wire::CauseKind::kBase,
              id,
              {}}};
  d.detectors = {
      {"judge", "judge/score", Step{10}, Quality::kGood, 0.9, 0.6, 0.3, 2, 2, 3, 0, true}};
  d.rules = {{"defend", after > 0 ? wire::RuleState::kLatched : wire::RuleState::kQuiet, 2, 2, 3,
              Step{5}, Step{10}, false}};
  d.summary = "defend fired";
  return d;
}

// seq 1 hello, 2 policy, 3 link, 4.. measurements; the decision is seq 9.
inline Story story() {
  using Origin = wire::Report::Origin;
  Story s;
  s.add(0, hello());
  wire::PolicyLoaded policy;
  policy.name = "hybrid";
  policy.mode = wire::Mode::kEnforce;
  policy.detectors = {{"judge", "judge/score", "ewma", 0.3, "1", 2, 0, {}}};
  s.add(0, policy, 0);
  s.add(0, wire::LinkChange{wire::LinkEvent::kClaimed, "", 1}, 0);
  s.add(0, report(Origin::kCanary, {sample("canary/js", 0.01, {0.01, 0.01})}));
  s.add(0, applied(0.0, 0, 0));
  s.add(5, report(Origin::kCanary, {sample("canary/js", 0.1, {0.2, wire::kNaN})}));
  s.add(7, report(Origin::kBatch, {sample("judge/score", 0.9)}));
  s.add(8, report(Origin::kBatch, {sample("judge/score", 1.5)}));  // out of range: BAD
  wire::Decision fired = decision(1, 8, 0.0, 2.0);
  fired.requests.emplace_back();
  fired.requests.back().id = 1;
  fired.requests.back().type = wire::RequestType::kRollback;
  fired.alerts = {
      {wire::Severity::kCritical, {wire::AlertKind::kRule, "defend"}, "defend fired at step 8"}};
  s.add(8, fired, 0);
  s.add(9, applied(2.0, 0, 1));
  wire::Applied back = applied(2.0, 1, 1);
  back.requests = {{1, wire::Outcome::kDone, "restored snapshot of step 0", Step{0}}};
  s.add(0, back);
  s.add(1, report(Origin::kStep, {sample("train/loss", 2.5)}));
  s.add(5, report(Origin::kCanary, {sample("canary/js", 0.02, {0.02, 0.02})}));
  s.add(5, wire::Goodbye{wire::GoodbyeReason::kInterrupted, ""});
  s.add(5, hello(5), 2);
  s.add(5, applied(2.0, 0, 1), 2);
  s.add(6, report(Origin::kStep, {sample("train/loss", 2.25)}), 2);
  return s;
}

}  // namespace phaseguard::test
