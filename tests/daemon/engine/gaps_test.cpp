// Numbers of a trainer that do not follow each other, and what is recorded of who it is.
#include <algorithm>

#include "monitor/daemon/engine/ahead.h"
#include "tests/daemon/engine/engine_rig.h"

using namespace phaseguard;
using namespace phaseguard::daemon;

namespace {

// The judge's score of `step` under this number.
Effects numbered(Rig& rig, std::int64_t number, std::int64_t step, double value = 0.1) {
  wire::Report report;
  report.origin = wire::Report::Origin::kBatch;
  report.batch = step + 1;
  report.samples.push_back({"judge/score", value, false, {}, wire::kNaN, wire::kNaN});
  return rig.deliver(Channel::kTelemetry, 1, rig.frame(std::move(report), step, number));
}

wire::Hello each_step() {
  wire::Hello hello = declaration();
  hello.signals = {test::judge_signal(1)};
  return hello;
}

wire::Message hello_1_0(Rig& rig) {
  wire::Message hello = rig.frame(each_step(), 0, 1);
  hello.header.version = {1, 0};
  return hello;
}

std::vector<std::int64_t> recorded_numbers(const Rig& rig) {
  std::vector<std::int64_t> out;
  for (const wire::Message& message : rig.record) {
    if (std::holds_alternative<wire::Report>(message.body))
      out.push_back(message.header.source_seq.value);
  }
  return out;
}

std::vector<wire::LinkChange> gaps(const Rig& rig) {
  std::vector<wire::LinkChange> out;
  for (const wire::Message& message : rig.record) {
    const auto* link = std::get_if<wire::LinkChange>(&message.body);
    if (link != nullptr && link->to.value > 0) out.push_back(*link);
  }
  return out;
}

std::int64_t acknowledged(Rig& rig) {
  rig.pass(1.1);
  const Effects effects = rig.tick();
  const auto* control = first<wire::Control>(effects.send);
  REQUIRE(control != nullptr);
  return control->ack.value;
}

bool has_alert(Rig& rig, const std::string& text) {
  const auto alerts = rig.status().alerts;
  return std::any_of(alerts.begin(), alerts.end(), [&](const wire::Alert& alert) {
    return alert.text.find(text) != std::string::npos;
  });
}

}  // namespace

TEST_CASE("ack stops at a gap; what is late is recorded in its place and judged",
          "[daemon][gaps]") {
  Rig rig;
  rig.hello(1, each_step());
  numbered(rig, 2, 0);
  const Effects asked = numbered(rig, 4, 2, 0.9);
  const auto* resend = first<wire::Resend>(asked.send);
  REQUIRE(resend != nullptr);
  CHECK(resend->from == Seq{3});
  CHECK(first<wire::Resend>(numbered(rig, 5, 3, 0.1).send) == nullptr);  // once
  CHECK(acknowledged(rig) == 2);
  CHECK(rig.status().knobs[0].decided == 0.0);
  numbered(rig, 3, 1, 0.9);  // with it there are two in a row
  CHECK(rig.status().knobs[0].decided == 2.0);
  CHECK(acknowledged(rig) == 5);
  CHECK(recorded_numbers(rig) == std::vector<std::int64_t>{2, 3, 4, 5});
  CHECK(gaps(rig).empty());
  CHECK_FALSE(has_alert(rig, "never came"));
}

TEST_CASE("what does not come in two seconds is recorded as missing, alerted and passed",
          "[daemon][gaps]") {
  const bool is_1_0 = GENERATE(false, true);
  Rig rig;
  if (is_1_0) {
    rig.deliver(Channel::kTelemetry, 1, hello_1_0(rig));
    rig.seq = 1;
  } else {
    rig.hello(1, each_step());
  }
  numbered(rig, 2, 0);
  const Effects asked = numbered(rig, 5, 3, 0.9);
  CHECK((first<wire::Resend>(asked.send) != nullptr) == !is_1_0);
  numbered(rig, 9, 4, 0.9);
  rig.pass(1.9);
  rig.tick();
  CHECK(recorded_numbers(rig).size() == 1);
  rig.pass(0.2);
  rig.tick();
  CHECK(recorded_numbers(rig) == std::vector<std::int64_t>{2, 5, 9});
  REQUIRE(gaps(rig).size() == 2);
  CHECK(gaps(rig)[0].state == wire::LinkEvent::kMissing);
  CHECK(gaps(rig)[0].from == Seq{3});
  CHECK(gaps(rig)[0].to == Seq{4});
  CHECK(gaps(rig)[1].from == Seq{6});
  CHECK(gaps(rig)[1].to == Seq{8});
  CHECK(has_alert(rig, "5 messages of this attempt never came"));
  CHECK(rig.status().knobs[0].decided == 2.0);
  CHECK(acknowledged(rig) == 9);
}

TEST_CASE("a frame that comes after it was recorded as lost is late, and no second process",
          "[daemon][gaps]") {
  Rig rig;
  rig.hello(1, each_step());
  numbered(rig, 2, 0);
  numbered(rig, 5, 3);
  rig.pass(2.1);
  rig.tick();
  numbered(rig, 4, 2, 0.9);  // given up
  CHECK_FALSE(has_alert(rig, "second process"));
  numbered(rig, 5, 3);  // recorded
  CHECK(recorded_numbers(rig) == std::vector<std::int64_t>{2, 5});
  const wire::Status status = rig.status();
  const auto count = [&](wire::ReportFate fate) {
    for (const wire::FateCount& of : status.signals.at(0).fates) {
      if (of.fate == fate) return of.values;
    }
    return std::int64_t{0};
  };
  CHECK(count(wire::ReportFate::kLate) == 1);
  CHECK(count(wire::ReportFate::kDuplicate) == 1);
}

