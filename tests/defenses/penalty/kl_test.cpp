#include "trainer-hook/defenses/penalty/kl.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <limits>

#include "tests/support/catch.h"
#include "trainer-hook/defenses/penalty/self_test.h"

using namespace phaseguard;
using namespace phaseguard::defenses;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr auto kBoth = {KlDirection::kModelRef, KlDirection::kRefModel};

at::Tensor leaf(const at::Tensor& tensor) {
  return tensor.detach().clone().set_requires_grad(true);
}

at::Tensor gradient(const at::Tensor& value, const at::Tensor& at) {
  return torch::autograd::grad({value}, {at}, {}, true, false, true)[0];
}

struct Batch {
  at::Tensor model = leaf(at::randn({3, 4, 6}, at::kDouble));
  at::Tensor reference = at::randn({3, 4, 6}, at::kDouble);
  at::Tensor mask = at::ones({3, 4}, at::kDouble);
  Batch() {
    mask[0].slice(0, 1, 4).fill_(0);  // lengths differ: 1, 3 and 4 positions
    mask[1].slice(0, 3, 4).fill_(0);
  }
};

}  // namespace

TEST_CASE("gradients match finite differences in float64", "[defenses][torch]") {
  const Batch batch;
  const at::Tensor weights = at::rand({3}, at::kDouble);
  for (KlDirection direction : kBoth) {
    const auto penalty = kl_weighted(batch.model, batch.reference, batch.mask, weights, direction);
    REQUIRE(penalty);
    const at::Tensor exact = gradient(penalty->value, batch.model).flatten();
    const double h = 1e-6;
    for (std::int64_t i = 0; i < exact.numel(); ++i) {
      const auto at = [&](double step) {
        at::Tensor moved = batch.model.detach().clone();
        moved.flatten()[i] += step;
        return kl_weighted(moved, batch.reference, batch.mask, weights, direction)->measured;
      };
      REQUIRE(exact[i].item<double>() == Approx((at(h) - at(-h)) / (2 * h)).margin(1e-8));
    }
  }
}

TEST_CASE("one batch and its micro-batches give the same value and gradient", "[defenses][torch]") {
  const Batch batch;
  const auto n = batch.mask.sum().item<std::int64_t>();
  for (KlDirection direction : kBoth) {
    const auto whole = kl_token_mean(batch.model, batch.reference, batch.mask, direction);
    double value = 0.0;
    at::Tensor sum = at::zeros({3, 4, 6}, at::kDouble);
    for (std::int64_t i = 0; i < 3; ++i) {
      const auto part =
          kl_token_mean(batch.model.slice(0, i, i + 1), batch.reference.slice(0, i, i + 1),
                        batch.mask.slice(0, i, i + 1), direction, n);
      REQUIRE(part);
      value += part->measured;
      sum = sum + gradient(part->value, batch.model);
    }
    CHECK(value == Approx(whole->measured).epsilon(1e-13));
    CHECK(sum.allclose(gradient(whole->value, batch.model), 1e-12, 1e-15));
    CHECK(whole->per_sample.detach().mean().item<double>() ==
          Approx(whole->measured).epsilon(1e-13));
  }
}

TEST_CASE("equal rows have no divergence and no gradient", "[defenses][torch]") {
  const at::Tensor z = at::randn({2, 3, 5}, at::kDouble);
  const at::Tensor model = leaf(z);
  for (KlDirection direction : kBoth) {
    const auto penalty = kl_token_mean(model, z, at::ones({2, 3}), direction);
    CHECK(penalty->measured == 0.0);
    CHECK(gradient(penalty->value, model).abs().max().item<double>() <= 1e-16);
  }
  CHECK(*check_reference(model, z) == 0.0);
  CHECK_FALSE(check_reference(model, z + at::randn({2, 3, 5}, at::kDouble)));
}

TEST_CASE("the penalty reaches the model and never the reference", "[defenses][torch]") {
  const Batch batch;
  const at::Tensor reference = leaf(batch.reference);
  const auto penalty = kl_token_mean(batch.model, reference, batch.mask, KlDirection::kModelRef);
  CHECK_FALSE(
      torch::autograd::grad({penalty->value}, {reference}, {}, true, false, true)[0].defined());
  // Unmasked positions have no gradient.
  CHECK(gradient(penalty->value, batch.model)[0].slice(0, 1, 4).abs().max().item<double>() == 0.0);
}

