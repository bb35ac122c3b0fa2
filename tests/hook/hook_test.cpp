#include "trainer-hook/hook/hook.h"

#include <ATen/ops/tensor.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "tests/hook/toy_trainer.h"
#include "tests/reporter/peer.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

using namespace phaseguard;
using namespace phaseguard::hook;
using reporter::LinkState;
using reporter::Peer;
using reporter::test_control;
using reporter::test_hello;
using reporter::test_options;
using reporter::test_report;
using reporter::test_welcome;
using reporter::TestDirectory;

namespace {

template <class Condition>
bool eventually(Condition&& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

Result<Hook> attached(const TestDirectory& directory, ToyTrainer& trainer) {
  Options options;
  options.link = test_options();
  options.link.endpoint = directory.endpoint();
  return Hook::attach(options, test_hello(), trainer.state());
}

// Trains `steps` updates under a hook; the losses, bit for bit.
std::vector<double> train(Hook& hook, ToyTrainer& trainer, std::int64_t steps) {
  std::vector<double> losses;
  for (std::int64_t step = 0; step < steps; ++step) {
    hook.begin_step(Step{step});
    const at::Tensor errors = trainer.errors(step).mean();
    losses.push_back(trainer.update(hook.add_penalty(errors, trainer.distances())));
    hook.end_step(Step{step + 1}, {{0, losses.back()}});
    if ((step + 1) % 5 == 0) hook.report_canaries(Step{step + 1}, {});
  }
  return losses;
}

std::vector<double> train_alone(std::int64_t steps, double lambda) {
  ToyTrainer trainer;
  std::vector<double> losses;
  for (std::int64_t step = 0; step < steps; ++step) {
    at::Tensor loss = trainer.errors(step).mean();
    if (lambda != 0.0) loss = loss.add(trainer.distances().mean(), lambda);
    losses.push_back(trainer.update(loss));
  }
  return losses;
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

}  // namespace

TEST_CASE("a hook in shadow mode changes no bit of training, nor does an absent daemon",
          "[hook][property]") {
  const TestDirectory directory;
  ToyTrainer trainer;
  const std::vector<double> alone = train_alone(100, 0.1);  // 0.1 is the declared initial value
  SECTION("absent") {
    Result<Hook> hook = attached(directory, trainer);
    REQUIRE(hook);
    REQUIRE(same_bits(train(*hook, trainer, 100), alone));
    hook->finish();
  }
  SECTION("shadow") {
    Peer peer(directory.endpoint());
    Result<Hook> hook = attached(directory, trainer);
    REQUIRE(hook);
    wire::Welcome welcome = test_welcome();
    welcome.mode = wire::Mode::kShadow;
    REQUIRE(peer.receive_a<wire::Hello>());
    peer.send(welcome);
    wire::Control control = test_control(0.0, 1, 1);
    control.mode = wire::Mode::kShadow;
    control.knobs.clear();
    peer.send(control);
    REQUIRE(eventually([&] { return hook->link().stats().controls == 1; }));
    REQUIRE(same_bits(train(*hook, trainer, 100), alone));
    hook->finish();
  }
  REQUIRE_FALSE(same_bits(alone, train_alone(100, 0.2)));  // the comparison can fail
}

TEST_CASE("a rollback is done at the step boundary, once, and reported as a new segment",
          "[hook]") {
  const TestDirectory directory;
  ToyTrainer trainer;
  Peer peer(directory.endpoint());
  Result<Hook> hook = attached(directory, trainer);
  REQUIRE(hook);
  REQUIRE(peer.accept(0.0));
  REQUIRE(
      eventually([&] { return hook->begin_step(Step{0}).source == reporter::Source::kDaemon; }));
  REQUIRE_FALSE(hook->needs_penalty());
  const std::vector<float> at_start = trainer.bits();
  train(*hook, trainer, 7);
  REQUIRE(hook->snapshots().size() == 2);
  peer.control(2.0);
  wire::Request request;
  request.epoch = 1;
  request.id = 4;
  request.type = wire::RequestType::kRollback;
  request.before_step = Step{4};
  peer.send(request);
  peer.send(request);
  StepPlan plan;
  REQUIRE(eventually([&] { return (plan = hook->begin_step(Step{7})).rolled_back; }));
  REQUIRE(plan.step == Step{0});
  REQUIRE(plan.segment == 1);
  REQUIRE(plan.lambda == 2.0);
  REQUIRE(trainer.bits() == at_start);
  REQUIRE(trainer.updates() == 0);
  bool told = false;
  while (!told) {
    const auto applied = peer.receive_a<wire::Applied>();
    REQUIRE(applied);
    for (const wire::RequestOutcome& outcome : applied->requests) {
      REQUIRE(outcome.id == 4);
      REQUIRE(outcome.status == wire::Outcome::kDone);
      REQUIRE(outcome.restored_step == Step{0});
      REQUIRE(applied->segment == 1);
      told = true;
    }
  }
  REQUIRE_FALSE(hook->begin_step(Step{1}).rolled_back);
}

TEST_CASE("what is in force changes at a step boundary alone", "[hook]") {
  const TestDirectory directory;
  ToyTrainer trainer;
  Peer peer(directory.endpoint());
  Result<Hook> hook = attached(directory, trainer);
  REQUIRE(hook);
  REQUIRE(peer.accept(0.5));
  REQUIRE(
      eventually([&] { return hook->begin_step(Step{0}).source == reporter::Source::kDaemon; }));
  const auto micro_batch = [&] {
    return hook->add_penalty(at::tensor(1.0f), at::tensor(1.0f)).item<double>();
  };
  REQUIRE(micro_batch() == 1.5);
  peer.control(2.0);
  REQUIRE(eventually([&] { return hook->link().stats().controls >= 2; }));
  REQUIRE(micro_batch() == 1.5);
  REQUIRE(hook->begin_step(Step{1}).lambda == 2.0);
  REQUIRE(micro_batch() == 3.0);
}

TEST_CASE("a rollback that cannot be done fails in words and leaves training as it is",
          "[hook][fault]") {
  const TestDirectory directory;
  ToyTrainer trainer;
  Peer peer(directory.endpoint());
  Result<Hook> hook = attached(directory, trainer);
  REQUIRE(hook);
  REQUIRE(peer.accept(0.0));
  REQUIRE(
      eventually([&] { return hook->begin_step(Step{0}).source == reporter::Source::kDaemon; }));
  trainer.weight(1).set_requires_grad(false);
  trainer.weight(1).resize_({1, 1});
  wire::Request request;
  request.epoch = 1;
  request.id = 5;
  request.type = wire::RequestType::kRollback;
  peer.send(request);
  std::optional<wire::Applied> applied;
  REQUIRE(eventually([&] {
    REQUIRE_FALSE(hook->begin_step(Step{1}).rolled_back);
    applied = peer.receive_a<wire::Applied>(20);
    return applied && !applied->requests.empty();
  }));
  REQUIRE(applied->requests[0].status == wire::Outcome::kFailed);
  REQUIRE(applied->requests[0].detail.find("w1") != std::string::npos);
  REQUIRE(applied->segment == 0);
}

TEST_CASE("per-sample weights of this batch reach this batch's loss", "[hook]") {
  const TestDirectory directory;
  ToyTrainer trainer;
  Peer peer(directory.endpoint());
  Result<Hook> hook = attached(directory, trainer);
  REQUIRE(hook);
  REQUIRE(peer.accept(0.0));
  REQUIRE(
      eventually([&] { return hook->begin_step(Step{0}).source == reporter::Source::kDaemon; }));
  std::thread daemon([&] {
    const auto report = peer.receive_a<wire::Report>();
    if (!report) return;
    wire::Control control = test_control(0.5, peer.ack().value, 1);
    control.answers_batch = report->batch;
    control.knobs[0].items = {0.0, 2.0, 0.0, 1.0};
    control.knobs[0].batch = report->batch;
    control.knobs[0].unscored = 2.0;
    peer.send(control);
  });
  hook->decide_batch(test_report(0.5, 0, 4), Step{0}, 20.0);
  daemon.join();
  const StepPlan plan = hook->begin_step(Step{0});
  REQUIRE(plan.items == std::vector<double>{0.0, 2.0, 0.0, 1.0});
  const at::Tensor kl = at::tensor({1.0f, 2.0f, 3.0f, 4.0f});
  const at::Tensor loss = hook->add_penalty(at::tensor(1.0f), kl);
  REQUIRE(loss.item<double>() == Approx(1.0 + (2.0 * 2.0 + 4.0) / 4.0));
  // The next step is another batch: these weights are not its, nor is their mean.
  const StepPlan next = hook->begin_step(Step{1});
  REQUIRE(next.items.empty());
  REQUIRE(next.lambda == 2.0);
}

TEST_CASE("a knob declared convex weighs the task by alpha and the penalty by beta", "[hook]") {
  const TestDirectory directory;
  ToyTrainer trainer;
  Peer peer(directory.endpoint());
  Options options;
  options.link = test_options();
  options.link.endpoint = directory.endpoint();
  wire::Hello hello = test_hello();
  hello.knobs[0].form = wire::Form::kConvex;
  Result<Hook> hook = Hook::attach(options, hello, trainer.state());
  REQUIRE(hook);
  REQUIRE(peer.accept(1.0));
  REQUIRE(eventually([&] { return hook->begin_step(Step{0}).lambda == 1.0; }));
  // lambda 1 is beta 1/2: half the task and half the penalty.
  REQUIRE(hook->add_penalty(at::tensor(1.0f), at::tensor(3.0f)).item<double>() == Approx(2.0));
}

TEST_CASE("checkpoint, pause and stop reach the trainer as flags", "[hook]") {
  const TestDirectory directory;
  ToyTrainer trainer;
  Peer peer(directory.endpoint());
  Result<Hook> hook = attached(directory, trainer);
  REQUIRE(hook);
  REQUIRE(peer.accept(0.0));
  std::int64_t id = 0;
  for (const char* type : {"checkpoint", "pause", "stop"}) {
    wire::Request request;
    request.epoch = 1;
    request.id = ++id;
    request.type = wire::Word<wire::RequestType>::from(type);
    peer.send(request);
  }
  bool checkpoint = false, pause = false, stop = false;
  REQUIRE(eventually([&] {
    const StepPlan plan = hook->begin_step(Step{1});
    checkpoint |= plan.checkpoint;
    pause |= plan.pause;
    stop |= plan.stop;
    return checkpoint && pause && stop;
  }));
  hook->checkpoint_written("step 1 in run.pt", true);
  REQUIRE_FALSE(hook->begin_step(Step{2}).checkpoint);
  std::int64_t done = 0;
  while (done < 3) {
    const auto applied = peer.receive_a<wire::Applied>();
    REQUIRE(applied);
    for (const wire::RequestOutcome& outcome : applied->requests)
      done += outcome.status == wire::Outcome::kDone;
  }
  REQUIRE(done == 3);
}
