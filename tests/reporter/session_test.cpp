#include "trainer-hook/reporter/session.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "monitor/wire/codec.h"
#include "tests/reporter/run_of_tests.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

using namespace phaseguard;
using namespace phaseguard::reporter;

namespace {

// A session, its clock, and the daemon's end played frame by frame through the real codec.
class Link {
 public:
  explicit Link(const Options& options = test_options()) : session(options, test_hello(), 7) {
    tick();
  }

  void tick(std::int64_t ms = 0) {
    now.mono = Nanos{now.mono.value + ms * 1'000'000};
    session.on_tick(now);
    collect();
  }
  void pass(std::int64_t ms) {
    for (; ms > 0; ms -= 50) tick(50);
  }
  void daemon(wire::Body body, Step current = Step{0}) {
    wire::Message message;
    message.header.run = *RunId::parse("run-1");
    message.header.seq = Seq{++daemon_seq};
    message.body = std::move(body);
    session.on_frame(wire::encode(message), current, now);
    collect();
  }
  void welcome(wire::Welcome welcome = test_welcome()) { daemon(std::move(welcome)); }
  void control(double kl, std::int64_t ack = 0, std::int64_t epoch = 1) {
    daemon(test_control(kl, ack, epoch));
  }
  void report(double judge, std::int64_t step, std::int64_t batch = 0, std::size_t samples = 0) {
    session.on_report(test_report(judge, batch, samples), Step{step}, 1.0, now);
    collect();
  }
  void collect() {
    SessionOutput output = session.take_output();
    if (output.settings) in_force = *output.settings;
    for (auto& answer : output.answers) answers.push_back(std::move(answer));
    for (auto& request : output.requests) requests.push_back(std::move(request));
    reopened += output.reopen;
  }
  std::vector<wire::Message> sent() {
    std::vector<wire::Message> messages;
    while (const std::string* frame = session.next_frame()) {
      messages.push_back(*wire::decode(*frame));
      session.sent();
    }
    return messages;
  }
  void link() {
    welcome();
    control(0.0, 1);
    REQUIRE(session.state() == LinkState::kLinked);
    sent();
  }
  [[nodiscard]] Stats stats() const {
    Stats stats;
    session.fill(stats);
    return stats;
  }