TEST_CASE("tokens masked on both sides contribute 0, on one side they may be BAD",
          "[defenses][torch]") {
  at::Tensor p = at::randn({1, 1, 4}, at::kDouble), q = at::randn({1, 1, 4}, at::kDouble);
  const at::Tensor mask = at::ones({1, 1});
  const auto expected =
      kl_token_mean(p.slice(2, 1, 4), q.slice(2, 1, 4), mask, KlDirection::kModelRef);
  p[0][0][0].fill_(-kInf);
  for (KlDirection direction : kBoth) {
    const at::Tensor both = q.clone();
    both[0][0][0].fill_(-kInf);
    const at::Tensor model = leaf(p);
    const auto penalty = kl_token_mean(model, both, mask, direction);
    REQUIRE(penalty->quality == Quality::kGood);
    CHECK(gradient(penalty->value, model).isfinite().all().item<bool>());
    if (direction == KlDirection::kModelRef)
      CHECK(penalty->measured == Approx(expected->measured).epsilon(1e-12));
  }
  CHECK(kl_token_mean(p, q, mask, KlDirection::kModelRef)->quality == Quality::kGood);
  const auto bad = kl_token_mean(p, q, mask, KlDirection::kRefModel);
  CHECK(bad->quality == Quality::kBad);
  CHECK_FALSE(bad->value.defined());
  CHECK(std::isnan(bad->measured));
  // The same position outside the mask harms nobody, and its gradient does not turn into NaN.
  const at::Tensor two_p = leaf(at::zeros({1, 2, 4}, at::kDouble)),
                   two_q = at::zeros({1, 2, 4}, at::kDouble);
  two_q[0][1][2].fill_(-kInf);
  at::Tensor first = at::zeros({1, 2});
  first[0][0].fill_(1);
  const auto penalty = kl_token_mean(two_p, two_q, first, KlDirection::kModelRef);
  REQUIRE(penalty->quality == Quality::kGood);
  CHECK(gradient(penalty->value, two_p).isfinite().all().item<bool>());
}

TEST_CASE("NaN logits are BAD; no masked position is no value", "[defenses][torch]") {
  at::Tensor p = at::randn({1, 2, 4});
  const at::Tensor q = at::randn({1, 2, 4}), mask = at::ones({1, 2});
  const auto none = kl_token_mean(p, q, at::zeros({1, 2}), KlDirection::kModelRef);
  CHECK(none->quality == Quality::kBad);
  CHECK(none->n_positions == 0);
  CHECK_FALSE(none->value.defined());
  p[0][0][0].fill_(std::nan(""));
  CHECK(kl_token_mean(p, q, mask, KlDirection::kModelRef)->quality == Quality::kBad);
}

TEST_CASE("half and bfloat16 logits are computed in float32", "[defenses][torch]") {
  const at::Tensor p = at::randn({1, 2, 64}), q = at::randn({1, 2, 64}), mask = at::ones({1, 2});
  const double exact = kl_token_mean(p, q, mask, KlDirection::kModelRef)->measured;
  for (auto type : {at::kHalf, at::kBFloat16}) {
    const auto penalty = kl_token_mean(p.to(type), q.to(type), mask, KlDirection::kModelRef);
    REQUIRE(penalty);
    CHECK(penalty->value.scalar_type() == at::kFloat);
    CHECK(penalty->measured == Approx(exact).epsilon(0.05));
  }
}

TEST_CASE("masks: answers are shifted by one, canaries take the last position",
          "[defenses][torch]") {
  const std::int64_t n = -100;
  at::Tensor labels = at::full({2, 4}, n, at::kLong);
  labels[0][2].fill_(7);
  labels[0][3].fill_(8);
  labels[1][0].fill_(5);  // nothing before it predicts it
  const at::Tensor mask = *answer_mask(labels);
  at::Tensor wanted = at::zeros({2, 4});
  wanted[0][1].fill_(1);
  wanted[0][2].fill_(1);
  CHECK(mask.equal(wanted));

  at::Tensor attention = at::ones({2, 4}, at::kLong);
  attention[0][3].fill_(0);
  attention[1][0].fill_(0);
  at::Tensor last = at::zeros({2, 4});
  last[0][2].fill_(1);
  last[1][3].fill_(1);
  CHECK(canary_mask(attention)->equal(last));
  CHECK(attention_mask(attention)->sum().item<double>() == 6.0);
  CHECK(canary_mask(at::zeros({1, 4}))->sum().item<double>() == 0.0);
  CHECK_FALSE(answer_mask(at::zeros({3})));
}

TEST_CASE("a live penalty has a gradient, a detached one is found out", "[defenses][torch]") {
  const at::Tensor theta = leaf(at::randn({5, 6}, at::kDouble).mul(1e-3));
  const at::Tensor states = at::randn({1, 4, 5}, at::kDouble),
                   reference = at::zeros({1, 4, 6}, at::kDouble);
  const at::Tensor mask = at::ones({1, 4});
  const at::Tensor logits = states.matmul(theta);
  const auto penalty = kl_token_mean(logits, reference, mask, KlDirection::kModelRef);
  CHECK(*check_gradient(penalty->value, theta) > 0.0);
  const auto dead = kl_token_mean(logits.detach(), reference, mask, KlDirection::kModelRef);
  CHECK_FALSE(check_gradient(dead->value, theta));
  CHECK_THAT(check_gradient(dead->value, theta).error().message, Catch::Contains("no effect"));
  const at::Tensor stranger = leaf(at::ones({1}, at::kDouble));
  CHECK_FALSE(check_gradient(penalty->value, stranger));
}

