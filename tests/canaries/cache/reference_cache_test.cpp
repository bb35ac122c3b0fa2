#include "canaries/cache/reference_cache.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>

#include "monitor/tensors/safetensors.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"

using namespace phaseguard;
using namespace phaseguard::canaries;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kRows = 3, kVocabulary = 500;

ReferenceId some_id() {
  return {"org/model@1", "weights", "tokenizer", "canaries", "prompts", "float32"};
}

std::vector<float> logits(unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, 3.0f);
  std::vector<float> z(kRows * kVocabulary);
  for (float& v : z) v = normal(random);
  return z;
}

ReferenceCache cache_of(const std::vector<float>& z, std::size_t k) {
  auto cache = ReferenceCache::create(some_id(), {"a", "b", "c"}, Span<const float>(z), k);
  REQUIRE(cache);
  return *cache;
}

}  // namespace

TEST_CASE("a cache gives what both rows of logits give, before and after it was on disk",
          "[canaries]") {
  const std::vector<float> reference = logits(1), model = logits(2);
  const test::Folder folder;
  const std::string file = folder / "round.safetensors";
  for (const std::size_t k : {std::size_t{0}, std::size_t{1}, std::size_t{64}, kVocabulary}) {
    const ReferenceCache made = cache_of(reference, k);
    REQUIRE(made.save(file));
    const auto loaded = ReferenceCache::load(file, some_id());
    REQUIRE(loaded);
    CHECK(loaded->k() == k);
    CHECK(loaded->canary_ids() == made.canary_ids());
    const auto wanted = js_divergence_rows(Span<const float>(model), Span<const float>(reference),
                                           kRows, made.variant(), k == 0 ? 1 : k);
    const auto got = loaded->compare(Span<const float>(model));
    REQUIRE(wanted);
    REQUIRE(got);
    for (std::size_t r = 0; r < kRows; ++r) {
      CHECK(got->per_canary[r].value == Approx((*wanted)[r].value).margin(1e-12));
      CHECK(got->per_canary[r].lower == Approx((*wanted)[r].lower).margin(1e-12));
      CHECK(got->per_canary[r].upper == Approx((*wanted)[r].upper).margin(1e-12));
      CHECK(got->per_canary[r].value ==
            made.compare(Span<const float>(model))->per_canary[r].value);
    }
  }
}

TEST_CASE("the reference itself measures exactly 0", "[canaries]") {
  const std::vector<float> reference = logits(3);
  for (const std::size_t k : {std::size_t{0}, std::size_t{16}}) {
    CHECK(cache_of(reference, k).compare(Span<const float>(reference))->max == 0.0);
  }
}

TEST_CASE("a model that is not finite is BAD against a cache too", "[canaries]") {
  std::vector<float> model = logits(4);
  model[kVocabulary + 7] = std::numeric_limits<float>::quiet_NaN();
  for (const std::size_t k : {std::size_t{0}, std::size_t{16}}) {
    const auto got = cache_of(logits(5), k).compare(Span<const float>(model));
    REQUIRE(got);
    CHECK(got->quality == Quality::kBad);
    CHECK(got->per_canary[0].quality == Quality::kGood);
    CHECK(std::isnan(got->per_canary[1].value));
  }
}

TEST_CASE("a cache of another reference is refused, every difference named",
          "[canaries][hostile]") {
  const test::Folder folder;
  const std::string file = folder / "other.safetensors";
  REQUIRE(cache_of(logits(6), 8).save(file));
  ReferenceId other = some_id();
  other.canaries = "another digest";
  other.tokenizer = "another template";
  const auto refused = ReferenceCache::load(file, other);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::kConflict);
  CHECK_THAT(refused.error().message,
             Catch::Contains("canaries: expected \"another digest\", found \"canaries\"") &&
                 Catch::Contains("tokenizer"));
  CHECK_THAT(refused.error().message, !Catch::Contains("weights:"));
}

TEST_CASE("what cannot be a cache is an error, not a number", "[canaries][hostile]") {
  const std::vector<float> z = logits(7);
  const Span<const float> all(z);
  CHECK_FALSE(ReferenceCache::create(some_id(), {}, all));
  CHECK_FALSE(ReferenceCache::create(some_id(), {"a", "b", "c", "d", "e", "f", "g"}, all));
  CHECK_THAT(
      ReferenceCache::create(some_id(), {"a", "b", "c"}, all, kVocabulary + 1).error().message,
      Catch::Contains("1..500"));
  ReferenceId nameless = some_id();
  nameless.weights.clear();
  CHECK_THAT(ReferenceCache::create(nameless, {"a", "b", "c"}, all).error().message,
             Catch::Contains("\"weights\""));
  std::vector<float> bad = z;
  for (std::size_t i = 0; i < kVocabulary; ++i) bad[i] = -std::numeric_limits<float>::infinity();
  CHECK_THAT(
      ReferenceCache::create(some_id(), {"a", "b", "c"}, Span<const float>(bad)).error().message,
      Catch::Contains("\"a\""));
  CHECK_THAT(cache_of(z, 0).compare(Span<const float>(z.data(), 10)).error().message,
             Catch::Contains("[3, 500]"));
}

TEST_CASE("a damaged cache file is refused", "[canaries][hostile]") {
  const test::Folder folder;
  const std::string file = folder / "damaged.safetensors";
  REQUIRE(cache_of(logits(8), 4).save(file));
  auto content = tensors::load_safetensors(file);
  REQUIRE(content);
  const auto refused = [&](const tensors::TensorFile& changed) {
    REQUIRE(tensors::save_safetensors(changed, file));
    return !ReferenceCache::load(file, some_id()).has_value();
  };
  tensors::TensorFile changed = *content;
  changed.metadata["format"] = "something";
  CHECK(refused(changed));
  changed = *content;
  changed.tensors.erase("tail");
  CHECK(refused(changed));
  changed = *content;
  changed.metadata["vocabulary"] = "3";  // ids point outside it
  CHECK(refused(changed));
  changed = *content;
  changed.metadata["canary_ids"] = "[\"a\"]";
  CHECK(refused(changed));
  changed = *content;
  changed.metadata["canary_ids"] = "[1, 2";
  CHECK(refused(changed));
  { std::ofstream(file) << "no safetensors at all"; }
  CHECK_FALSE(ReferenceCache::load(file, some_id()));
  CHECK_FALSE(ReferenceCache::load(file, some_id()));
}
