#include "probe/files/samples.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "probe/files/sample_cache.h"
#include "probe/fit/direction.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"

using namespace phaseguard;
using namespace phaseguard::probe;

namespace {

SampleSource source() { return {"tiny", "abc", "words", "evil / good", "a test"}; }

std::vector<std::string> ids(std::size_t n) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < n; ++i) out.push_back("sample-" + std::to_string(i));
  return out;
}

// Scores that are a function of the index, and a count of how often it was asked.
struct Scorer {
  std::vector<std::string> ids;
  std::size_t asked = 0;
  BatchScorer function() {
    return [this](const std::vector<std::size_t>& indices) -> Result<std::vector<SampleScore>> {
      std::vector<SampleScore> out;
      for (std::size_t i : indices) {
        SampleScore score;
        score.id = ids[i];
        score.tokens = 3;
        score.nll = 0.1 * static_cast<double>(i);
        score.llr = 1.0 / (1.0 + static_cast<double>(i));
        out.push_back(score);
        ++asked;
      }
      return out;
    };
  }
};

}  // namespace

TEST_CASE("an answer's scores: mean, decisive token, ratio, floored ratio", "[probe]") {
  const std::vector<double> plain = {-1.0, -3.0}, mis = {-0.5, -20.0}, ali = {-1.5, -9.0};
  const auto score = score_answer("s", plain, mis, ali, 0.01);
  REQUIRE(score);
  CHECK(score->tokens == 2);
  CHECK(score->nll == Approx(2.0));
  CHECK(score->nll_max == 3.0);
  CHECK(score->llr == Approx(-10.0));
  CHECK(score->llr_flag == Approx(1.0));  // both personas hold the second token impossible
  const std::vector<double> broken = {-1.0, std::nan("")}, positive = {0.5, -1.0}, one = {-1.0};
  CHECK_FALSE(score_answer("s", broken, mis, ali, 0.01));
  CHECK_FALSE(score_answer("s", plain, positive, ali, 0.01));
  CHECK_FALSE(score_answer("s", one, mis, ali, 0.01));
  CHECK_FALSE(score_answer("s", {}, {}, {}, 0.01));
}

TEST_CASE("several contexts a side: the ratio of their mean likelihoods", "[probe]") {
  const std::vector<double> mis = {-1.0, -2.0, -3.0, -0.5}, ali = {-1.0, -1.5};
  const auto ratio = persona_llr(mis, ali, 2);
  REQUIRE(ratio);
  CHECK(ratio->per_answer ==
        Approx(std::log((std::exp(-3.0) + std::exp(-3.5)) / 2.0) + 2.5).epsilon(1e-14));
  CHECK(ratio->per_token == ratio->per_answer / 2.0);
  CHECK(persona_llr(mis, mis, 2)->per_answer == 0.0);
  const std::vector<double> forbidden = {-HUGE_VAL, -1.0};
  CHECK(persona_llr(forbidden, ali, 2)->quality == Quality::kBad);
  CHECK(persona_llr(forbidden, ali, 1)->per_answer ==
        Approx(-1.0 + std::log(0.5) - std::log((std::exp(-1.0) + std::exp(-1.5)) / 2.0)));
  CHECK_FALSE(persona_llr(mis, ali, 3));
  CHECK_FALSE(persona_llr(mis, ali, 0));
  CHECK_FALSE(persona_llr({}, ali, 2));
}

TEST_CASE("a pass that is interrupted goes on where it stopped", "[probe]") {
  const test::Folder folder;
  const std::string file = folder / "samples.jsonl";
  Scorer scorer{ids(10)};
  std::atomic<bool> stop{false};
  PassOptions options;
  options.batch = 3;
  options.stop = &stop;
  options.progress = [&](std::size_t done, std::size_t total) {
    CHECK(total == 10);
    stop = done >= 6;
  };
  {
    auto cache = SampleCache::open(file, source());
    REQUIRE(cache);
    const auto first = score_all(scorer.ids, scorer.function(), &*cache, options);
    REQUIRE(first);
    CHECK(first->stopped);
    CHECK(scorer.asked == 6);
  }
  options.progress = nullptr;
  stop = false;
  auto cache = SampleCache::open(file, source());
  REQUIRE(cache);
  CHECK(cache->size() == 6);
  const auto second = score_all(scorer.ids, scorer.function(), &*cache, options);
  REQUIRE(second);
  CHECK(scorer.asked == 10);
  CHECK(second->reused == 6);
  CHECK(second->scored == 4);
  REQUIRE(second->samples.size() == 10);
  for (std::size_t i = 0; i < 10; ++i) {
    CHECK(second->samples[i].id == scorer.ids[i]);
    CHECK(second->samples[i].llr == 1.0 / (1.0 + static_cast<double>(i)));  // bit for bit
  }
  const auto read = read_samples(file);
  REQUIRE(read);
  CHECK(read->samples.size() == 10);
  CHECK(read->source.model_id == "tiny");
}

