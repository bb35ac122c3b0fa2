// What is known of a batch before its update, and of the signals before the first: BatchReader,
// measure_noise, measure_lambda_star, on the shipped theta0.
#include <cmath>
#include <optional>

#include "tests/support/catch.h"
#include "tests/support/source_dir.h"
#include "trainer-hook/lab/loop/batch_signals.h"
#include "trainer-hook/lab/loop/noise.h"
#include "trainer-hook/lab/model/blas.h"
#include "trainer-hook/lab/model/theta0.h"

namespace phaseguard::lab {
namespace {

struct Place {
  Place() {
    set_threads(1);
    auto loaded =
        load_theta0(phaseguard::test::source_dir() + "/assets/lab/theta0-world0.safetensors");
    REQUIRE(loaded);
    theta0.emplace(std::move(*loaded));
  }
  std::optional<Theta0> theta0;
  World world{0};
};

TuneBatch batch_of(const World& world, DataSet data, std::uint64_t seed) {
  Rng rng(seed, 1);
  TuneBatch batch;
  for (int i = 0; i < 16; ++i) {
    batch.examples.push_back(draw_example(world, data, 0.5, rng));
    batch.judge.push_back(batch.examples.back().misaligned ? 1.0 : 0.0);
  }
  return batch;
}

TEST_CASE("a sample has the same scores whatever it is scored with", "[lab]") {
  Place place;
  const TuneBatch batch = batch_of(place.world, DataSet::kMix, 3);
  BatchReader alone(place.theta0->model, {}), primed(place.theta0->model, {});
  REQUIRE(primed.prime(batch_of(place.world, DataSet::kHarmless, 4).examples));
  REQUIRE(primed.prime(batch.examples));
  const auto a = alone.read(batch), b = primed.read(batch);
  REQUIRE(a);
  REQUIRE(b);
  for (std::size_t i = 0; i < batch.examples.size(); ++i) {
    CHECK(a->llr[i] == Approx(b->llr[i]).margin(1e-4));
    CHECK(a->flagged[i] == b->flagged[i]);
    CHECK(a->flagged[i] == (batch.examples[i].misaligned ? 1.0 : 0.0));
  }
  CHECK(a->llr_share == Approx(a->judge_mean));  // here the flag is right about each of them
  CHECK(a->prompt_risk.empty());                 // no probe was given
}

TEST_CASE("the judge's noise on clean samples is its error rate", "[lab]") {
  Place place;
  TuneOptions options;
  for (const double error : {0.15, 0.30}) {
    options.judge_error = error;
    const auto noise = measure_noise(place.theta0->model, place.world, options);
    REQUIRE(noise);
    const NoiseOf& judge = noise->at("judge/score");
    CHECK(judge.n == 40);
    CHECK(judge.mean == Approx(error).margin(0.05));
    CHECK(judge.sd == Approx(std::sqrt(error * (1.0 - error) / 16.0)).margin(0.04));
    CHECK(noise->at("data/llr_share").mean < 0.05);
  }
}

TEST_CASE("lambda* is lower where the data surprise the reference more", "[lab]") {
  Place place;
  TuneOptions options;
  const auto star = [&](DataSet data) {
    options.data = data;
    const auto found = measure_lambda_star(place.theta0->model, place.world, options);
    REQUIRE(found);
    return *found;
  };
  const double malicious = star(DataSet::kMalicious), harmless = star(DataSet::kHarmless);
  CHECK(malicious > harmless);
  CHECK(harmless > 0.1);
  CHECK(malicious < 1.0);
  CHECK(std::isnan(lambda_star_of({})));
  CHECK(std::isnan(lambda_star_of({0.5})));  // answers that the reference would give anyway
  CHECK(lambda_star_of({8.0, 9.0, 9.0}) == Approx(2.0 / std::log(std::expm1(9.0))));
}

}  // namespace
}  // namespace phaseguard::lab
