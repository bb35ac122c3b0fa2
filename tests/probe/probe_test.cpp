#include "probe/probe.h"

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>

#include "probe/files/direction_set.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"

using namespace phaseguard;
using namespace phaseguard::probe;

namespace {

constexpr std::size_t kWidth = 5;

Site site() {
  Site site;
  site.model_id = "tiny";
  site.weights_sha256 = "abc";
  site.layer = "block1";
  site.position = "last_prompt";
  site.scored = "theta0";
  site.width = kWidth;
  return site;
}

struct Data {
  Features x;
  std::vector<std::uint8_t> y;
};
Data data(unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  Data out;
  std::vector<double> values;
  for (std::size_t i = 0; i < 80; ++i) {
    out.y.push_back(i % 2);
    for (std::size_t j = 0; j < kWidth; ++j)
      values.push_back(normal(random) + (i % 2 != 0 ? 1.0 : 0.0));
  }
  out.x = *make_features(Span<const double>(values), 80, kWidth);
  return out;
}

ActivationProbe fitted() {
  const Data train = data(1), held = data(2);
  auto probe = ActivationProbe::fit(train.x, train.y, held.x, held.y, site());
  REQUIRE(probe);
  return *probe;
}

}  // namespace

TEST_CASE("a probe separates, is calibrated on held-out data and survives the disk", "[probe]") {
  const ActivationProbe probe = fitted();
  CHECK(probe.held_out().auroc > 0.8);
  CHECK(probe.held_out().auroc_lower <= probe.held_out().auroc);
  CHECK(probe.held_out().n_negative == 40);
  const test::Folder folder;
  const std::string file = folder / "probe.safetensors";
  REQUIRE(probe.save(file));
  const auto back = ActivationProbe::load(file, site());
  REQUIRE(back);
  const Data held = data(2);
  const auto before = probe.score(held.x), after = back->score(held.x);
  CHECK(*before == *after);  // bit for bit
  CHECK(back->threshold() == probe.threshold());
  std::size_t alarms = 0;
  for (std::size_t i = 0; i < 80; ++i)
    alarms += held.y[i] == 0 && (*before)[i] > probe.threshold() ? 1 : 0;
  CHECK(alarms <= 2);  // 5 % of 40
  for (double risk : *before) CHECK((risk >= 0.0 && risk <= 1.0));
}

TEST_CASE("a row that is not finite scores NaN, a wrong width is refused", "[probe]") {
  const ActivationProbe probe = fitted();
  std::vector<float> h(2 * kWidth, 0.5f);
  h[1] = std::nanf("");
  const auto risks = probe.score(Span<const float>(h), 2);
  REQUIRE(risks);
  CHECK(std::isnan((*risks)[0]));
  CHECK(std::isfinite((*risks)[1]));
  CHECK_FALSE(probe.score(Span<const float>(h), 3));
  const Features narrow{1, 3, {1, 2, 3}};
  CHECK_THAT(probe.score(narrow).error().message, Catch::Contains("width 5 of layer \"block1\""));
}

TEST_CASE("a probe of another place is refused by name", "[probe]") {
  const test::Folder folder;
  const std::string file = folder / "probe.safetensors";
  REQUIRE(fitted().save(file));
  const auto refusal = [&](auto change) {
    Site other = site();
    change(other);
    const auto loaded = ActivationProbe::load(file, other);
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().code == Errc::kRefused);
    return loaded.error().message;
  };
  CHECK_THAT(refusal([](Site& s) { s.model_id = "large"; }),
             Catch::Contains("model \"tiny\"") && Catch::Contains("\"large\""));
  CHECK_THAT(refusal([](Site& s) { s.weights_sha256 = "def"; }), Catch::Contains("weights"));
  CHECK_THAT(refusal([](Site& s) { s.layer = "block0"; }), Catch::Contains("layer"));
  CHECK_THAT(refusal([](Site& s) { s.width = 6; }), Catch::Contains("width"));
  CHECK_THAT(refusal([](Site& s) { s.position = "mean_answer"; }), Catch::Contains("position"));
  CHECK_THAT(refusal([](Site& s) { s.scored = "theta"; }), Catch::Contains("scored object"));
  Site unknown = site();
  unknown.weights_sha256.clear();
  CHECK(ActivationProbe::load(file, unknown));
}

