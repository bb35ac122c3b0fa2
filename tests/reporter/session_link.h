// The hook's session with the daemon's end played by hand.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "monitor/wire/codec.h"
#include "tests/reporter/run_of_tests.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"
#include "trainer-hook/reporter/session.h"

namespace phaseguard::reporter {

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
    if (output.meanwhile) meanwhile = output.meanwhile->settings;
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
  Latched meanwhile;
  std::vector<wire::Request> requests;
  int reopened = 0;
  std::int64_t daemon_seq = 0;
};

inline const wire::Applied* last_applied(const std::vector<wire::Message>& messages) {
  const wire::Applied* found = nullptr;
  for (const wire::Message& message : messages) {
    if (const auto* applied = std::get_if<wire::Applied>(&message.body)) found = applied;
  }
  return found;
}

}  // namespace phaseguard::reporter
