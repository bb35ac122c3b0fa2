#include "monitor/run/state.h"

#include <cmath>
#include <random>

#include "monitor/base/text.h"
#include "monitor/wire/codec.h"
#include "tests/run/story.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"
#include "tests/wire/samples.h"

using namespace phaseguard;
using run::fold;
using run::RunState;
using test::story;

namespace {

RunState folded(const std::vector<wire::Message>& messages) {
  RunState state;
  for (const auto& message : messages) fold(state, message);
  return state;
}

void print(std::string& out, const run::Series& series) {
  for (std::size_t i = 0; i < series.size(); ++i) {
    out += number_text(static_cast<double>(series.step_at(i).value)) + ":" +
           number_text(series.value_at(i)) + name_of(series.quality_at(i)) + " ";
  }
  for (const auto& s : series.stretches()) out += "|" + std::to_string(s.first);
  out += "\n";
}

void print(std::string& out, const std::vector<run::OnInterval>& intervals) {
  for (const auto& i : intervals) {
    out += std::to_string(i.attempt) + "/" + std::to_string(i.segment) + " [" +
           std::to_string(i.from.value) + "," + std::to_string(i.to.value) + "] ";
  }
  out += "\n";
}

// Everything a viewer can see, as text.
std::string print(const RunState& state) {
  std::string out = state.run.text() + " " + std::to_string(state.last_seq.value) + " step " +
                    std::to_string(state.step.value) + "\n";
  for (const auto& [name, signal] : state.signals) {
    out += name + " " + std::to_string(signal.bad) + " ";
    print(out, signal.series);
  }
  for (const auto& [name, knob] : state.knobs) {
    out += name + " ";
    print(out, knob.decided);
    print(out, knob.applied);
    print(out, knob.on_decided);
    print(out, knob.on_applied);
  }
  for (const auto& s : state.segments) {
    out += "segment " + std::to_string(s.attempt) + "/" + std::to_string(s.segment) + " from " +
           std::to_string(s.from_step.value) + " to " + std::to_string(s.start.value) + "\n";
  }
  for (const auto& r : state.requests)
    out += r.request.type.text() + " " + (r.outcome.empty() ? "decided" : r.outcome.text()) + "\n";
  out += std::to_string(state.decisions.entries.size()) + " decisions, version " +
         std::to_string(state.state_version);
  return out;
}

}  // namespace

TEST_CASE("a story folds into what a viewer shows", "[run]") {
  const RunState state = folded(story().messages);
  REQUIRE(state.label == wire::Label::kMalicious);
  REQUIRE(state.attempt == 2);
  REQUIRE(state.segments.size() == 3);
  REQUIRE(state.segments[1].segment == 1);
  REQUIRE(state.segments[1].from_step == Step{9});
  REQUIRE(state.segments[1].start == Step{0});
  REQUIRE(state.segments[2].attempt == 2);
  REQUIRE(state.step == Step{6});
  REQUIRE_FALSE(state.goodbye.has_value());

  const auto& judge = state.signals.at("judge/score");
  REQUIRE(judge.good == 1);
  REQUIRE(judge.bad == 1);
  REQUIRE(judge.value == 1.5);
  REQUIRE(judge.quality == Quality::kBad);
  const auto& js = state.signals.at("canary/js");
  REQUIRE(js.series.size() == 3);
  REQUIRE(js.series.stretches().size() == 2);
  const auto& c02 = state.signals.at("canary/js/c02");
  REQUIRE(c02.series.gaps() == std::vector<std::size_t>{1});
  REQUIRE(c02.series.value_at(2) == 0.02);

  const auto& kl = state.knobs.at("kl");
  REQUIRE(kl.decided_value == 2.0);
  REQUIRE(kl.decided_step == Step{8});
  REQUIRE(kl.cause == wire::Cause(wire::CauseKind::kRule, "defend"));
  REQUIRE(kl.confirmed());
  REQUIRE(kl.on_applied.size() == 3);
  REQUIRE(kl.on_applied[0].from == Step{9});
  REQUIRE(kl.on_applied[0].to == Step{9});
  REQUIRE(kl.on_applied[1].segment == 1);
  REQUIRE(kl.on_applied[1].from == Step{0});
  REQUIRE(kl.on_applied[1].to == Step{5});
  REQUIRE(kl.on_applied[2].attempt == 2);
  REQUIRE(kl.on_applied[2].to == Step{-1});
  REQUIRE(kl.on_decided[0].from == Step{8});

  REQUIRE(state.requests.size() == 1);
  REQUIRE(state.requests[0].outcome == wire::Outcome::kDone);
  REQUIRE(state.requests[0].restored_step == Step{0});
  REQUIRE(state.rules.at(0).state == "latched");
  REQUIRE(state.alerts.entries.size() == 1);
}

