#include "canaries/js_tensor.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <limits>

#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::canaries;

TEST_CASE("tensors of any dtype and stride give the value of their rows", "[canaries][torch]") {
  const at::Tensor p = at::randn({5, 301}).mul(3.0), q = at::randn({5, 301});
  const auto wanted = js_divergence(p.to(at::kDouble), q.to(at::kDouble));
  REQUIRE(wanted);
  CHECK(js_divergence(p, q)->mean == Approx(wanted->mean).margin(2e-7));
  // Not contiguous: every second column of a wider tensor, and a transpose.
  const at::Tensor wide = at::empty({5, 602});
  wide.slice(1, 0, 602, 2).copy_(p);
  CHECK(js_divergence(wide.slice(1, 0, 602, 2), q)->mean == Approx(wanted->mean).margin(2e-7));
  CHECK(js_divergence(p.t().contiguous().t(), q)->mean == Approx(wanted->mean).margin(2e-7));
  const at::Tensor half = p.to(at::kBFloat16);
  CHECK(js_divergence(half, half)->mean == 0.0);
  CHECK(js_divergence(p.to(at::kHalf), q)->mean == Approx(wanted->mean).margin(1e-2));
  REQUIRE(js_divergence(p, q)->per_canary.size() == 5);
}

TEST_CASE("a truncated tensor value publishes its interval", "[canaries][torch]") {
  const at::Tensor p = at::randn({3, 64}), q = at::randn({3, 64});
  const double full = js_divergence(p, q)->mean;
  const auto value = js_divergence(p, q, JsVariant::kUnionTopkTail, 8);
  REQUIRE(value);
  CHECK(value->mean_lower <= full + 2e-7);
  CHECK(full <= value->mean_upper + 2e-7);
}

TEST_CASE("a canary that is not finite makes the mean BAD", "[canaries][torch]") {
  at::Tensor p = at::randn({4, 16});
  p[2][3].fill_(std::numeric_limits<double>::quiet_NaN());
  const auto value = js_divergence(p, at::zeros({4, 16}));
  REQUIRE(value);
  CHECK(value->quality == Quality::kBad);
  CHECK(value->per_canary[2].quality == Quality::kBad);
  CHECK(value->per_canary[1].quality == Quality::kGood);
}

TEST_CASE("wrong tensors are errors with their shapes, not exceptions",
          "[canaries][torch][hostile]") {
  const at::Tensor p = at::zeros({2, 3});
  CHECK_FALSE(js_divergence(p, at::zeros({2, 4})));
  CHECK_FALSE(js_divergence(p, at::zeros({3})));
  CHECK_FALSE(js_divergence(p.to(at::kLong), p.to(at::kLong)));
  CHECK_FALSE(js_divergence(at::zeros({0, 3}), at::zeros({0, 3})));
  CHECK_FALSE(js_divergence(at::Tensor(), p));
  CHECK_FALSE(js_divergence(p, p, JsVariant::kRefTopkTail, 4));
  CHECK_THAT(js_divergence(p, at::zeros({2, 4})).error().message, Catch::Contains("[2, 4]"));
}

TEST_CASE("the last unmasked position is taken, whichever side the padding is on",
          "[canaries][torch]") {
  const at::Tensor logits = at::arange(24, at::kFloat).view({2, 4, 3});
  at::Tensor attention = at::zeros({2, 4}, at::kLong);
  attention[0].slice(0, 0, 2).fill_(1);  // padded right: position 1
  attention[1].slice(0, 2, 4).fill_(1);  // padded left: position 3
  const auto rows = last_unmasked(logits, attention);
  REQUIRE(rows);
  CHECK((*rows)[0].equal(logits[0][1]));
  CHECK((*rows)[1].equal(logits[1][3]));
  attention[1].fill_(0);
  CHECK_FALSE(last_unmasked(logits, attention));
  CHECK_FALSE(last_unmasked(logits, at::zeros({2, 5})));
}