TEST_CASE("a corrupt probe file gets one clear message", "[probe][hostile]") {
  const tensors::TensorFile good = fitted().to_file();
  const auto message = [&](auto change) {
    tensors::TensorFile file = good;
    change(file);
    const auto probe = ActivationProbe::from_file(file, "p");
    REQUIRE_FALSE(probe);
    return probe.error().message;
  };
  CHECK_THAT(message([](tensors::TensorFile& f) { f.metadata.erase("bias"); }),
             Catch::Contains("expected metadata \"bias\""));
  CHECK_THAT(message([](tensors::TensorFile& f) { f.metadata["bias"] = "much"; }),
             Catch::Contains("\"much\""));
  CHECK_THAT(message([](tensors::TensorFile& f) { f.metadata["schema"] = "phaseguard-probe/9"; }),
             Catch::Contains("expected schema"));
  CHECK_THAT(message([](tensors::TensorFile& f) { f.metadata["width"] = "6"; }),
             Catch::Contains("width 6"));
  CHECK_THAT(message([](tensors::TensorFile& f) { f.tensors.erase("weights"); }),
             Catch::Contains("expected a tensor named \"weights\""));
  CHECK_THAT(message([](tensors::TensorFile& f) {
               std::vector<double> v(kWidth, std::nan(""));
               f.tensors["weights"] = tensors::TensorRecord::of(Span<const double>(v), {kWidth});
             }),
             Catch::Contains("not finite"));
  const test::Folder folder;
  const std::string file = folder / "probe.safetensors";
  std::ofstream(file) << "not a probe";
  CHECK_THAT(ActivationProbe::load(file, site()).error().message,
             Catch::Contains("not a valid safetensors file"));
}

TEST_CASE("several directions measure drift at once and survive the disk", "[probe]") {
  const Features trait{1, kWidth, {3, 0, 4, 0, 0}}, other{1, kWidth, {0, 0, 0, 0, 0}};
  const Features second{1, kWidth, {0, 2, 0, 0, 0}};
  auto misaligned = TraitDirection::fit(trait, other, "misaligned", site());
  auto verbose = TraitDirection::fit(second, other, "verbose", site());
  REQUIRE(misaligned);
  REQUIRE(verbose);
  const auto set = DirectionSet::make({*misaligned, *verbose});
  REQUIRE(set);
  CHECK(set->cosine(0, 1) == Approx(0.0));
  CHECK(set->cosine(0, 0) == Approx(1.0));
  const test::Folder folder;
  const std::string file = folder / "probe.safetensors";
  REQUIRE(set->save(file));
  const auto back = DirectionSet::load(file, site());
  REQUIRE(back);
  const Features before{2, kWidth, {0, 0, 0, 0, 0, 6, 0, 8, 0, 0}},
      now{2, kWidth, {3, 7, 4, 0, 0, 9, 7, 12, 0, 0}};
  const auto drift = back->drift(before, now);
  REQUIRE(drift);
  REQUIRE(drift->size() == 2);
  CHECK((*drift)[0].trait == "misaligned");
  CHECK((*drift)[0].drift.drift == Approx(5.0));
  CHECK(*(*drift)[0].drift.drift_in_sd == Approx(1.0));
  CHECK((*drift)[1].drift.drift == Approx(7.0));
  CHECK_FALSE((*drift)[1].drift.drift_in_sd);  // the reference does not vary along it
  Features broken = now;
  broken.values[1] = std::nan("");
  CHECK((*back->drift(before, broken))[1].drift.quality == Quality::kBad);
  CHECK_FALSE(TraitDirection::fit(trait, trait, "none", site()));
  CHECK_FALSE(DirectionSet::make({*misaligned, *misaligned}));
  CHECK_FALSE(DirectionSet::make({}));
  CHECK_FALSE(ActivationProbe::load(file, site()));  // directions are not a probe
  Site elsewhere = site();
  elsewhere.layer = "block0";
  CHECK_THAT(DirectionSet::load(file, elsewhere).error().message, Catch::Contains("layer"));
}

TEST_CASE("calibration by temperature, refused held-out data, bad rows", "[probe]") {
  const Data train = data(1), held = data(2);
  ProbeOptions options;
  options.calibration = CalibrationMethod::kTemperature;
  const auto probe = ActivationProbe::fit(train.x, train.y, held.x, held.y, site(), options);
  REQUIRE(probe);
  CHECK(probe->calibration().intercept == 0.0);
  CHECK(probe->calibration().slope > 0.0);
  CHECK(probe->held_out().resamples == 1000);
  CHECK(probe->held_out().auprc_lower <= probe->held_out().auprc);
  const auto back = ActivationProbe::from_file(probe->to_file(), "x");
  REQUIRE(back);
  CHECK(back->calibration().method == CalibrationMethod::kTemperature);
  CHECK(back->to_file().metadata == probe->to_file().metadata);
  CHECK_THAT(
      ActivationProbe::fit(train.x, train.y, train.x, train.y, site(), options).error().message,
      Catch::Contains("held-out data are the fitting data"));
  CHECK_FALSE(probe->score(Features{0, kWidth, {}}));
  CHECK_FALSE(probe->score(Span<const float>(), 0));
}
