// What a session has in force when the daemon is gone, and under a policy in shadow mode.
#include <cmath>

#include "tests/reporter/session_link.h"

using namespace phaseguard;
using namespace phaseguard::reporter;

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

TEST_CASE("what a report decides that is waited for is in force before the wait is over",
          "[reporter][fault]") {
  const bool answered = GENERATE(false, true);
  Link link;
  link.link();
  link.report(0.9, 1);
  link.session.on_report(test_report(0.9, 4, 0), Step{2}, 1.0, link.now,
                         Nanos{link.now.mono.value + 90'000'000});
  link.sent();
  if (answered) link.control(0.5, 3);
  link.tick(80);
  link.sent();
  REQUIRE(link.in_force.value == (answered ? 0.5 : 0.0));
  link.tick(10);
  REQUIRE(link.session.state() == LinkState::kLinked);
  REQUIRE(link.in_force.value == (answered ? 0.5 : 2.0));
  REQUIRE(link.in_force.source == (answered ? Source::kDaemon : Source::kGuard));
}

TEST_CASE("a report that is waited for in vain has what it decides when nobody is connected",
          "[reporter][fault]") {
  const bool gone_before = GENERATE(false, true);
  Link link;
  link.link();
  link.report(0.9, 1);
  if (gone_before) link.pass(150);
  link.report(0.9, 2, 4);
  if (!gone_before) link.pass(150);
  REQUIRE(link.session.state() == LinkState::kStale);
  REQUIRE(link.answers.size() == 1);
  REQUIRE(link.answers[0].settings.value == 2.0);
  REQUIRE(link.in_force.value == 2.0);
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