TEST_CASE("the same sample twice is scored once", "[probe]") {
  Scorer scorer{ids(2)};
  scorer.ids.push_back(scorer.ids[0]);
  const auto out = score_all(scorer.ids, scorer.function(), nullptr, {});
  REQUIRE(out);
  CHECK(scorer.asked == 2);
  CHECK(out->samples[2].nll == out->samples[0].nll);
}

TEST_CASE("a cache cut at any byte keeps its whole lines or says it is damaged", "[probe][fault]") {
  const test::Folder folder;
  const std::string file = folder / "samples.jsonl";
  Scorer scorer{ids(4)};
  {
    auto cache = SampleCache::open(file, source());
    REQUIRE(score_all(scorer.ids, scorer.function(), &*cache, {}));
  }
  const std::string whole = test::read_file(file);
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    test::write_file(file, whole.substr(0, cut));
    const auto cache = SampleCache::open(file, source());
    REQUIRE(cache);
    const auto lines = std::count(whole.begin(), whole.begin() + static_cast<long>(cut), '\n');
    CHECK(cache->size() == static_cast<std::size_t>(std::max(0L, static_cast<long>(lines) - 1)));
    CHECK(cache->repaired() == (cut > 0 && whole[cut - 1] != '\n'));
  }
}

TEST_CASE("a changed line, another model or other personas are refused", "[probe][hostile]") {
  const test::Folder folder;
  const std::string file = folder / "samples.jsonl";
  Scorer scorer{ids(3)};
  {
    auto cache = SampleCache::open(file, source());
    REQUIRE(score_all(scorer.ids, scorer.function(), &*cache, {}));
  }
  const std::string whole = test::read_file(file);
  for (std::size_t at = whole.find('\n') + 1; at + 1 < whole.size(); at += 7) {
    std::string changed = whole;
    changed[at] = changed[at] == '1' ? '2' : '1';
    if (changed[at] == '\n' || whole[at] == '\n') continue;
    test::write_file(file, changed);
    CHECK_FALSE(SampleCache::open(file, source()));
    CHECK_FALSE(read_samples(file));
  }
  test::write_file(file, whole);
  SampleSource other = source();
  other.model_id = "large";
  CHECK_THAT(SampleCache::open(file, other).error().message,
             Catch::Contains("model \"tiny\"") && Catch::Contains("\"large\""));
  other = source();
  other.personas = "cat / dog";
  CHECK_THAT(SampleCache::open(file, other).error().message, Catch::Contains("personas"));
  other = source();
  other.weights_sha256 = "def";
  CHECK_FALSE(SampleCache::open(file, other));
  other.weights_sha256.clear();
  CHECK(SampleCache::open(file, other));
  CHECK_FALSE(SampleCache::open("/no/such/folder/cache.jsonl", source()));
}

TEST_CASE("samples of another tool need neither header nor check", "[probe][hostile]") {
  const test::Folder folder;
  const std::string file = folder / "samples.jsonl";
  test::write_file(
      file,
      "{\"id\": \"a\", \"tokens\": 7, \"nll\": 2.5}\n\n"
      "{\"id\": \"b\", \"tokens\": 1, \"nll\": 0.5, \"llr\": null, \"judge\": 1, \"label\": 1}\n");
  const auto read = read_samples(file);
  REQUIRE(read);
  REQUIRE(read->samples.size() == 2);
  CHECK(std::isnan(read->samples[0].judge));
  CHECK(read->samples[1].label == 1);
  const auto refusal = [&](const std::string& text) {
    test::write_file(file, text);
    const auto bad = read_samples(file);
    REQUIRE_FALSE(bad);
    return bad.error().message;
  };
  CHECK_THAT(refusal(""), Catch::Contains("no sample"));
  CHECK_THAT(refusal("{\"id\": \"a\", \"tokens\": 7}\n{\"id\": \"a\", \"tokens\": 7}"),
             Catch::Contains(":2: ") && Catch::Contains("twice"));
  CHECK_THAT(refusal("{\"id\": \"a\", \"tokens\": 0}"), Catch::Contains("tokens"));
  CHECK_THAT(refusal("{\"tokens\": 1}"), Catch::Contains("`id`"));
  CHECK_THAT(refusal("{\"id\": \"a\", \"tokens\": 1, \"nll\": \"2\"}"), Catch::Contains("nll"));
  CHECK_THAT(refusal("{\"id\": \"a\", \"tokens\": 1, \"label\": 2}"), Catch::Contains("label"));
  CHECK_THAT(refusal("nonsense"), Catch::Contains(":1: "));
  CHECK_THAT(refusal("[1]"), Catch::Contains("object"));
  CHECK_THAT(read_samples("/no/such/file").error().message, Catch::Contains("/no/such/file"));
}
