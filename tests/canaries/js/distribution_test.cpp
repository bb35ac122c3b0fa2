#include "canaries/js/distribution.h"

#include <cmath>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "canaries/js/log_probs.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::canaries;

namespace {

// Probabilities 1/2, 1/4, 1/8, 1/8 in a shifted order, and their mirror image.
const float kOne = std::log(0.5f), kTwo = std::log(0.25f), kThree = std::log(0.125f);
const std::vector<float> kReference = {kTwo, kOne, kThree, kThree, kThree, kThree, kTwo, kOne};

TokenColumns columns_of(std::size_t k) {
  auto columns = TokenColumns::create(Span<const float>(kReference), 2, k);
  REQUIRE(columns);
  return *columns;
}

std::string error_of(Span<const float> logits, std::size_t canaries, std::size_t k) {
  const auto columns = TokenColumns::create(logits, canaries, k);
  REQUIRE_FALSE(columns);
  return columns.error().message;
}

}  // namespace

TEST_CASE("a distribution is the reference's likeliest tokens and the rest, row by row") {
  const TokenColumns columns = columns_of(2);
  CHECK(columns.columns() == 3);
  const auto now = columns.distribution(Span<const float>(kReference));
  REQUIRE(now);
  CHECK(now->quality == Quality::kGood);
  const std::vector<double> expected = {0.5, 0.25, 0.25, 0.5, 0.25, 0.25};
  REQUIRE(now->rows.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(now->rows[i] == Approx(expected[i]).margin(1e-7));
  }
  CHECK(now->outside == Approx(0.25).margin(1e-7));
}

TEST_CASE("columns stay the reference's tokens when the model prefers others") {
  std::vector<float> model = kReference;
  model[2] = 30.0f;  // the first canary's third token takes everything
  const auto now = columns_of(2).distribution(Span<const float>(model));
  REQUIRE(now);
  CHECK(now->rows[0] < 1e-9);
  CHECK(now->rows[2] == Approx(1.0));
  CHECK(now->outside == Approx((1.0 + 0.25) / 2.0));
}

TEST_CASE("rows of a distribution sum to 1, also over the whole vocabulary") {
  for (const std::size_t k : {1u, 3u, 4u}) {
    const auto now = columns_of(k).distribution(Span<const float>(kReference));
    REQUIRE(now);
    for (std::size_t r = 0; r < 2; ++r) {
      double sum = 0.0;
      for (std::size_t c = 0; c <= k; ++c) sum += now->rows[r * (k + 1) + c];
      CHECK(sum == Approx(1.0).margin(1e-12));
    }
  }
  CHECK(columns_of(4).distribution(Span<const float>(kReference))->outside < 1e-15);
}

TEST_CASE("long rows agree with float64, alone and with the divergence", "[canaries][property]") {
  constexpr std::size_t kCanaries = 3, kVocabulary = 2 * 2048 + 301, kTokens = 16;
  std::mt19937 random(29);
  std::normal_distribution<float> normal(0.0f, 3.0f);
  for (const float offset : {0.0f, 700.0f, -12000.0f, 2e37f}) {
    std::vector<float> reference(kCanaries * kVocabulary), model(reference.size());
    for (std::size_t i = 0; i < reference.size(); ++i) {
      reference[i] = offset + normal(random);
      model[i] = reference[i] + 0.3f * normal(random);
    }
    model[5] = -std::numeric_limits<float>::infinity();
    const Span<const float> p(model), q(reference);
    const auto columns = TokenColumns::create(q, kCanaries, kTokens);
    REQUIRE(columns);
    const auto alone = columns->distribution(p);
    const auto both = columns->compared(p, q);
    const auto js = js_divergence_rows(p, q, kCanaries);
    REQUIRE(alone);
    REQUIRE(both);
    CHECK(alone->rows == both->distribution.rows);
    CHECK(alone->outside == both->distribution.outside);
    for (std::size_t r = 0; r < kCanaries; ++r) {
      CHECK(both->js.per_canary[r].value == (*js)[r].value);
      const detail::LogProbs exact(p.sub(r * kVocabulary, kVocabulary));
      const auto top = detail::top_of(q.sub(r * kVocabulary, kVocabulary), kTokens);
      for (std::size_t i = 0; i < kTokens; ++i) {
        const double wanted = std::exp(exact.at(static_cast<std::size_t>(top[i])));
        CHECK(std::fabs(alone->rows[r * (kTokens + 1) + i] - wanted) <= 3e-7 * wanted);
      }
      CHECK(std::fabs(alone->rows[r * (kTokens + 1) + kTokens] -
                      detail::tail_of(exact, Span<const std::int64_t>(top))) <= 3e-7);
    }
  }
}

