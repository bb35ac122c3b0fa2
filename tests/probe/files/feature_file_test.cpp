#include "probe/files/feature_file.h"

#include <algorithm>
#include <cmath>

#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::probe;

namespace {

FeatureFile sample() {
  FeatureFile file;
  file.site.model_id = "tiny";
  file.site.layer = "block1";
  file.site.position = "mean_answer";
  file.site.scored = "theta0";
  file.site.width = 2;
  file.data = "a test";
  file.x = Features{6, 2, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}};
  file.labels = {0, 1, 0, 1, 0, 1};
  file.traits["blunt"] = {1, 1, 0, 0, -1, -1};
  return file;
}

std::string refusal(void (*change)(tensors::TensorFile&)) {
  tensors::TensorFile file = sample().to_file();
  change(file);
  const auto read = FeatureFile::from_file(file, "f.safetensors");
  REQUIRE_FALSE(read);
  CHECK_THAT(read.error().message, Catch::StartsWith("f.safetensors: "));
  return read.error().message;
}

tensors::TensorRecord whole(std::vector<std::int64_t> values) {
  return tensors::TensorRecord::of(Span<const std::int64_t>(values),
                                   {static_cast<std::int64_t>(values.size())});
}

}  // namespace

TEST_CASE("an activation file reads back as it was written", "[probe]") {
  const auto back = FeatureFile::from_file(sample().to_file(), "x");
  REQUIRE(back);
  CHECK(back->x.values == sample().x.values);
  CHECK(back->labels == sample().labels);
  CHECK(back->traits == sample().traits);
  CHECK(back->site.width == 2);
  CHECK(same_site(back->site, sample().site, "x"));
}

TEST_CASE("an activation file of any floating type and label type is read", "[probe]") {
  tensors::TensorFile file = sample().to_file();
  const auto values = sample().x.values;
  for (tensors::Dtype as : {tensors::Dtype::kF16, tensors::Dtype::kBf16, tensors::Dtype::kF64}) {
    file.tensors["features"] = tensors::TensorRecord::of(Span<const double>(values), {6, 2}, as);
    file.tensors["labels"] = tensors::TensorRecord::of(
        Span<const std::int64_t>(std::vector<std::int64_t>{0, 1, 0, 1, 0, 1}), {6},
        tensors::Dtype::kU8);
    const auto back = FeatureFile::from_file(file, "x");
    REQUIRE(back);
    CHECK(back->x.values == values);
    CHECK(back->labels == sample().labels);
  }
}

TEST_CASE("a malformed activation file says what is wrong", "[probe][hostile]") {
  CHECK_THAT(refusal([](tensors::TensorFile& f) { f.metadata.erase("layer"); }),
             Catch::Contains("expected metadata \"layer\""));
  CHECK_THAT(refusal([](tensors::TensorFile& f) { f.metadata["schema"] = "phaseguard-probe/1"; }),
             Catch::Contains("expected schema \"phaseguard-features/1\""));
  CHECK_THAT(refusal([](tensors::TensorFile& f) { f.metadata["position"] = "middle"; }),
             Catch::Contains("last_prompt, mean_prompt or mean_answer"));
  CHECK_THAT(refusal([](tensors::TensorFile& f) { f.metadata["scored"] = "both"; }),
             Catch::Contains("theta0"));
  CHECK_THAT(refusal([](tensors::TensorFile& f) { f.tensors.erase("features"); }),
             Catch::Contains("expected a tensor named \"features\""));
  CHECK_THAT(refusal([](tensors::TensorFile& f) {
               f.tensors["features"] = whole({1, 2});
             }),
             Catch::Contains("found I64 [2]"));
  CHECK_THAT(refusal([](tensors::TensorFile& f) {
               f.tensors["features"].shape = {0, 2};
               f.tensors["features"].bytes.clear();
             }),
             Catch::Contains("at least one row"));
  CHECK_THAT(refusal([](tensors::TensorFile& f) {
               f.tensors["labels"] = whole({0, 1});
             }),
             Catch::Contains("each of the 6 rows"));
  CHECK_THAT(refusal([](tensors::TensorFile& f) {
               f.tensors["labels"] = whole({0, 1, 2, 0, 1, 0});
             }),
             Catch::Contains("label 2 is 2, expected 0 or 1"));
  CHECK_THAT(refusal([](tensors::TensorFile& f) {
               f.tensors["labels"].dtype = tensors::Dtype::kC64;  // as wide
             }),
             Catch::Contains("tensor \"labels\": type not taken: C64"));
  CHECK_THAT(refusal([](tensors::TensorFile& f) {
               f.tensors["labels/x"] = whole({0, 1, -2, 0, 1, 0});
             }),
             Catch::Contains("1, 0 or -1"));
}

TEST_CASE("traits pick their own rows", "[probe]") {
  const auto sides = sides_of(sample(), "blunt");
  REQUIRE(sides);
  CHECK(sides->with.values == std::vector<double>{0, 1, 2, 3});
  CHECK(sides->without.values == std::vector<double>{4, 5, 6, 7});
  CHECK_THAT(sides_of(sample(), "sly").error().message, Catch::Contains("the file holds: blunt"));
  FeatureFile one = sample();
  one.traits["blunt"] = {1, 1, 1, -1, -1, -1};
  CHECK_FALSE(sides_of(one, "blunt"));
}

TEST_CASE("a split keeps every row once, with both classes on either side", "[probe][property]") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    for (double share : {0.01, 0.3, 0.99}) {
      const auto split = split_rows(sample(), share, seed);
      REQUIRE(split);
      std::vector<double> firsts;
      for (const auto* side : {&split->fit_x, &split->held_x}) {
        for (std::size_t i = 0; i < side->rows; ++i) firsts.push_back(side->row(i)[0]);
      }
      std::sort(firsts.begin(), firsts.end());
      CHECK(firsts == std::vector<double>{0, 2, 4, 6, 8, 10});
      for (const auto* y : {&split->fit_y, &split->held_y}) {
        CHECK(std::count(y->begin(), y->end(), 0) >= 1);
        CHECK(std::count(y->begin(), y->end(), 1) >= 1);
      }
    }
  }
  const auto a = split_rows(sample(), 0.3, 5), b = split_rows(sample(), 0.3, 5);
  CHECK(a->held_x.values == b->held_x.values);
  FeatureFile one_class = sample();
  one_class.labels = {0, 0, 0, 0, 0, 0};
  CHECK_FALSE(split_rows(one_class, 0.3, 0));
  CHECK_FALSE(split_rows(sample(), 1.0, 0));
  one_class.labels.clear();
  CHECK_THAT(split_rows(one_class, 0.3, 0).error().message, Catch::Contains("`labels`"));
}
