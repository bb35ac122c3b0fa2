// The hook under the real phaseguardd.
#include <cstring>
#include <string>
#include <utility>

#include "tests/hook/toy_trainer.h"
#include "tests/reporter/real_daemon.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"
#include "trainer-hook/hook/hook.h"

using namespace phaseguard;
using namespace phaseguard::hook;
using reporter::RealDaemon;
using reporter::test_hello;
using reporter::test_report;

namespace {

Hook attached(const RealDaemon& daemon, ToyTrainer& trainer) {
  Options options;
  options.link = daemon.options();
  Result<Hook> hook = Hook::attach(options, test_hello(), trainer.state());
  INFO((hook ? std::string() : hook.error().message));
  REQUIRE(hook);
  return std::move(*hook);
}

std::string shadow_policy() {
  std::string text = reporter::kPolicy;
  const std::string enforce = "\"enforce\"";
  return text.replace(text.find(enforce), enforce.size(), "\"shadow\"");
}

}  // namespace

TEST_CASE("under a daemon in shadow mode that would fire, training is the same bits as alone",
          "[hook][e2e][property]") {
  const RealDaemon daemon(PHASEGUARD_DAEMON, shadow_policy());
  std::vector<double> alone;
  {
    ToyTrainer trainer;
    for (std::int64_t step = 0; step < 100; ++step) {
      alone.push_back(
          trainer.update(trainer.errors(step).mean().add(trainer.distances().mean(), 0.1)));
    }
  }
  ToyTrainer trainer;
  Hook hook = attached(daemon, trainer);
  std::vector<double> watched;
  for (std::int64_t step = 0; step < 100; ++step) {
    if (step % 5 == 0) hook.decide_batch(test_report(0.9, 0, 4), Step{step}, 20.0);
    hook.begin_step(Step{step});
    watched.push_back(
        trainer.update(hook.add_penalty(trainer.errors(step).mean(), trainer.distances())));
    hook.end_step(Step{step + 1}, {{0, watched.back()}});
    if (step % 5 == 4) hook.report_canaries(Step{step + 1}, {});
  }
  REQUIRE(hook.plan().segment == 0);
  REQUIRE(std::memcmp(alone.data(), watched.data(), alone.size() * sizeof(double)) == 0);
  hook.finish();
}

TEST_CASE("a rule that fires rolls the trainer back and raises lambda for the batch it fired on",
          "[hook][e2e]") {
  const RealDaemon daemon(PHASEGUARD_DAEMON);
  ToyTrainer trainer;
  Hook hook = attached(daemon, trainer);
  const std::vector<float> at_start = trainer.bits();
  std::int64_t rolled_back_at = -1;
  std::int64_t raised_at = -1;
  for (std::int64_t step = 0; step < 8 && rolled_back_at < 0; ++step) {
    hook.decide_batch(test_report(step >= 3 ? 0.9 : 0.1, 0, 4), Step{step}, 20.0);
    const StepPlan plan = hook.begin_step(Step{step});
    if (plan.lambda == 2.0 && raised_at < 0) raised_at = step;
    if (plan.rolled_back) {
      rolled_back_at = step;
      REQUIRE(plan.cause == wire::Cause(wire::CauseKind::kRule, "defend"));
      REQUIRE(plan.decision > 0);
      REQUIRE(plan.segment == 1);
      // The newest snapshot that was taken while the detector was quiet.
      REQUIRE(plan.step <= Step{3});
      break;
    }
    trainer.update(hook.add_penalty(trainer.errors(step).mean(), trainer.distances()));
    hook.end_step(Step{step + 1}, {});
  }
  REQUIRE(raised_at == 4);  // the second risk over the line
  REQUIRE(rolled_back_at >= 4);
  REQUIRE(rolled_back_at <= 5);
  REQUIRE(trainer.bits() ==
          at_start);  // no canary was measured, so the first snapshot is the only one
  hook.finish("finished", 20.0);
  REQUIRE(hook.link().stats().journaled == 0);
}
