// LDIFS, SafeLoRA, steering, weighted loss, the frozen reference, and the self-tests themselves.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "tests/support/catch.h"
#include "trainer-hook/defenses/penalty/kl.h"
#include "trainer-hook/defenses/penalty/ldifs.h"
#include "trainer-hook/defenses/penalty/reference.h"
#include "trainer-hook/defenses/penalty/self_test.h"
#include "trainer-hook/defenses/penalty/steering.h"
#include "trainer-hook/defenses/penalty/weighted_loss.h"
#include "trainer-hook/defenses/rules/safelora.h"

using namespace phaseguard;
using namespace phaseguard::defenses;

namespace {

at::Tensor normal(at::IntArrayRef shape) { return at::randn(shape, at::kDouble); }

at::Tensor leaf(const at::Tensor& tensor) {
  return tensor.detach().clone().set_requires_grad(true);
}

// y = tanh((W + B A) x): a layer with an adapter that starts at B = 0.
struct Toy {
  at::Tensor w = normal({6, 5}), a = leaf(normal({2, 5})), b = leaf(at::zeros({6, 2}, at::kDouble));
  at::Tensor x = normal({3, 4, 5});
  [[nodiscard]] at::Tensor features(bool adapter) const {
    at::Tensor y = x.matmul(w.t());
    if (adapter) y = y + x.matmul(a.t()).matmul(b.t());
    return y.tanh();
  }
};

}  // namespace

TEST_CASE("LDIFS: flat at theta0, alive beside it, and its gradient is right in float64",
          "[defenses][torch]") {
  const Toy toy;
  const auto penalty = [&]() -> Result<at::Tensor> {
    const auto out = ldifs_distance({toy.features(true)}, {toy.features(false)});
    if (!out) return tl::unexpected<Error>(out.error());
    return out->value;
  };
  const auto at_start = penalty();
  REQUIRE(at_start);
  CHECK(at_start->item<double>() == 0.0);
  CHECK_FALSE(check_gradient(*at_start, toy.b));  // 0 there: the test must perturb
  const auto tested = test_penalty(penalty, {toy.a, toy.b}, 1e-3, 1e-5);
  if (!tested) FAIL(tested.error().message);
  CHECK(tested->slope > 0.0);
  CHECK(toy.b.abs().max().item<double>() == 0.0);  // put back
}

TEST_CASE("LDIFS finds out what would make it a silent no-op", "[defenses][torch]") {
  const Toy toy;
  const auto detached = ldifs_distance({toy.features(true).detach()}, {toy.features(false)});
  REQUIRE_FALSE(detached);
  CHECK_THAT(detached.error().message, Catch::Contains("no effect"));
  const at::NoGradGuard measuring;
  CHECK(ldifs_distance({toy.features(true)}, {toy.features(false)}));
}

TEST_CASE("LDIFS: bounds, scale, padding and BAD features", "[defenses][torch][property]") {
  const at::NoGradGuard measuring;
  for (int i = 0; i < 20; ++i) {
    const at::Tensor x = normal({4, 3, 5}), y = normal({4, 3, 5});
    const auto d = ldifs_distance({x, x}, {y, y});
    REQUIRE((d->measured >= 0.0 && d->measured <= 8.0));
    CHECK(ldifs_distance({x}, {x})->measured == 0.0);
    CHECK(ldifs_distance({x * 7}, {y})->measured == Approx(d->measured / 2).epsilon(1e-12));
  }
  at::Tensor x = normal({2, 3, 4}), y = normal({2, 3, 4});
  const at::Tensor mask = at::ones({2, 3});
  mask[1][2].fill_(0);
  const double wanted = ldifs_distance({x}, {y}, mask)->measured;
  x[1][2].fill_(std::nan(""));
  CHECK(ldifs_distance({x}, {y}, mask)->measured == wanted);
  CHECK(ldifs_distance({x}, {y})->quality == Quality::kBad);
  CHECK(std::isnan(ldifs_distance({x}, {y})->measured));
  CHECK(ldifs_distance({at::zeros({1, 2, 3})}, {at::ones({1, 2, 3})})->quality == Quality::kBad);
  CHECK_FALSE(ldifs_distance({}, {}));
  CHECK_FALSE(ldifs_distance({y}, {at::ones({2, 3, 5})}));
  CHECK_FALSE(ldifs_distance({y}, {y}, at::ones({2, 4})));
  CHECK_FALSE(ldifs_layers(0));
}

