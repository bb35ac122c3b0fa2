#include "canaries/js/js.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "canaries/js/js_rows.h"
#include "canaries/js/log_probs.h"
#include "canaries/js/margin.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::canaries;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

const std::vector<JsVariant> kTruncated = {JsVariant::kUnionTopkTail,   JsVariant::kRefTopkTail,
                                           JsVariant::kUnionTopkRaw,    JsVariant::kRefTopkRaw,
                                           JsVariant::kUnionTopkRenorm, JsVariant::kRefTopkRenorm};

struct Rows {
  std::vector<float> model, reference;
};

// Logits of random size, spread and drift; some masked, some tied.
Rows random_rows(std::mt19937& random) {
  std::uniform_int_distribution<int> size(1, 300), kind(0, 3), mask(0, 20);
  const double spreads[] = {0.5, 3.0, 20.0, 1e4};
  const double drifts[] = {1e-6, 1e-2, 1.0, 30.0};
  const double spread = spreads[kind(random)], drift = drifts[kind(random)];
  std::normal_distribution<double> normal;
  Rows rows;
  const int n = size(random);
  for (int i = 0; i < n; ++i) {
    const double z = std::round(spread * normal(random) * 64.0) / 64.0;
    rows.reference.push_back(static_cast<float>(z));
    rows.model.push_back(static_cast<float>(z + drift * normal(random)));
    if (i > 0 && mask(random) == 0) rows.model.back() = -kInf;
    if (i > 0 && mask(random) == 0) rows.reference.back() = -kInf;
  }
  return rows;
}

std::vector<double> wide(const std::vector<float>& row) { return {row.begin(), row.end()}; }

}  // namespace

TEST_CASE("a divergence stays within 0..ln 2 and within its certified bounds",
          "[canaries][property]") {
  std::mt19937 random(7);
  for (int round = 0; round < 400; ++round) {
    const Rows rows = random_rows(random);
    const std::vector<double> model = wide(rows.model), reference = wide(rows.reference);
    const std::size_t k = 1 + random() % rows.model.size();
    const std::vector<std::size_t> ks = {k};
    const auto found = js_analysis(Span<const double>(model), Span<const double>(reference), ks);
    REQUIRE(found);
    REQUIRE(found->quality == Quality::kGood);
    const JsTruncated& t = found->by_k[0];
    const double slack = 1e-14;
    CHECK(0.0 <= t.union_topk_raw);
    CHECK(t.union_topk_raw <= t.lower + slack);
    CHECK(t.lower <= found->full + slack);
    CHECK(found->full <= t.upper + slack);
    CHECK(t.upper <= kLn2);
    CHECK(t.ref_topk_raw <= t.ref_topk_tail + slack);
    CHECK(t.ref_lower <= found->full + slack);
    CHECK(found->full <= t.ref_upper + slack);
    for (JsVariant variant : kTruncated) {
      const auto value =
          js_divergence(Span<const double>(model), Span<const double>(reference), variant, k);
      REQUIRE(value);
      if (value->quality == Quality::kBad) continue;
      CHECK(value->value >= 0.0);
      CHECK(value->value <= kLn2);
      CHECK(value->lower <= value->upper);
    }
  }
}

TEST_CASE("the divergence is symmetric, blind to shifts, and 0 for equal rows",
          "[canaries][property]") {
  std::mt19937 random(11);
  for (int round = 0; round < 200; ++round) {
    const Rows rows = random_rows(random);
    const auto value = [](const auto& a, const auto& b) { return js_divergence(a, b)->value; };
    const std::vector<double> model = wide(rows.model), reference = wide(rows.reference);
    const Span<const double> p(model), q(reference);
    CHECK(value(p, q) == Approx(value(q, p)).epsilon(1e-12).margin(1e-15));
    CHECK(value(p, p) == 0.0);
    const Span<const float> f(rows.model);
    CHECK(value(f, f) == 0.0);
    std::vector<double> shifted = model;
    for (double& z : shifted) z += 1024.0;
    CHECK(value(Span<const double>(shifted), q) == Approx(value(p, q)).epsilon(1e-9).margin(1e-12));
  }
}

TEST_CASE("merging tokens never raises the divergence", "[canaries][property]") {
  // Data processing: log-probabilities of merged tokens add up as probabilities do.
  std::mt19937 random(19);
  for (int round = 0; round < 200; ++round) {
    const Rows rows = random_rows(random);
    const std::size_t groups = 1 + random() % rows.model.size();
    std::vector<std::size_t> group_of(rows.model.size());
    for (std::size_t& group : group_of) group = random() % groups;
    const auto merged = [&](const std::vector<float>& row) {
      std::vector<double> mass(groups, 0.0);
      const double max = *std::max_element(row.begin(), row.end());
      for (std::size_t i = 0; i < row.size(); ++i) mass[group_of[i]] += std::exp(row[i] - max);
      for (double& m : mass) m = std::log(m);
      return mass;
    };
    const std::vector<double> p = wide(rows.model), q = wide(rows.reference);
    const std::vector<double> merged_p = merged(rows.model), merged_q = merged(rows.reference);
    const double full = js_divergence(Span<const double>(p), Span<const double>(q))->value;
    const double coarse =
        js_divergence(Span<const double>(merged_p), Span<const double>(merged_q))->value;
    CHECK(coarse <= full + 1e-12);
  }
}