TEST_CASE("a bad row of the reference spoils the divergence, not the distribution", "[canaries]") {
  std::vector<float> reference = kReference;
  const auto columns = columns_of(2);
  reference[6] = std::numeric_limits<float>::quiet_NaN();
  const auto both = columns.compared(Span<const float>(kReference), Span<const float>(reference));
  REQUIRE(both);
  CHECK(both->js.quality == Quality::kBad);
  CHECK(both->js.per_canary[0].value == 0.0);
  CHECK(std::isnan(both->js.per_canary[1].value));
  CHECK(both->distribution.quality == Quality::kGood);
  CHECK(both->distribution.outside == Approx(0.25).margin(1e-7));
  const std::vector<float> shorter(4);
  const auto other = columns.compared(Span<const float>(kReference), Span<const float>(shorter));
  REQUIRE_FALSE(other);
  CHECK(other.error().message.find("2 x 4 logits of the reference, found 4") != std::string::npos);
}

TEST_CASE("columns of known tokens", "[canaries]") {
  const auto same = TokenColumns::of({1, 0, 3, 2}, 2, 4);
  REQUIRE(same);
  CHECK(same->distribution(Span<const float>(kReference))->rows ==
        columns_of(2).distribution(Span<const float>(kReference))->rows);
  for (const auto& [tokens, said] : std::vector<std::pair<std::vector<std::int64_t>, std::string>>{
           {{}, "0 tokens for 2 canaries"},
           {{0, 1, 2}, "3 tokens for 2 canaries"},
           {{0, 4}, "token ids of 0..3, found 4"},
           {{-1, 0}, "token ids of 0..3, found -1"}}) {
    const auto refused = TokenColumns::of(tokens, 2, 4);
    REQUIRE_FALSE(refused);
    INFO(refused.error().message);
    CHECK(refused.error().message.find(said) != std::string::npos);
  }
}

TEST_CASE("a model's bad row makes the measurement bad, and only that row NaN") {
  std::vector<float> model = kReference;
  model[5] = std::numeric_limits<float>::quiet_NaN();
  const auto now = columns_of(1).distribution(Span<const float>(model));
  REQUIRE(now);
  CHECK(now->quality == Quality::kBad);
  CHECK(std::isnan(now->outside));
  CHECK(now->rows[0] == Approx(0.5));
  CHECK(std::isnan(now->rows[2]));
  CHECK(std::isnan(now->rows[3]));
}

TEST_CASE("columns that cannot be: the message says what was expected") {
  const Span<const float> whole(kReference);
  CHECK(error_of(whole, 0, 1).find("at least one canary") != std::string::npos);
  CHECK(error_of(whole, 3, 1).find("8 logits for 3 canaries") != std::string::npos);
  CHECK(error_of(whole, 2, 0).find("expected k in 1..4, found 0") != std::string::npos);
  CHECK(error_of(whole, 2, 5).find("expected k in 1..4, found 5") != std::string::npos);
  const std::vector<float> wide(8192, 0.0f);
  CHECK(error_of(Span<const float>(wide), 2, 2048).find("at most 4096, found 2 * 2049") !=
        std::string::npos);
  CHECK(TokenColumns::create(Span<const float>(wide), 2, 2047));
  std::vector<float> bad = kReference;
  bad[4] = std::numeric_limits<float>::infinity();
  CHECK(error_of(Span<const float>(bad), 2, 1).find("canary 1 hold a NaN") != std::string::npos);
  const auto other = columns_of(1).distribution(Span<const float>(wide));
  REQUIRE_FALSE(other);
  CHECK(other.error().message.find("expected 2 x 4 logits, found 8192") != std::string::npos);
}