TEST_CASE("the two forms have the same minimiser", "[defenses][torch]") {
  const at::Tensor ce = at::full({}, 1.5, at::kDouble), kl = at::full({}, 0.25, at::kDouble);
  const double beta = 0.3, lambda = *lambda_of_beta(beta);
  CHECK(convex(ce, kl, beta).item<double>() ==
        Approx((1 - beta) * additive(ce, kl, lambda).item<double>()));
  CHECK(*beta_of_lambda(lambda) == Approx(beta));
  CHECK_FALSE(lambda_of_beta(1.0));
  CHECK_FALSE(lambda_of_beta(std::nan("")));
  CHECK_FALSE(beta_of_lambda(-1.0));
}

TEST_CASE("wrong tensors are errors, not exceptions", "[defenses][torch][hostile]") {
  const Batch batch;
  const auto direction = KlDirection::kModelRef;
  CHECK_FALSE(kl_token_mean(batch.model, at::zeros({3, 4, 7}), batch.mask, direction));
  CHECK_FALSE(kl_token_mean(batch.model, batch.reference, at::ones({3, 5}), direction));
  CHECK_FALSE(kl_token_mean(batch.model, batch.reference, at::Tensor(), direction));
  CHECK_FALSE(
      kl_token_mean(batch.model, batch.reference, batch.mask, direction, 2));  // fewer than here
  CHECK_FALSE(kl_token_mean(batch.model, batch.reference, batch.mask, direction, -1));
  CHECK_FALSE(kl_per_position(at::zeros({3}, at::kLong), at::zeros({3}, at::kLong), direction));
  CHECK_FALSE(kl_weighted(batch.model, batch.reference, batch.mask, at::ones({2}), direction));
  CHECK_FALSE(
      kl_weighted(batch.model, batch.reference, batch.mask, at::full({3}, -1.0), direction));
  CHECK_FALSE(kl_weighted(batch.model, batch.reference, batch.mask, at::full({3}, std::nan("")),
                          direction));
  CHECK_FALSE(sampled_kl(batch.model, batch.reference, at::zeros({3, 4})));
  CHECK_FALSE(kl_direction("forward"));
  CHECK(*kl_direction(name_of(KlDirection::kRefModel)) == KlDirection::kRefModel);
}

TEST_CASE("sampled estimators as penalties: each lowers the divergence it says, k1 none",
          "[defenses][torch]") {
  const at::Tensor model = leaf(at::randn({1, 1, 5}, at::kDouble));
  const at::Tensor reference = at::randn({1, 1, 5}, at::kDouble), mask = at::ones({1, 1});
  CHECK_FALSE(gradient_direction(KlEstimator::kK1));
  for (const KlEstimator estimator : {KlEstimator::kK2, KlEstimator::kK3}) {
    const KlDirection lowers = *gradient_direction(estimator);
    const at::Tensor p = model.detach().softmax(-1);
    at::Tensor mean = at::zeros({1, 1, 5}, at::kDouble);
    for (std::int64_t token = 0; token < 5; ++token) {
      const auto penalty = kl_sampled_mean(model, reference, at::full({1, 1}, token, at::kLong),
                                           mask, estimator, lowers);
      REQUIRE(penalty);
      mean = mean + p[0][0][token] * gradient(penalty->value, model);
    }
    const auto exact = kl_token_mean(model, reference, mask, lowers);
    CHECK(mean.allclose(gradient(exact->value, model), 1e-10, 1e-12));
  }
  const at::Tensor tokens = at::zeros({1, 1}, at::kLong);
  const auto none =
      kl_sampled_mean(model, reference, tokens, mask, KlEstimator::kK1, KlDirection::kModelRef);
  REQUIRE_FALSE(none);
  CHECK_THAT(none.error().message, Catch::Contains("no effect"));
  const auto other =
      kl_sampled_mean(model, reference, tokens, mask, KlEstimator::kK3, KlDirection::kModelRef);
  REQUIRE_FALSE(other);
  CHECK_THAT(other.error().message, Catch::Contains("ref_model"));
}

TEST_CASE("masks by name; replay is the answer mask of the replay batch", "[defenses][torch]") {
  const at::Tensor labels = at::zeros({1, 3}, at::kLong);
  for (const KlMask mask :
       {KlMask::kAttention, KlMask::kAnswer, KlMask::kCanary, KlMask::kReplay}) {
    CHECK(*kl_mask(name_of(mask)) == mask);
  }
  CHECK_FALSE(kl_mask("prompt"));
  CHECK(mask_of(KlMask::kReplay, labels)->equal(*answer_mask(labels)));
  CHECK(mask_of(KlMask::kCanary, at::ones({1, 3}))->sum().item<double>() == 1.0);
}