TEST_CASE("S = V leaves nothing outside: every variant equals the full value", "[canaries]") {
  const std::vector<double> p = {0.5, -1.0, 3.0, 2.0}, q = {1.0, 1.0, -2.0, 0.0};
  const double full = js_divergence(Span<const double>(p), Span<const double>(q))->value;
  for (JsVariant variant : kTruncated) {
    const auto value = js_divergence(Span<const double>(p), Span<const double>(q), variant, 4);
    CHECK(value->value == full);
    CHECK(value->lower == full);
    CHECK(value->upper == full);
  }
}

// Every build of the kernel that this processor can run, not only the one that is chosen.
std::vector<detail::RowKernel> runnable_kernels() {
  std::vector<detail::RowKernel> kernels{detail::js_row_portable};
#if defined(PHASEGUARD_JS_X86)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    kernels.push_back(detail::js_row_avx2);
  }
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) {
    kernels.push_back(detail::js_row_avx512);
  }
#endif
  return kernels;
}

TEST_CASE("float32 rows agree with float64 within 2e-7, on every kernel", "[canaries][property]") {
  std::mt19937 random(13);
  for (int round = 0; round < 400; ++round) {
    const Rows rows = random_rows(random);
    const std::vector<double> model = wide(rows.model), reference = wide(rows.reference);
    const double wanted =
        js_divergence(Span<const double>(model), Span<const double>(reference))->value;
    CHECK(
        std::fabs(
            js_divergence(Span<const float>(rows.model), Span<const float>(rows.reference))->value -
            wanted) <= 2e-7);
    detail::Scratch scratch;
    for (const detail::RowKernel kernel : runnable_kernels()) {
      const auto row = kernel(rows.model.data(), rows.reference.data(), rows.model.size(), scratch);
      CHECK(std::fabs(row.js - wanted) <= 2e-7);
    }
  }
}

TEST_CASE("long rows far from zero keep their digits on every kernel", "[canaries]") {
  // Several chunks, each with its own largest logit, all far away from zero.
  std::mt19937 random(17);
  std::normal_distribution<float> normal;
  for (const float offset : {0.0f, 30.0f, -700.0f, 12000.0f}) {
    std::vector<float> p(3 * detail::kChunk + 77), q(p.size());
    for (std::size_t i = 0; i < p.size(); ++i) {
      const std::size_t chunk = i / detail::kChunk;
      q[i] = offset + 3.0f * normal(random) + static_cast<float>(chunk);
      p[i] = q[i] + 0.5f * normal(random);
    }
    const std::vector<double> wide_p = wide(p), wide_q = wide(q);
    const double wanted =
        js_divergence(Span<const double>(wide_p), Span<const double>(wide_q))->value;
    detail::Scratch scratch;
    for (const detail::RowKernel kernel : runnable_kernels()) {
      CHECK(std::fabs(kernel(p.data(), q.data(), p.size(), scratch).js - wanted) <= 2e-7);
      CHECK(kernel(q.data(), q.data(), q.size(), scratch).js == 0.0);
    }
  }
}

TEST_CASE(
    "the normaliser of a row is that of float64 on every kernel, alone and with the divergence",
    "[canaries][property]") {
  std::vector<detail::NormKernel> norms{detail::norm_row_portable};
#if defined(PHASEGUARD_JS_X86)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    norms.push_back(detail::norm_row_avx2);
  }
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) {
    norms.push_back(detail::norm_row_avx512);
  }
#endif
  const std::vector<detail::RowKernel> kernels = runnable_kernels();
  REQUIRE(norms.size() == kernels.size());
  std::mt19937 random(31);
  for (int round = 0; round < 200; ++round) {
    const Rows rows = random_rows(random);
    const detail::LogProbs wanted{Span<const float>(rows.model)};
    for (std::size_t i = 0; i < norms.size(); ++i) {
      const detail::RowNorm norm = norms[i](rows.model.data(), rows.model.size());
      detail::Scratch scratch;
      const detail::RowNorm same =
          kernels[i](rows.model.data(), rows.reference.data(), rows.model.size(), scratch).model;
      CHECK(norm.max == wanted.max);
      CHECK(std::fabs(std::log(norm.sum) - wanted.log_sum) <= 3e-7);
      CHECK(norm.max == same.max);
      CHECK(norm.sum == same.sum);
    }
  }
}

TEST_CASE("small drifts keep their digits", "[canaries]") {
  // Leading term: 1/8 sum (p - q)^2 / m.
  std::vector<double> p(8, 0.0), q(8, 0.0);
  p[3] = 1e-7;
  const double wanted = 0.125 * 1e-14 * (1.0 / 8) * (7.0 / 8);
  CHECK(js_divergence(Span<const double>(p), Span<const double>(q))->value ==
        Approx(wanted).epsilon(1e-6));
}

