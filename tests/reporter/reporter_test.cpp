#include "trainer-hook/reporter/reporter.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <set>
#include <thread>

#include "tests/reporter/peer.h"
#include "tests/reporter/run_of_tests.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

using namespace phaseguard;
using namespace phaseguard::reporter;

namespace {

// Waits for something that must come; false only when it never does.
template <class Condition>
bool eventually(Condition&& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

Options at(const TestDirectory& directory) {
  Options options = test_options();
  options.endpoint = directory.endpoint();
  return options;
}

Reporter started(const Options& options) {
  Result<Reporter> reporter = Reporter::start(options, test_hello());
  REQUIRE(reporter);
  return std::move(*reporter);
}

bool report_five(Reporter& reporter, std::int64_t step) {
  const SignalValue values[] = {{0, 1.5}, {1, 1.4}, {2, 0.1}, {3, 0.7}, {4, 0.002}};
  return reporter.step_values(Step{step}, values, 5);
}

}  // namespace

TEST_CASE("with no daemon, training goes on: drops are counted and the end does not hang",
          "[reporter][fault]") {
  const TestDirectory directory;
  Options options = at(directory);
  options.ring_slots = 2;
  Reporter reporter = started(options);
  std::int64_t kept = 0;
  for (std::int64_t step = 1; step <= 100'000; ++step) kept += report_five(reporter, step);
  REQUIRE(reporter.lambda().value == 0.1);
  REQUIRE(reporter.lambda().source == Source::kInitial);
  REQUIRE_FALSE(reporter.decide(test_report(0.9, 1, 0), Step{1}, 0.2).answered);
  const Stats stats = reporter.stats();
  REQUIRE(stats.dropped_ring > 0);
  REQUIRE(stats.calls == 100'001);
  REQUIRE(stats.reports >= kept);
  REQUIRE(stats.reports + stats.dropped_ring == stats.calls);
  reporter.stop("finished", 0.5);
  REQUIRE(reporter.state() == LinkState::kClosed);
}

TEST_CASE("more values of a step than a slot holds are dropped as a whole and counted",
          "[reporter]") {
  const TestDirectory directory;
  Reporter reporter = started(at(directory));
  std::vector<SignalValue> values(kMaxStepValues, {0, 1.5});
  CHECK(reporter.step_values(Step{1}, values.data(), values.size()));
  CHECK(reporter.stats().dropped_ring == 0);
  values.push_back({0, 1.5});
  CHECK_FALSE(reporter.step_values(Step{2}, values.data(), values.size()));
  CHECK(reporter.stats().dropped_ring == 1);
}

TEST_CASE("a declaration that cannot work is refused in words", "[reporter][hostile]") {
  const TestDirectory directory;
  Options options = at(directory);
  options.knob = "klx";
  Result<Reporter> reporter = Reporter::start(options, test_hello());
  REQUIRE_FALSE(reporter);
  REQUIRE(reporter.error().message.find("klx") != std::string::npos);
  wire::Hello hello = test_hello();
  hello.knobs[0].initial = 5.0;
  reporter = Reporter::start(at(directory), hello);
  REQUIRE_FALSE(reporter);
  REQUIRE(reporter.error().message.find("0 to 4") != std::string::npos);
  hello = test_hello();
  for (int i = 0; i < 2000; ++i) {
    wire::SignalDecl signal;
    signal.name = "train/param_norm/layer" + std::to_string(i);
    hello.signals.push_back(std::move(signal));
  }
  reporter = Reporter::start(at(directory), hello);
  REQUIRE_FALSE(reporter);
  REQUIRE(reporter.error().message.find("65536") != std::string::npos);
  REQUIRE(reporter.error().message.find("declare fewer signals") != std::string::npos);
  options = at(directory);
  options.run = RunId{};
  REQUIRE_FALSE(Reporter::start(options, test_hello()));
  options = at(directory);
  // The same demand in two words.
  const bool by_profile = GENERATE(false, true);
  if (by_profile) options.profile = wire::Profile::kEnforce;
  if (!by_profile) options.on_start = OnStart::kRefuse;
  options.start_wait_s = 0.2;
  reporter = Reporter::start(options, test_hello());
  REQUIRE_FALSE(reporter);
  REQUIRE(reporter.error().message.find("phaseguardd") != std::string::npos);
}

TEST_CASE("a control reaches lambda, and what is applied is said", "[reporter]") {
  const TestDirectory directory;
  Peer peer(directory.endpoint());
  Reporter reporter = started(at(directory));
  REQUIRE(peer.accept(0.75));
  REQUIRE(eventually([&] { return reporter.lambda().value == 0.75; }));
  REQUIRE(reporter.lambda().source == Source::kDaemon);
  REQUIRE(reporter.lambda().decision == 1);
  reporter.applied(Step{3}, 0);
  const auto applied = peer.receive_a<wire::Applied>();
  REQUIRE(applied);
  REQUIRE(applied->knobs.at(0).value == 0.75);
  REQUIRE(applied->source == wire::Source::kDaemon);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  reporter.applied(Step{4}, 0);  // nothing is new, and it is said again after a second
  REQUIRE(peer.receive_a<wire::Applied>());
  REQUIRE(report_five(reporter, 4));
  const auto report = peer.receive_a<wire::Report>();
  REQUIRE(report);
  REQUIRE(report->samples.size() == 5);
  REQUIRE(report->samples[1].signal == "train/ce");
  REQUIRE(report->samples[1].value == 1.4);
}

TEST_CASE("decide returns this batch's answer, and at its deadline the newest value",
          "[reporter]") {
  const TestDirectory directory;
  Peer peer(directory.endpoint());
  Reporter reporter = started(at(directory));
  REQUIRE(peer.accept(0.25));
  REQUIRE(eventually([&] { return reporter.state() == LinkState::kLinked; }));
  std::thread daemon([&] {
    const auto report = peer.receive_a<wire::Report>();
    if (report && report->wants_control) peer.control(1.25, report->batch);
  });
  const Latched answer = reporter.decide(test_report(0.1, 0, 2), Step{1}, 20.0);
  daemon.join();
  REQUIRE(answer.answered);
  REQUIRE(answer.value == 1.25);
  const Latched late = reporter.decide(test_report(0.1, 0, 2), Step{2}, 0.05);
  REQUIRE_FALSE(late.answered);
  REQUIRE(late.value == 1.25);
}

TEST_CASE("a daemon that is killed and started again gets everything once and in order",
          "[reporter][fault]") {
  const TestDirectory directory;
  auto peer = std::make_unique<Peer>(directory.endpoint(), 1);
  Reporter reporter = started(at(directory));
  REQUIRE(peer->accept(0.5, test_welcome()));
  REQUIRE(eventually([&] { return reporter.state() == LinkState::kLinked; }));
  for (std::int64_t step = 1; step <= 20; ++step) REQUIRE(report_five(reporter, step));
  std::set<std::int64_t> recorded;
  for (int i = 0; i < 10; ++i) recorded.insert(peer->receive()->header.step.value);
  const Seq kept = peer->ack();
  peer.reset();
  REQUIRE(eventually([&] { return reporter.state() == LinkState::kLost; }));
  REQUIRE(reporter.lambda().value == 0.5);
  for (std::int64_t step = 21; step <= 30; ++step) REQUIRE(report_five(reporter, step));
  Peer next(directory.endpoint(), 2);
  REQUIRE(next.receive_a<wire::Hello>(15'000));
  wire::Welcome welcome = test_welcome();
  welcome.epoch = 2;
  welcome.ack = kept;
  next.send(welcome);
  std::int64_t last = 0;
  while (recorded.size() < 30) {
    const auto message = next.receive();
    REQUIRE(message);
    if (!std::holds_alternative<wire::Report>(message->body)) continue;
    REQUIRE(message->header.step.value > last);
    last = message->header.step.value;
    REQUIRE(recorded.insert(last).second);
  }
  next.control(0.5);
  REQUIRE(eventually([&] { return reporter.state() == LinkState::kLinked; }));
  REQUIRE(reporter.stats().dropped_ring == 0);
  REQUIRE(eventually([&] { return reporter.stats().journaled == 0; }));
}

TEST_CASE("a frozen daemon: the guard takes over, training is not held up", "[reporter][fault]") {
  const TestDirectory directory;
  Peer peer(directory.endpoint());
  Reporter reporter = started(at(directory));
  REQUIRE(peer.accept(0.0, test_welcome()));
  REQUIRE(eventually([&] { return reporter.lambda().value == 0.0; }));
  REQUIRE(
      eventually([&] { return reporter.state() == LinkState::kLost; }));  // the peer reads no more
  REQUIRE(reporter.send(test_report(0.9, 0, 0), Step{1}));
  REQUIRE(reporter.send(test_report(0.9, 0, 0), Step{2}));
  REQUIRE(eventually([&] { return reporter.lambda().value == 2.0; }));
  REQUIRE(reporter.lambda().source == Source::kGuard);
  std::vector<wire::Request> requests;
  REQUIRE(eventually([&] {
    requests = reporter.take_requests();
    return !requests.empty();
  }));
  REQUIRE(requests[0].type == wire::RequestType::kRollback);
  REQUIRE(reporter.take_requests().empty());
  REQUIRE(reporter.decide(test_report(0.1, 0, 0), Step{3}, 5.0).value == 2.0);
}

TEST_CASE("a refusal is told, and training that must be watched does not begin",
          "[reporter][fault]") {
  const TestDirectory directory;
  Peer peer(directory.endpoint());
  Options options = at(directory);
  options.on_start = OnStart::kRefuse;
  options.start_wait_s = 20.0;
  std::thread daemon([&] {
    if (peer.receive_a<wire::Hello>(15'000))
      peer.send(wire::Reject{wire::RejectCode::kPolicy, "no knob \"kl\"", {}, {}, false});
  });
  const Result<Reporter> reporter = Reporter::start(options, test_hello());
  daemon.join();
  REQUIRE_FALSE(reporter);
  REQUIRE(reporter.error().code == Errc::kRefused);
  REQUIRE(reporter.error().message.find("no knob \"kl\"") != std::string::npos);
}

TEST_CASE("in a forked child the reporter does nothing, and the parent's link lives on",
          "[reporter][fault]") {
  const TestDirectory directory;
  Peer peer(directory.endpoint());
  Reporter reporter = started(at(directory));
  REQUIRE(peer.accept(0.5));
  REQUIRE(eventually([&] { return reporter.lambda().value == 0.5; }));
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    bool quiet = reporter.state() == LinkState::kOff && !report_five(reporter, 1) &&
                 reporter.lambda().value == 0.5 && reporter.take_requests().empty();
    quiet = quiet && !reporter.decide(test_report(0.9, 0, 0), Step{1}, 5.0).answered;
    reporter.stop();
    reporter = Reporter();  // the destructor's path
    _exit(quiet ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  REQUIRE(report_five(reporter, 7));
  REQUIRE(peer.receive_a<wire::Report>());
}

TEST_CASE("the end flushes what is left and says goodbye", "[reporter]") {
  const TestDirectory directory;
  Peer peer(directory.endpoint());
  Reporter reporter = started(at(directory));
  REQUIRE(peer.accept(0.5));
  REQUIRE(eventually([&] { return reporter.state() == LinkState::kLinked; }));
  REQUIRE(report_five(reporter, 9));
  std::atomic<bool> said{false};
  std::thread daemon([&] {
    if (const auto goodbye = peer.receive_a<wire::Goodbye>())
      said = goodbye->reason == wire::GoodbyeReason::kFinished;
    peer.control(0.5);
  });
  reporter.stop("finished", 20.0);
  daemon.join();
  REQUIRE(said);
  REQUIRE(reporter.stats().journaled == 0);
  reporter.stop("finished", 20.0);  // again: nothing
}
