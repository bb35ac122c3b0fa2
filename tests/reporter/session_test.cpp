// What passes between session and daemon while the link is there.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "tests/reporter/session_link.h"

using namespace phaseguard;
using namespace phaseguard::reporter;

namespace {

std::vector<std::int64_t> seqs_of_reports(const std::vector<wire::Message>& messages) {
  std::vector<std::int64_t> seqs;
  for (const wire::Message& message : messages) {
    if (std::holds_alternative<wire::Report>(message.body))
      seqs.push_back(message.header.seq.value);
  }
  return seqs;
}

}  // namespace

TEST_CASE("a session says hello, is welcomed, and the first control decides, also downwards",
          "[reporter]") {
  Link link;
  REQUIRE(link.session.state() == LinkState::kConnecting);
  const auto hello = link.sent();
  REQUIRE(hello.size() == 1);
  REQUIRE(std::get<wire::Hello>(hello[0].body).session == "token");
  REQUIRE(hello[0].header.seq == Seq{1});
  link.report(0.1, 0);  // before the welcome: kept, not sent
  REQUIRE(link.sent().empty());
  link.welcome();
  REQUIRE(link.session.state() == LinkState::kSync);
  link.control(0.05);
  REQUIRE(link.in_force.value == 0.05);  // below the initial 0.1
  REQUIRE(link.in_force.source == Source::kDaemon);
  REQUIRE(seqs_of_reports(link.sent()) == std::vector<std::int64_t>{2});
  link.control(0.05, 2);
  REQUIRE(link.session.state() == LinkState::kLinked);
  REQUIRE(link.session.flushed());
}

TEST_CASE("what the welcome says is in force before the link is there", "[reporter]") {
  Link link;
  link.sent();
  wire::Welcome welcome = test_welcome();
  welcome.record = "00112233445566778899aabbccddeeff";
  welcome.knobs.push_back({"kl", 2.0, {}, wire::Cause(wire::CauseKind::kRule, "defend"), 3, {}});
  link.welcome(welcome);
  REQUIRE(link.session.state() == LinkState::kLinked);
  REQUIRE(link.in_force.value == 2.0);
  REQUIRE(link.in_force.source == Source::kDaemon);
}

TEST_CASE("frames of another epoch, repeated, or past their step change nothing",
          "[reporter][fault]") {
  Link link;
  link.link();
  link.control(1.0, 1);
  REQUIRE(link.in_force.value == 1.0);
  link.control(2.0, 1, 0);  // a daemon of the past
  link.control(2.0, 1, 2);  // one that has not welcomed us
  --link.daemon_seq;
  --link.daemon_seq;
  link.daemon_seq = 2;  // seqs 3 and 4 again: a replay
  link.control(2.0, 1);
  wire::Control late = test_control(3.0, 1, 1);
  late.valid_until_step = Step{10};
  link.daemon_seq = 50;
  link.daemon(late, Step{11});
  REQUIRE(link.in_force.value == 1.0);
  REQUIRE(link.stats().stale_frames == 4);
  link.daemon(late, Step{10});
  REQUIRE(link.in_force.value == 3.0);
}

TEST_CASE("a control outside the declared range is refused and reported, never clamped",
          "[reporter][hostile]") {
  const double bad = GENERATE(4.0000001, -1e-9, std::nan(""), HUGE_VAL);
  Link link;
  link.link();
  link.control(1.0, 1);
  link.control(bad, 1);
  REQUIRE(link.in_force.value == 1.0);
  REQUIRE(link.stats().refused_controls == 1);
  const auto messages = link.sent();
  const wire::Applied* applied = last_applied(messages);
  REQUIRE(applied);
  REQUIRE(applied->requests.size() == 1);
  REQUIRE(applied->requests[0].status == wire::Outcome::kRefused);
  REQUIRE(applied->requests[0].detail.find("kl") != std::string::npos);
  link.control(bad, 1);  // re-asserted: counted, put on record once
  REQUIRE(link.stats().refused_controls == 2);
  REQUIRE(last_applied(link.sent()) == nullptr);
}

TEST_CASE("an undeclared knob or site and values for another number of samples are refused",
          "[reporter][hostile]") {
  Link link;
  link.link();
  wire::Control control = test_control(1.0, 1, 1);
  control.knobs.push_back({"steering", 0.5, {}, wire::CauseKind::kBase, 0, {}});
  link.daemon(control);
  REQUIRE(link.stats().refused_controls == 1);
  control = test_control(1.0, 1, 1);
  control.knobs[0].site = wire::Site::kReplay;
  link.daemon(control);
  REQUIRE(link.stats().refused_controls == 2);
  link.report(0.1, 0, 5, 3);
  control = test_control(1.0, 1, 1);
  control.answers_batch = 5;
  control.knobs[0].items = {0.0, 1.0};
  link.daemon(control);
  REQUIRE(link.stats().refused_controls == 3);
  REQUIRE(link.answers.size() == 1);
  REQUIRE_FALSE(link.answers[0].settings.answered);
}