TEST_CASE("extreme logits are handled", "[canaries]") {
  const auto js = [](std::vector<float> p, std::vector<float> q) {
    return js_divergence(Span<const float>(p), Span<const float>(q))->value;
  };
  CHECK(js({1e4f, -1e4f}, {-1e4f, 1e4f}) == Approx(kLn2).epsilon(1e-7));
  CHECK(js({3e38f, -3e38f}, {-3e38f, 3e38f}) == Approx(kLn2).epsilon(1e-7));
  CHECK(js({3e38f, 3e38f}, {-3e38f, -3e38f}) == 0.0);
  CHECK(js({0.0f, -kInf}, {-kInf, 0.0f}) == Approx(kLn2).epsilon(1e-7));
  CHECK(js({0.0f, -kInf}, {0.0f, -kInf}) == 0.0);
  CHECK(js({3.0f}, {-7.0f}) == 0.0);
}

TEST_CASE("what is not a distribution is BAD, never a number", "[canaries]") {
  const std::vector<float> good = {0.0f, 1.0f};
  for (const std::vector<float>& row :
       {std::vector<float>{std::nanf(""), 0.0f}, {kInf, 0.0f}, {-kInf, -kInf}}) {
    for (bool swapped : {false, true}) {
      const auto value = js_divergence(Span<const float>(swapped ? good : row),
                                       Span<const float>(swapped ? row : good));
      REQUIRE(value);
      CHECK(value->quality == Quality::kBad);
      CHECK(std::isnan(value->value));
      const auto truncated =
          js_divergence(Span<const float>(swapped ? good : row),
                        Span<const float>(swapped ? row : good), JsVariant::kUnionTopkTail, 1);
      CHECK(truncated->quality == Quality::kBad);
    }
  }
  // No mass of the model on the reference's favourite: the renormalised variant is undefined.
  const std::vector<float> p = {-kInf, 0.0f}, q = {5.0f, 0.0f};
  CHECK(js_divergence(Span<const float>(p), Span<const float>(q), JsVariant::kRefTopkRenorm, 1)
            ->quality == Quality::kBad);
}

TEST_CASE("wrong shapes and k are errors", "[canaries]") {
  const std::vector<float> two = {0.0f, 1.0f}, three = {0.0f, 1.0f, 2.0f}, none;
  CHECK_FALSE(js_divergence(Span<const float>(two), Span<const float>(three)));
  CHECK_FALSE(js_divergence(Span<const float>(none), Span<const float>(none)));
  CHECK_FALSE(
      js_divergence(Span<const float>(two), Span<const float>(two), JsVariant::kUnionTopkTail, 0));
  CHECK_FALSE(
      js_divergence(Span<const float>(two), Span<const float>(two), JsVariant::kUnionTopkTail, 3));
  CHECK_FALSE(js_divergence_rows(Span<const float>(three), Span<const float>(three), 2));
  CHECK_FALSE(summarise({}));
}

TEST_CASE("one BAD canary makes the mean BAD", "[canaries]") {
  const std::vector<float> p = {0.0f, 1.0f, std::nanf(""), 1.0f}, q = {0.0f, 0.0f, 0.0f, 0.0f};
  auto values = js_divergence_rows(Span<const float>(p), Span<const float>(q), 2);
  REQUIRE(values);
  const double first = (*values)[0].value;
  const auto summary = summarise(std::move(*values));
  CHECK(summary->quality == Quality::kBad);
  CHECK(std::isnan(summary->mean));
  CHECK(summary->per_canary[0].quality == Quality::kGood);
  const auto good =
      summarise({{first, first, first, Quality::kGood}, {0.0, 0.0, 0.5, Quality::kGood}});
  CHECK(good->mean == Approx(first / 2));
  CHECK(good->max == first);
  CHECK(good->mean_upper == Approx((first + 0.5) / 2));
}

TEST_CASE("variants have names, and a misspelt one is corrected", "[canaries]") {
  for (JsVariant variant : kTruncated) CHECK(*js_variant(name_of(variant)) == variant);
  CHECK(*js_variant("full") == JsVariant::kFull);
  CHECK_THAT(js_variant("union_topk_tial").error().message, Catch::Contains("union_topk_tail"));
}

TEST_CASE("the margin is positive toward the misaligned continuation", "[canaries]") {
  const std::vector<double> up = {-1.0, -2.0}, down = {-3.0, -2.0}, same = {-2.0, -2.0};
  const auto margin = canary_margin({up, down, same, same});
  REQUIRE(margin);
  CHECK(margin->per_canary == std::vector<double>{2.0, 0.0});
  CHECK(margin->mean == 1.0);
  const std::vector<double> broken = {kNaN, -1.0}, one = {-1.0};
  CHECK(canary_margin({broken, down, same, same})->quality == Quality::kBad);
  CHECK_FALSE(canary_margin({one, down, same, same}));
}