  Session session;
  Now now{0.0, Nanos{1'000'000'000}};
  Latched in_force;
  std::vector<SessionOutput::Answer> answers;
  std::vector<wire::Request> requests;
  int reopened = 0;
  std::int64_t daemon_seq = 0;
};

std::vector<std::int64_t> seqs_of_reports(const std::vector<wire::Message>& messages) {
  std::vector<std::int64_t> seqs;
  for (const wire::Message& message : messages) {
    if (std::holds_alternative<wire::Report>(message.body))
      seqs.push_back(message.header.seq.value);
  }
  return seqs;
}

const wire::Applied* last_applied(const std::vector<wire::Message>& messages) {
  const wire::Applied* found = nullptr;
  for (const wire::Message& message : messages) {
    if (const auto* applied = std::get_if<wire::Applied>(&message.body)) found = applied;
  }
  return found;
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

TEST_CASE("silence makes the link stale, then lost, and hold keeps the value",
          "[reporter][fault]") {
  Link link;
  wire::Welcome welcome = test_welcome();
  welcome.on_loss = wire::OnLoss::kHold;
  link.welcome(welcome);
  link.control(1.5, 1);
  link.report(0.1, 1, 4, 0);
  link.pass(250);
  REQUIRE(link.session.state() == LinkState::kStale);
  REQUIRE(link.answers.size() == 1);  // nobody waits for a silent daemon
  link.pass(1000);
  REQUIRE(link.session.state() == LinkState::kLost);
  REQUIRE(link.stats().losses == 1);
  REQUIRE(link.in_force.value == 1.5);
  REQUIRE(link.in_force.source == Source::kHold);
  const auto before = link.stats().connections;
  link.pass(60'000);
  const auto hellos = link.stats().connections - before;
  REQUIRE(hellos >= 12);  // at most 5 s apart
  REQUIRE(hellos <= 40);  // and not a storm
  REQUIRE(link.reopened >= 12);
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

TEST_CASE("on_loss substitute takes the owner's value, unless what is in force is higher",
          "[reporter][fault]") {
  const double commanded = GENERATE(0.2, 3.0);
  Link link;
  wire::Welcome welcome = test_welcome();
  welcome.on_loss = wire::OnLoss::kSubstitute;
  const std::string place = "max = 4.0\n";
  welcome.policy_text.insert(welcome.policy_text.find(place) + place.size(), "substitute = 1.5\n");
  link.welcome(welcome);
  link.control(commanded, 1);
  link.pass(2000);
  REQUIRE(link.session.refusal().empty());
  REQUIRE(link.in_force.value == std::max(commanded, 1.5));
  REQUIRE(link.in_force.source == Source::kHold);
}

TEST_CASE("on_loss pause and stop are handed to the trainer once", "[reporter][fault]") {
  const std::string choice = GENERATE("pause", "stop");
  Link link;
  wire::Welcome welcome = test_welcome();
  welcome.on_loss = wire::Word<wire::OnLoss>::from(choice);
  link.welcome(welcome);
  link.control(1.5, 1);
  link.pass(20'000);
  REQUIRE(link.requests.size() == 1);
  REQUIRE(link.requests[0].type == choice);
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

TEST_CASE("the guard takes over when the lease is over, and a loss never lowers lambda",
          "[reporter][fault]") {
  Link link;
  link.welcome();
  link.control(0.3, 1);
  link.report(0.1, 1);
  link.control(0.3, 2);
  link.pass(2000);
  REQUIRE(link.session.state() == LinkState::kLost);
  REQUIRE(link.in_force.value == 0.3);  // the guard's own is the base, 0
  REQUIRE(link.in_force.source == Source::kHold);
  link.report(0.9, 2);
  REQUIRE(link.in_force.value == 0.3);
  link.report(0.9, 3);  // two in a row: the rule fires
  REQUIRE(link.in_force.value == 2.0);
  REQUIRE(link.in_force.source == Source::kGuard);
  REQUIRE(link.in_force.decision == 0);
  REQUIRE(link.stats().guard_decisions >= 1);
  REQUIRE(link.requests.size() == 1);
  REQUIRE(link.requests[0].type == wire::RequestType::kRollback);
  REQUIRE(link.requests[0].id < 0);

  SECTION("decide is answered by the guard at once") {
    link.report(0.1, 4, 9, 0);
    REQUIRE(link.answers.size() == 1);
    REQUIRE(link.answers[0].settings.answered);
    REQUIRE(link.answers[0].settings.value == 2.0);
  }
  SECTION("a daemon that comes back cannot lower before it has read why") {
    wire::Applied applied;
    applied.requests.push_back(
        {link.requests[0].id, wire::Outcome::kDone, "restored the snapshot of step 0", Step{0}});
    link.session.on_applied(applied, Step{4}, 1.0, link.now);
    wire::Welcome again = test_welcome();
    again.epoch = 2;
    again.ack = Seq{2};
    link.welcome(again);
    link.control(0.0, 2, 2);
    REQUIRE(link.session.state() == LinkState::kSync);
    REQUIRE(link.in_force.value == 2.0);
    // Having read it, it asks for the same rollback: answered, not done twice.
    wire::Request request = link.requests[0];
    request.id = 31;
    request.epoch = 2;
    link.daemon(request);
    REQUIRE(link.requests.size() == 1);
    const auto messages = link.sent();
    REQUIRE(last_applied(messages));
    REQUIRE(last_applied(messages)->requests[0].id == 31);
    REQUIRE(last_applied(messages)->requests[0].status == wire::Outcome::kDone);
    link.control(0.7, 99, 2);  // an operator's lowering, after all is read
    REQUIRE(link.session.state() == LinkState::kLinked);
    REQUIRE(link.in_force.value == 0.7);
  }
}

TEST_CASE("a rule that fired on what the daemon never acknowledged fires at the loss",
          "[reporter][fault]") {
  Link link;
  link.link();
  link.report(0.9, 1);
  link.report(0.9, 2);
  REQUIRE(link.in_force.value == 0.0);  // linked: the daemon decides
  REQUIRE(link.requests.empty());
  link.pass(2000);
  REQUIRE(link.in_force.value == 2.0);
  REQUIRE(link.requests.size() == 1);
}

TEST_CASE("in shadow mode neither daemon nor guard moves anything", "[reporter]") {
  Link link;
  wire::Welcome welcome = test_welcome();
  welcome.mode = wire::Mode::kShadow;
  link.welcome(welcome);
  wire::Control control = test_control(0.0, 1, 1);
  control.mode = wire::Mode::kShadow;
  control.knobs.clear();
  link.daemon(control);
  link.report(0.9, 1);
  link.report(0.9, 2);
  link.pass(3000);
  REQUIRE(link.session.state() == LinkState::kLost);
  REQUIRE(link.in_force.value == 0.1);
  REQUIRE(link.in_force.source == Source::kInitial);
  REQUIRE(link.in_force.shadow);
  REQUIRE(link.requests.empty());
}

TEST_CASE("in shadow mode a control raises and takes nothing below the initial value",
          "[reporter]") {
  Link link;
  wire::Welcome welcome = test_welcome();
  welcome.mode = wire::Mode::kShadow;
  welcome.record = "0000000a0000000b0000000c0000000d";
  link.welcome(welcome);
  wire::Control control = test_control(1.0, 1, 1);
  control.mode = wire::Mode::kShadow;
  control.knobs[0].cause = wire::Cause(wire::CauseKind::kOperator, "ann");
  link.daemon(control);
  CHECK(link.in_force.value == 1.0);
  CHECK(link.in_force.source == Source::kDaemon);
  control.state_version = 2;
  control.knobs[0].value = 0.0;  // declared to begin at 0.1
  link.daemon(control);
  CHECK(link.in_force.value == 1.0);
  CHECK(link.session.refusal().find("in shadow mode") != std::string::npos);
  control.state_version = 3;
  control.knobs.clear();
  link.daemon(control);
  CHECK(link.in_force.value == 0.1);
  CHECK(link.in_force.source == Source::kInitial);
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