TEST_CASE("folding again, late or twice changes nothing", "[run][property]") {
  const auto messages = story().messages;
  const std::string whole = print(folded(messages));
  REQUIRE(whole == print(folded(messages)));
  std::mt19937_64 random(3);
  for (std::size_t cut = 0; cut <= messages.size(); ++cut) {
    // A viewer that read a page of history, then live messages that overlap it.
    RunState state =
        folded({messages.begin(), messages.begin() + static_cast<std::ptrdiff_t>(cut)});
    const std::size_t again = cut == 0 ? 0 : random() % cut;
    for (std::size_t i = again; i < messages.size(); ++i) fold(state, messages[i]);
    REQUIRE(state.duplicates == static_cast<std::int64_t>(cut - again));
    REQUIRE(print(state) == whole);
  }
}

TEST_CASE("a state survives the wire: folding decoded bytes gives the same", "[run][property]") {
  RunState state;
  for (const auto& message : story().messages) {
    auto decoded = wire::decode(wire::encode(message), wire::kFeedLimits);
    REQUIRE(decoded.has_value());
    fold(state, *decoded);
  }
  REQUIRE(print(state) == print(folded(story().messages)));
}

TEST_CASE("another run, a hole, and messages without a place", "[run]") {
  auto messages = story().messages;
  RunState state = folded(messages);
  const std::string before = print(state);
  wire::Message foreign = messages.back();
  foreign.header.run = *RunId::parse("other");
  foreign.header.seq = Seq{1000};
  fold(state, foreign);
  wire::Message unplaced = messages.back();
  unplaced.header.seq = Seq{0};
  fold(state, unplaced);
  REQUIRE(print(state) == before);
  wire::Message later = messages.back();
  later.header.seq = Seq{later.header.seq.value + 4};
  fold(state, later);
  REQUIRE(state.skipped == 3);
}

TEST_CASE("Status refines evidence and never moves the record", "[run]") {
  RunState state = folded(story().messages);
  wire::Message m;
  m.header.run = state.run;
  m.header.t = 1.75e9 + 30;
  wire::Status status;
  status.link = wire::LinkState::kActive;
  status.last_seq = state.last_seq;
  status.detectors = {
      {"judge", "judge/score", Step{20}, Quality::kGood, 0.1, 0.2, 0.3, 0, 2, 9, 0, false}};
  m.body = status;
  const Seq before = state.last_seq;
  fold(state, m);
  REQUIRE(state.last_seq == before);
  REQUIRE(state.detectors.at(0).n == 9);
  std::get<wire::Status>(m.body).last_seq = Seq{1};  // older than what was folded
  std::get<wire::Status>(m.body).detectors[0].n = 4;
  fold(state, m);
  REQUIRE(state.detectors.at(0).n == 9);
}

TEST_CASE("a base that is not the trainer's initial value counts as decided", "[run]") {
  test::Story s;
  s.add(0, test::hello());
  s.add(1, test::applied(0.25, 0, 0));
  const RunState state = folded(s.messages);
  REQUIRE(state.knobs.at("kl").decided_value == 0.25);
  REQUIRE(state.knobs.at("kl").confirmed());
  REQUIRE(state.knobs.at("kl").on_decided.size() == 1);
}

TEST_CASE("every kind of message can be folded", "[run][hostile]") {
  RunState state;
  std::int64_t seq = 0;
  for (int round = 0; round < 3; ++round) {
    for (wire::Message m : wire::samples()) {
      m.header.seq = Seq{++seq};
      fold(state, m);
    }
  }
  REQUIRE(state.decisions.entries.size() == 3);
}

TEST_CASE("lists of events are bounded", "[run]") {
  RunState state;
  test::Story s;
  s.add(0, test::hello());
  fold(state, s.messages.back());
  for (std::size_t i = 0; i < run::kMaxEntries + 10; ++i) {
    wire::Message m = s.messages.back();
    m.header.seq = Seq{static_cast<std::int64_t>(i) + 2};
    m.body = wire::LinkChange{wire::LinkEvent::kLost, "", 1};
    fold(state, m);
  }
  REQUIRE(state.links.entries.size() == run::kMaxEntries);
  REQUIRE(state.links.dropped == 10);
}
