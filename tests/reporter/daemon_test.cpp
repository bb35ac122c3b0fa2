// The reporter against the real phaseguardd, as a process that can be killed and frozen.
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "tests/reporter/peer.h"
#include "tests/reporter/real_daemon.h"
#include "tests/reporter/run_of_tests.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

using namespace phaseguard;
using namespace phaseguard::reporter;

namespace {

template <class Condition>
bool eventually(Condition&& condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

Reporter linked(const RealDaemon& daemon) {
  Result<Reporter> reporter = Reporter::start(daemon.options(), test_hello());
  INFO((reporter ? std::string() : reporter.error().message));
  REQUIRE(reporter);
  return std::move(*reporter);
}

double judge(Reporter& reporter, double risk, std::int64_t step) {
  const Latched& latched = reporter.decide(test_report(risk, 0, 2), Step{step}, 20.0);
  REQUIRE(latched.answered);
  return latched.value;
}

}  // namespace

TEST_CASE("two risks over the line raise lambda before the batch they came with",
          "[reporter][e2e]") {
  const RealDaemon daemon(PHASEGUARD_DAEMON);
  Reporter reporter = linked(daemon);
  REQUIRE(judge(reporter, 0.1, 0) == 0.0);
  REQUIRE(judge(reporter, 0.9, 1) == 0.0);
  REQUIRE(judge(reporter, 0.9, 2) == 2.0);
  REQUIRE(reporter.lambda().cause == wire::Cause(wire::CauseKind::kRule, "defend"));
  REQUIRE(reporter.lambda().decision > 0);
  std::vector<wire::Request> requests;
  REQUIRE(eventually([&] {
    requests = reporter.take_requests();
    return !requests.empty();
  }));
  REQUIRE(requests[0].type == wire::RequestType::kRollback);
  reporter.applied(
      Step{2}, 1,
      {{requests[0].id, wire::Outcome::kDone, "restored the snapshot of step 0", Step{0}}});
  REQUIRE(judge(reporter, 0.1, 3) == 2.0);  // latched
  reporter.stop("finished", 20.0);
  REQUIRE(reporter.stats().journaled == 0);
  REQUIRE(reporter.stats().refused_controls == 0);
}

TEST_CASE("a daemon killed with kill -9 comes back to the same lambda and gets what it missed",
          "[reporter][e2e][fault]") {
  RealDaemon daemon(PHASEGUARD_DAEMON);
  Reporter reporter = linked(daemon);
  REQUIRE(judge(reporter, 0.9, 1) == 0.0);
  REQUIRE(judge(reporter, 0.9, 2) == 2.0);
  REQUIRE(reporter.lambda().value == 2.0);
  for (int round = 0; round < 3; ++round) {
    daemon.end(SIGKILL);
    for (std::int64_t step = 0; step < 50; ++step) {
      const SignalValue loss{0, 1.0};
      REQUIRE(reporter.step_values(Step{std::int64_t{100} * round + step + 3}, &loss, 1));
      REQUIRE(reporter.lambda().value == 2.0);
    }
    daemon.start();
    REQUIRE(eventually([&] {
      REQUIRE(reporter.lambda().value == 2.0);
      return reporter.state() == LinkState::kLinked && reporter.stats().journaled == 0;
    }));
  }
  REQUIRE(reporter.stats().dropped_ring == 0);
}

TEST_CASE("a daemon that was frozen is linked again and decides", "[reporter][e2e][fault]") {
  RealDaemon daemon(PHASEGUARD_DAEMON);
  Reporter reporter = linked(daemon);
  REQUIRE(judge(reporter, 0.1, 0) == 0.0);
  daemon.send_signal(SIGSTOP);
  REQUIRE(eventually([&] { return reporter.state() == LinkState::kStale; }));
  REQUIRE(reporter.send(test_report(0.9, 0, 0), Step{1}));
  daemon.send_signal(SIGCONT);
  REQUIRE(eventually([&] { return reporter.state() == LinkState::kLinked; }));
  REQUIRE(eventually([&] { return reporter.stats().journaled == 0; }));
  REQUIRE(judge(reporter, 0.9, 2) == 2.0);
}

TEST_CASE("a policy that does not fit the run is refused with its reason",
          "[reporter][e2e][hostile]") {
  std::string policy = kPolicy;
  for (std::size_t at = policy.find("kl"); at != std::string::npos;
       at = policy.find("kl", at + 8)) {
    policy.replace(at, 2, "steering");
  }
  const RealDaemon daemon(PHASEGUARD_DAEMON, policy);
  const Result<Reporter> reporter = Reporter::start(daemon.options(), test_hello());
  REQUIRE_FALSE(reporter);
  INFO(reporter.error().message);
  REQUIRE(reporter.error().code == Errc::kRefused);
  REQUIRE(reporter.error().message.find("steering") != std::string::npos);
}