TEST_CASE("decide is answered with one value per sample by the control that names its batch",
          "[reporter]") {
  Link link;
  link.link();
  link.report(0.1, 3, 8, 2);
  link.control(0.5, 2);
  REQUIRE(link.answers.empty());
  wire::Control control = test_control(0.5, 2, 1);
  control.answers_batch = 8;
  control.knobs[0].items = {0.0, 2.0};
  link.daemon(control);
  REQUIRE(link.answers.size() == 1);
  REQUIRE(link.answers[0].batch == 8);
  REQUIRE(link.answers[0].settings.answered);
  REQUIRE(link.answers[0].settings.items == std::vector<double>{0.0, 2.0});
  REQUIRE(link.in_force.items.empty());  // lambda() of a later step is not this batch's
}

TEST_CASE("what a batch's report gave is for that batch; another gets what is told for others",
          "[reporter]") {
  Link link;
  link.link();
  link.report(0.1, 3, 8, 2);
  wire::Control control = test_control(0.5, 2, 1);
  control.answers_batch = 8;
  control.knobs[0].batch = 8;
  control.knobs[0].unscored = 0.25;
  link.daemon(control);
  REQUIRE(link.answers.size() == 1);
  REQUIRE(link.answers[0].settings.value == 0.5);
  REQUIRE(link.in_force.value == 0.25);
  control.answers_batch = 0;
  control.knobs[0].unscored = 99.0;  // beyond the declared range: the control is refused
  link.daemon(control);
  REQUIRE(link.in_force.value == 0.25);
}

TEST_CASE("a guard that did not see what the daemon did only raises a batch that waits",
          "[reporter][fault]") {
  const bool saw_all = GENERATE(true, false);
  INFO("saw all: " << saw_all);
  wire::Welcome welcome = test_welcome();
  welcome.policy_text = R"(version = 1
name = "law"
mode = "enforce"
[knob.kl]
base = 0.0
min = 0.0
max = 4.0
[rule.follow]
when = "always"
set.kl = { controller = "risk_linear", signal = "judge/score", max = 2.0 }
)";
  welcome.policy_digest = hex(sha256(welcome.policy_text));
  welcome.record = "r1";
  if (!saw_all) welcome.ack = Seq{2};
  Link link;
  link.report(0.5, 0);
  link.welcome(welcome);
  wire::Control control = test_control(1.5, 2, 1);
  control.knobs[0].cause = wire::Cause(wire::CauseKind::kRule, "follow");
  control.knobs[0].batch = 7;
  wire::Held follow{wire::HeldKind::kActive, "follow", "kl", 1.5, {}, Step{-1}, "", 1, 1, {}, ""};
  control.held = {follow};
  link.daemon(control);
  REQUIRE(link.session.state() == LinkState::kLinked);
  link.report(0.0, 1, 8, 2);
  REQUIRE(link.meanwhile.value == (saw_all ? 0.0 : 1.5));
  link.report(1.0, 2, 9, 2);
  REQUIRE(link.meanwhile.value == 2.0);
  REQUIRE(link.answers.empty());
}

TEST_CASE("a heartbeat that cannot leave means a new hello, long before the lease",
          "[reporter][fault]") {
  Link link;
  link.link();
  for (int i = 0; i < 10; ++i) {
    link.sent();
    link.control(0.0, 1);
    link.tick(50);
  }
  REQUIRE(link.session.state() == LinkState::kLinked);
  const auto before = link.stats().connections;
  link.tick(50);
  link.tick(50);
  link.tick(50);
  REQUIRE(link.session.state() == LinkState::kStale);
  REQUIRE(link.stats().connections > before);
  const auto messages = link.sent();  // the daemon is back
  REQUIRE(messages.size() == 1);
  REQUIRE(std::holds_alternative<wire::Hello>(messages[0].body));
  link.welcome();
  REQUIRE(link.session.state() == LinkState::kLinked);
}

TEST_CASE("what was not acknowledged is sent again in order on the next connection",
          "[reporter][fault]") {
  Link link;
  link.link();
  for (int i = 0; i < 5; ++i) link.report(0.1, i);
  REQUIRE(seqs_of_reports(link.sent()) == std::vector<std::int64_t>{2, 3, 4, 5, 6});
  link.control(0.0, 3);
  link.pass(2000);
  REQUIRE(link.session.state() == LinkState::kLost);
  link.report(0.1, 5);
  link.sent();
  wire::Welcome again = test_welcome();
  again.epoch = 2;
  again.ack = Seq{4};  // the record holds one more than the last acknowledgement that arrived
  link.welcome(again);
  REQUIRE(link.session.state() == LinkState::kSync);
  REQUIRE(seqs_of_reports(link.sent()) == std::vector<std::int64_t>{5, 6, 7});
  link.control(0.0, 7, 2);
  REQUIRE(link.session.state() == LinkState::kLinked);
  REQUIRE(link.session.flushed());
}