TEST_CASE("accumulation: the tests pass what is right and refuse what is not",
          "[defenses][torch]") {
  const Toy toy;
  {
    const at::NoGradGuard no_grad;
    at::Tensor b = toy.b;
    b.copy_(normal({6, 2}) * 0.1);
  }
  const auto features = [&](std::int64_t first, std::int64_t count, bool adapter) {
    return toy.features(adapter).narrow(0, first, count);
  };
  const auto ldifs = [&](std::int64_t first, std::int64_t count) -> Result<at::Tensor> {
    return ldifs_distance({features(first, count, true)}, {features(first, count, false)}, {}, 3)
        .map([](const LdifsPenalty& p) { return p.value; });
  };
  CHECK(*test_accumulation(ldifs, 3, 1, toy.b) < 1e-12);
  CHECK(*test_accumulation(ldifs, 3, 2, toy.b) < 1e-12);
  const at::Tensor mask = at::ones({3, 4});
  mask[0].narrow(0, 1, 3).fill_(0);
  const auto kl = [&](std::int64_t first, std::int64_t count, std::int64_t n) {
    return kl_token_mean(features(first, count, true), features(first, count, false),
                         mask.narrow(0, first, count), KlDirection::kModelRef, n)
        .map([](const KlPenalty& p) { return p.value; });
  };
  CHECK(*test_accumulation([&](auto f, auto c) { return kl(f, c, 9); }, 3, 1, toy.b) < 1e-12);
  const auto wrong = test_accumulation([&](auto f, auto c) { return kl(f, c, 0); }, 3, 1, toy.b);
  REQUIRE_FALSE(wrong);  // a mean in each micro-batch
  CHECK_THAT(wrong.error().message, Catch::Contains("micro-batches"));
}

TEST_CASE("a penalty whose graph is cut in part is found by the difference", "[defenses][torch]") {
  const at::Tensor theta = leaf(normal({4}));
  const auto honest = [&]() -> Result<at::Tensor> { return theta.square().sum(); };
  CHECK(test_penalty(honest, {theta}));
  const auto half = [&]() -> Result<at::Tensor> { return (theta * theta.detach()).sum(); };
  CHECK_FALSE(test_penalty(half, {theta}));
  const auto dead = [&]() -> Result<at::Tensor> { return theta.detach().sum(); };
  CHECK_FALSE(test_penalty(dead, {theta}));
}

TEST_CASE("SafeLoRA writes the chosen layers and reports all", "[defenses][torch]") {
  NamedWeights aligned, base;
  std::vector<LoraPair> layers;
  for (const char* name : {"one", "two", "fresh", "same"}) {
    base[name] = normal({6, 6});
    aligned[name] = base[name] + normal({6, 1}).matmul(normal({1, 6}));
    layers.push_back(
        {name, leaf(normal({6, 6})), leaf(normal({6, 6}))});  // no shape tells A from B
  }
  layers[2].b = leaf(at::zeros({6, 6}, at::kDouble));
  aligned["same"] = base["same"];
  // Layer one's update lies in the alignment's own direction.
  const at::Tensor v = aligned["one"] - base["one"];
  {
    const at::NoGradGuard no_grad;
    layers[0].b.copy_(v);
    layers[0].a.copy_(at::eye(6, at::kDouble));
  }
  const at::Tensor old_one = layers[0].b.detach().clone(), old_two = layers[1].b.detach().clone();
  const auto dry = safelora_project(layers, aligned, base, {}, false);
  REQUIRE(dry);
  CHECK(layers[1].b.equal(old_two));
  const auto report =
      safelora_project(layers, aligned, base, {SafeLoraSelection::Mode::kThreshold, 0.9});
  REQUIRE(report);
  CHECK(report->n_projected == 1);
  CHECK(*report->layers[0].cosine == Approx(1.0));
  CHECK(report->layers[0].c_norm == Approx(report->layers[0].v_norm));  // rank 1
  CHECK(layers[0].b.equal(old_one));
  CHECK(report->layers[1].projected);
  const at::Tensor v2 = aligned["two"] - base["two"];
  CHECK(layers[1].b.detach().allclose(v2.matmul(v2.t()).matmul(old_two) / v2.norm(), 1e-9));
  CHECK_FALSE(report->layers[2].cosine);
  CHECK(report->layers[3].quality == Quality::kBad);
  CHECK(layers[1].b.requires_grad());
  base.erase("two");
  const auto missing = safelora_project(layers, aligned, base, {});
  REQUIRE_FALSE(missing);
  CHECK_THAT(missing.error().message, Catch::Contains("two"));
  CHECK_FALSE(
      safelora_layer(aligned["one"], base["one"], {"x", at::ones({2, 5}), at::ones({6, 2})}));
  CHECK_FALSE(safelora_select({0.5}, {SafeLoraSelection::Mode::kNumber, 1.5}));
}