TEST_CASE("what the trainer says it cannot send any more is recorded at once", "[daemon][gaps]") {
  Rig rig;
  rig.hello(1, each_step());
  numbered(rig, 2, 0);
  wire::Hello again = each_step();
  again.from = Seq{20};
  rig.hello(1, again);
  numbered(rig, 7, 1);  // of before, which it kept
  numbered(rig, 20, 2);
  CHECK(recorded_numbers(rig) == std::vector<std::int64_t>{2, 7, 20});
  REQUIRE(gaps(rig).size() == 2);
  CHECK(gaps(rig)[0].state == wire::LinkEvent::kSkipped);
  CHECK(gaps(rig)[0].from == Seq{3});
  CHECK(gaps(rig)[1].to == Seq{19});
  CHECK(has_alert(rig, "the trainer can no longer send 16 messages of this attempt"));
  numbered(rig, 22, 3);  // of that it said nothing
  CHECK(recorded_numbers(rig).size() == 3);
}

TEST_CASE("no more frames wait than the bound says", "[daemon][gaps]") {
  Rig rig;
  rig.hello(1, each_step());
  std::int64_t number = 3;
  while (recorded_numbers(rig).empty() && number < 5000) {
    numbered(rig, number, number);
    ++number;
  }
  const auto waited = static_cast<std::size_t>(number - 3);
  CHECK(waited > 100);
  CHECK(waited <= Ahead::kMostFrames);
  CHECK(recorded_numbers(rig).size() == waited);
  CHECK(gaps(rig).size() == 1);
}

TEST_CASE("a daemon that is started anew does not wait for what was given up", "[daemon][gaps]") {
  Rig rig;
  rig.hello(1, each_step());
  numbered(rig, 3, 1);
  rig.pass(2.1);
  rig.tick();
  wire::Hello again = each_step();
  again.from = Seq{10};
  rig.hello(1, again);
  rig.deliver(Channel::kTelemetry, 1, rig.frame(wire::Report{}, 1, 12));
  Rig other;
  Effects effects;
  REQUIRE(other.engine.restore(other.run, record_of(rig.record), effects, other.now));
  other.record = rig.record;
  other.hello(1, again);
  numbered(other, 10, 2);
  CHECK(recorded_numbers(other).back() == 10);
}

TEST_CASE("a session's token is neither recorded nor shown, and known again", "[daemon][gaps]") {
  Rig rig;
  const Effects begun = rig.hello(1, each_step());
  const auto& recorded = std::get<wire::Hello>(rig.record.front().body);
  CHECK(recorded.session.rfind("sha256:", 0) == 0);
  CHECK(recorded.session.find("s1") == std::string::npos);
  CHECK(recorded.laws.size() == 4);
  for (const wire::Message& message : begun.publish) {
    if (const auto* hello = std::get_if<wire::Hello>(&message.body)) CHECK(hello->session.empty());
  }
  numbered(rig, 2, 0);
  Rig other;
  Effects effects;
  REQUIRE(other.engine.restore(other.run, record_of(rig.record), effects, other.now));
  CHECK(first<wire::Welcome>(other.hello(1, each_step()).send) != nullptr);
  // What a viewer of the record could say.
  wire::Hello thief = each_step();
  thief.session = recorded.session;
  const Effects tried = other.hello(2, thief);
  const auto* reject = first<wire::Reject>(tried.send);
  REQUIRE(reject != nullptr);
  CHECK(reject->code == wire::RejectCode::kClaimed);
}

TEST_CASE("the record of a trainer of 1.0 has no law that it cannot know of", "[daemon][gaps]") {
  Rig rig;
  rig.deliver(Channel::kTelemetry, 1, hello_1_0(rig));
  const auto& recorded = std::get<wire::Hello>(rig.record.front().body);
  CHECK(recorded.laws == std::vector<wire::Word<wire::Law>>{wire::Law::kClock, wire::Law::kEdges});
}

TEST_CASE("a canary report that asks is answered by what it led to", "[daemon][gaps]") {
  Rig rig;
  rig.hello(1, each_step());
  numbered(rig, 2, 1, 0.9);
  wire::Report report;
  report.origin = wire::Report::Origin::kCanary;
  report.batch = 77;
  report.wants_control = true;
  report.samples.push_back({"judge/score", 0.9, false, {}, wire::kNaN, wire::kNaN});
  const Effects effects = rig.deliver(Channel::kTelemetry, 1, rig.frame(std::move(report), 2, 3));
  const auto* control = first<wire::Control>(effects.send);
  REQUIRE(control != nullptr);
  CHECK(control->answers_batch == 77);
  CHECK(control->knobs[0].value == 2.0);
  CHECK(control->knobs[0].batch == -1);
}

TEST_CASE("a clock in milliseconds is seen by those that go by here", "[daemon][gaps]") {
  const double factor = GENERATE(1.0, 1000.0, 0.001);
  Rig rig;
  rig.hello(1, each_step());
  for (std::int64_t step = 0; step < 60; ++step) {
    wire::Message frame = rig.frame(wire::Report{}, step, 2 + step);
    frame.header.t *= factor;
    rig.deliver(Channel::kTelemetry, 1, frame);
    rig.pass(0.5);
    rig.tick();
  }
  CHECK(has_alert(rig, "does not go at the pace") == (factor != 1.0));
}
