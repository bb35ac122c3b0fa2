#include "canaries/js/js_tensor.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <limits>

#include "canaries/js/js_device.h"
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

namespace {

void check_equal(const at::Tensor& p, const at::Tensor& q, JsVariant variant, std::size_t k,
                 double margin) {
  const auto kernel = js_divergence(p, q, variant, k), aten = js_divergence_aten(p, q, variant, k);
  REQUIRE(kernel);
  REQUIRE(aten);
  for (std::size_t i = 0; i < kernel->per_canary.size(); ++i) {
    const JsValue &a = kernel->per_canary[i], &b = aten->per_canary[i];
    CHECK(a.quality == b.quality);
    if (a.quality != Quality::kGood) continue;
    CHECK(b.value == Approx(a.value).margin(margin).epsilon(0));
    CHECK(b.lower == Approx(a.lower).margin(margin).epsilon(0));
    CHECK(b.upper == Approx(a.upper).margin(margin).epsilon(0));
  }
}

constexpr JsVariant kVariants[] = {JsVariant::kFull,         JsVariant::kUnionTopkTail,
                                   JsVariant::kRefTopkTail,  JsVariant::kUnionTopkRaw,
                                   JsVariant::kRefTopkRaw,   JsVariant::kUnionTopkRenorm,
                                   JsVariant::kRefTopkRenorm};

}  // namespace

TEST_CASE("the kernel and the ATen path agree to 2e-7 in every variant", "[canaries][torch]") {
  for (const double noise : {0.0, 1e-4, 0.5, 4.0}) {
    const at::Tensor q = at::randn({6, 997}).mul(3.0), p = q + at::randn({6, 997}) * noise;
    for (const JsVariant variant : kVariants) {
      check_equal(p, q, variant, 16, 2e-7);
      check_equal(p.to(at::kDouble), q.to(at::kDouble), variant, 16, 1e-9);
      check_equal(p.to(at::kBFloat16), q.to(at::kBFloat16), variant, 16, 2e-7);
    }
  }
}

TEST_CASE("the ATen path breaks ties by the lower index and handles what is not finite",
          "[canaries][torch]") {
  const double inf = std::numeric_limits<double>::infinity();
  at::Tensor p = at::zeros({7, 12}), q = at::arange(84).view({7, 12}).remainder(3).to(at::kFloat);
  p[1][2].fill_(-inf);
  q[1][2].fill_(-inf);
  p[2][0].fill_(-inf);
  p[3].fill_(-inf);
  p[4][5].fill_(inf);
  q[5][1].fill_(std::numeric_limits<double>::quiet_NaN());
  p[6] = at::randn({12}) * 1e38;
  for (const JsVariant variant : kVariants) check_equal(p, q, variant, 4, 2e-7);
  CHECK(js_divergence_aten(q, q)->per_canary[0].value == 0.0);
  CHECK_FALSE(js_divergence_aten(p, q, JsVariant::kRefTopkTail, 13));
  CHECK_FALSE(js_divergence_aten(p, at::zeros({7, 11})));
}

TEST_CASE("first-k is the mean over the positions of each canary", "[canaries][torch]") {
  const at::Tensor p = at::randn({2, 3, 50}), q = at::randn({2, 3, 50});
  const auto by_position = js_divergence(p.flatten(0, 1), q.flatten(0, 1));
  const auto first_k = js_divergence_first_k(p, q);
  REQUIRE(first_k);
  REQUIRE(first_k->per_canary.size() == 2);
  const auto& v = by_position->per_canary;
  CHECK(first_k->per_canary[1].value == Approx((v[3].value + v[4].value + v[5].value) / 3));
  CHECK(first_k_name(JsVariant::kFull, 3) == "full_first3");
  at::Tensor bad = p.clone();
  bad[0][2][0].fill_(std::numeric_limits<double>::quiet_NaN());
  const auto broken = js_divergence_first_k(bad, q);
  CHECK(broken->per_canary[0].quality == Quality::kBad);
  CHECK(broken->per_canary[1].quality == Quality::kGood);
  CHECK_FALSE(js_divergence_first_k(p.flatten(0, 1), q.flatten(0, 1)));
}

TEST_CASE("logits on an accelerator stay there and give the same values",
          "[canaries][torch][gpu]") {
  if (!at::hasCUDA()) {
    WARN("skipped: this LibTorch sees no CUDA device");
    return;
  }
  const at::Tensor q = at::randn({24, 4099}).mul(3.0), p = q + at::randn({24, 4099});
  for (const JsVariant variant : kVariants) {
    const auto host = js_divergence(p, q, variant, 64);
    const auto device = js_divergence(p.to(at::kCUDA), q.to(at::kCUDA), variant, 64);
    REQUIRE(device);
    CHECK(device->mean == Approx(host->mean).margin(2e-7).epsilon(0));
  }
}