TEST_CASE("steering adds its dose to every position and nothing at rest", "[defenses][torch]") {
  const at::Tensor v = normal({5});
  const auto steering = Steering::create(v);
  REQUIRE(steering);
  CHECK(steering->norm() == Approx(v.norm().item<double>()));
  const at::Tensor hidden = leaf(at::randn({2, 3, 5}));
  CHECK(steering->apply(hidden, 0.0)->is_same(hidden));
  const auto moved = steering->apply(hidden, 2.0);
  REQUIRE(moved);
  CHECK(moved->scalar_type() == at::kFloat);
  CHECK((*moved - hidden).detach().allclose((v * 2).to(at::kFloat).expand({2, 3, 5}), 1e-5, 1e-6));
  CHECK(*check_effect(hidden, *moved) > 0.0);
  CHECK_FALSE(check_effect(hidden, hidden));
  CHECK(*check_gradient(moved->sum(), hidden) == 1.0);
  CHECK_FALSE(steering->apply(at::ones({2, 4}), 1.0));
  CHECK_FALSE(steering->apply(hidden, std::nan("")));
  CHECK_FALSE(Steering::create(at::zeros({5})));
  CHECK_FALSE(Steering::create(at::full({5}, std::nan(""))));
}

TEST_CASE("a weighted loss keeps the step's denominator", "[defenses][torch]") {
  const at::Tensor nll = leaf(at::ones({4}, at::kDouble));
  at::Tensor row = at::zeros({4}, at::kLong), weights = at::ones({2}, at::kDouble);
  row[3].fill_(1);
  CHECK(weighted_token_mean(nll, row, weights)->item<double>() == 1.0);
  weights[0].fill_(0.0);
  const auto loss = weighted_token_mean(nll, row, weights);
  CHECK(loss->item<double>() == 0.25);
  CHECK(torch::autograd::grad({*loss}, {nll})[0][0].item<double>() == 0.0);
  CHECK(weighted_token_mean(nll, row, weights, 8)->item<double>() == 0.125);
  CHECK_FALSE(weighted_token_mean(nll, row, weights, 3));
  CHECK_FALSE(weighted_token_mean(nll, row, weights * -1 - 1));
  CHECK_FALSE(weighted_token_mean(nll, row + 1, weights));
  CHECK_FALSE(weighted_token_mean(nll, row.to(at::kDouble), weights));
}

TEST_CASE("the reference by adapter off and by a frozen copy are one", "[defenses][torch]") {
  const Toy toy;
  const auto frozen = FrozenCopy::of({toy.a, toy.b});
  REQUIRE(frozen);
  CHECK(frozen->bytes() == (2 * 5 + 6 * 2) * sizeof(double));
  {
    const at::NoGradGuard no_grad;
    at::Tensor b = toy.b;
    b.add_(1.0);  // training went on
  }
  const at::Tensor today = toy.b.detach().clone();
  const auto off = reference_pass([&] { return toy.features(false); });
  const auto copy = frozen->pass([&] { return toy.features(true); });
  REQUIRE(copy);
  CHECK(copy->equal(*off));
  CHECK_FALSE(copy->requires_grad());
  CHECK(toy.b.equal(today));
  const at::Tensor live = toy.features(true);
  const auto kl = kl_token_mean(live, *copy, at::ones({3, 4}), KlDirection::kModelRef);
  CHECK(*check_gradient(kl->value, toy.b) > 0.0);
  const auto thrown = frozen->pass([&] { return at::ones({2, 3}).matmul(at::ones({2, 3})); });
  CHECK_FALSE(thrown);
  CHECK(toy.b.equal(today));  // put back after the throw
  CHECK_FALSE(reference_pass([] { return at::Tensor(); }));
  CHECK_FALSE(FrozenCopy::of({}));
}