TEST_CASE("a daemon that is heard but acknowledges nothing does not hear us: lost",
          "[reporter][fault]") {
  Link link;
  link.link();
  link.report(0.1, 1);
  for (int i = 0; i < 20; ++i) {
    link.sent();
    link.control(0.0, 1);
    link.pass(50);
  }
  REQUIRE(link.session.state() == LinkState::kLost);
}

TEST_CASE("a request is handed out once, and asked again it is answered from memory",
          "[reporter]") {
  Link link;
  link.link();
  wire::Request request;
  request.epoch = 1;
  request.id = 12;
  request.type = wire::RequestType::kRollback;
  link.daemon(request);
  link.daemon(request);
  REQUIRE(link.requests.size() == 1);
  REQUIRE(last_applied(link.sent()) == nullptr);
  wire::Applied applied;
  applied.requests.push_back({12, wire::Outcome::kDone, "restored", Step{0}});
  link.session.on_applied(applied, Step{1}, 1.0, link.now);
  link.sent();
  link.daemon(request);
  REQUIRE(link.requests.size() == 1);
  const auto messages = link.sent();
  REQUIRE(last_applied(messages));
  REQUIRE(last_applied(messages)->requests[0].id == 12);
  request.epoch = 0;
  request.id = 13;
  link.daemon(request);  // of a fenced daemon
  REQUIRE(link.requests.size() == 1);
}

TEST_CASE("of 256 requests the outcome is remembered; the oldest is forgotten first",
          "[reporter]") {
  Link link;
  link.link();
  const auto ask = [&](std::int64_t id) {
    const std::size_t before = link.requests.size();
    wire::Request request;
    request.epoch = 1;
    request.id = id;
    request.type = wire::RequestType::kRollback;
    link.daemon(request);
    if (link.requests.size() == before) return false;
    wire::Applied applied;
    applied.requests.push_back({id, wire::Outcome::kDone, "restored", Step{0}});
    link.session.on_applied(applied, Step{1}, 1.0, link.now);
    return true;
  };
  for (std::int64_t id = 1001; id <= 1300; ++id) REQUIRE(ask(id));
  REQUIRE(ask(7));  // of another record: a smaller number, and yet the newest
  CHECK_FALSE(ask(7));
  CHECK_FALSE(ask(1300));
  CHECK_FALSE(ask(1046));
  CHECK(ask(1045));  // done again
}

TEST_CASE("a lowering that counts from before more rollbacks than are remembered ends now",
          "[reporter][fault]") {
  for (const int rollbacks : {16, 17}) {
    Link link;
    link.link();
    for (int segment = 1; segment <= rollbacks; ++segment) {
      wire::Applied applied;
      applied.segment = segment;
      link.session.on_applied(applied, Step{10}, 1.0, link.now);
    }
    wire::Control control = test_control(0.25, 1, 1);
    control.segment = 0;
    control.knobs[0].expires_step = Step{1000};
    control.knobs[0].then.value = 1.5;
    link.daemon(control, Step{10});
    link.report(0.1, 11);
    CHECK(link.in_force.value == (rollbacks == 16 ? 0.25 : 1.5));
  }
}

TEST_CASE("a refusal is named and tried again after 5 s or more; a claim lost is final",
          "[reporter][fault]") {
  Link link;
  SECTION("refused") {
    link.daemon(wire::Reject{wire::RejectCode::kPolicy, "knob kl needs a mask", {}, {}, false});
    REQUIRE(link.session.state() == LinkState::kRefused);
    REQUIRE(link.session.refusal() == "policy: knob kl needs a mask");
    link.sent();
    link.pass(2000);
    REQUIRE(link.sent().empty());
    link.pass(60'000);
    REQUIRE(link.sent().size() == 1);
    link.welcome();
    REQUIRE(link.session.state() == LinkState::kLinked);
  }
  SECTION("fenced") {
    link.link();
    link.control(1.0, 1);
    link.daemon(wire::Reject{wire::RejectCode::kClaimed, "attempt 2 owns the run", {}, {}, false});
    REQUIRE(link.session.state() == LinkState::kFenced);
    REQUIRE(link.in_force.value == 1.0);
    link.sent();
    link.pass(100'000);
    link.control(0.0, 1);
    REQUIRE(link.in_force.value == 1.0);
    REQUIRE(link.sent().empty());
  }
}

TEST_CASE("bytes that are no message are counted and change nothing", "[reporter][hostile]") {
  Link link;
  link.link();
  const std::string good = [&] {
    wire::Message message;
    message.header.run = *RunId::parse("run-1");
    message.header.seq = Seq{99};
    message.body = test_control(4.0, 1, 1);
    return wire::encode(message);
  }();
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    link.session.on_frame(good.substr(0, cut), Step{0}, link.now);
  }
  link.collect();
  REQUIRE(link.in_force.value == 0.0);
  REQUIRE(link.stats().malformed_frames == static_cast<std::int64_t>(good.size()));
}
