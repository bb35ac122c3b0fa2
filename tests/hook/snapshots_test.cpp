#include "trainer-hook/hook/snapshots.h"

#include "tests/hook/toy_trainer.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::hook;

namespace {

void train(ToyTrainer& trainer, std::int64_t from, std::int64_t to) {
  for (std::int64_t step = from; step < to; ++step) trainer.update(trainer.errors(step).mean());
}

}  // namespace

TEST_CASE("a restored run goes on exactly as it went the first time", "[hook]") {
  ToyTrainer trainer;
  SnapshotRing ring;
  REQUIRE(ring.take(Step{0}, trainer.state()));
  train(trainer, 0, 5);
  REQUIRE(ring.take(Step{5}, trainer.state()));
  train(trainer, 5, 12);
  const std::vector<float> first = trainer.bits();
  const Result<Step> five = ring.restore(Step{7}, trainer.state());
  REQUIRE(five);
  REQUIRE(*five == Step{5});
  REQUIRE(trainer.updates() == 5);
  train(trainer, 5, 12);
  REQUIRE(trainer.bits() == first);
  // To the beginning, where there was no momentum yet; and again, because a restore uses nothing
  // up.
  for (int i = 0; i < 2; ++i) {
    REQUIRE(*ring.restore(Step{-1}, trainer.state()) == Step{0});
    train(trainer, 0, 12);
    REQUIRE(trainer.bits() == first);
  }
}

TEST_CASE("restoring forgets the snapshots of the abandoned segment", "[hook]") {
  ToyTrainer trainer;
  SnapshotRing ring;
  for (const std::int64_t step : {0, 5, 10}) REQUIRE(ring.take(Step{step}, trainer.state()));
  REQUIRE(*ring.restore(Step{5}, trainer.state()) == Step{5});
  REQUIRE(ring.size() == 2);
  REQUIRE(ring.find(Step{99})->step == Step{5});
  REQUIRE(ring.find(Step{4})->step == Step{0});
}

TEST_CASE("the ring keeps the first and the newest within its limits", "[hook]") {
  ToyTrainer trainer;
  SnapshotRing measure;
  REQUIRE(measure.take(Step{0}, trainer.state()));
  train(trainer, 0, 1);
  SnapshotLimits limits;
  limits.max_count = 3;
  SECTION("by count") {}
  SECTION("by bytes") {
    limits.max_count = 100;
    REQUIRE(measure.take(Step{1}, trainer.state()));
    limits.max_bytes = 3 * (measure.bytes() - measure.find(Step{0})->bytes);
  }
  SnapshotRing ring(limits);
  for (std::int64_t step = 0; step <= 50; step += 10) {
    REQUIRE(ring.take(Step{step}, trainer.state()));
    REQUIRE(ring.bytes() <= limits.max_bytes);
  }
  REQUIRE(ring.size() == 3);
  REQUIRE(ring.find(Step{-1})->step == Step{0});
  REQUIRE(ring.find(Step{45})->step == Step{40});
  REQUIRE(ring.find(Step{35})->step == Step{0});
}

TEST_CASE("what does not fit and what has changed is told, and nothing is lost",
          "[hook][hostile]") {
  ToyTrainer trainer;
  SnapshotLimits limits;
  limits.max_bytes = 100;
  SnapshotRing small(limits);
  const Result<void> taken = small.take(Step{0}, trainer.state());
  REQUIRE_FALSE(taken);
  REQUIRE(taken.error().code == Errc::kLimit);
  REQUIRE(taken.error().message.find("max_bytes") != std::string::npos);

  SnapshotRing ring;
  REQUIRE(ring.restore(Step{-1}, trainer.state()).error().code == Errc::kNotFound);
  REQUIRE(ring.take(Step{5}, trainer.state()));
  REQUIRE(ring.restore(Step{4}, trainer.state()).error().code == Errc::kNotFound);
  TrainerState other = trainer.state();
  other.parameters[1].tensor = other.parameters[0].tensor;
  const Result<Step> restored = ring.restore(Step{5}, other);
  REQUIRE_FALSE(restored);
  REQUIRE(restored.error().message.find("w1") != std::string::npos);
}
