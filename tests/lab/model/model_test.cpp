// The transformer, its adapter and AdamW against what they must be.
#include "trainer-hook/lab/model/model.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/equal.h>

#include <cmath>

#include "tests/support/catch.h"
#include "trainer-hook/lab/model/adamw.h"

namespace phaseguard::lab {
namespace {

constexpr ModelShape kTiny{20, 8, 2, 2, 12};

at::Tensor tiny_tokens() { return to_tensor({{1, 4, 7, 2, 9}, {3, 3, 0, 19, 5}}); }

double loss_of(const Transformer& model) {
  const at::NoGradGuard no_grad;
  const at::Tensor logits = model.logits(model.hidden(tiny_tokens(), Adapter::kOn)).to(at::kDouble);
  return at::cross_entropy_loss(logits, to_tensor({{4, 7, 2, 9, 1, 3, 0, 19, 5, 2}}).view({10}))
      .item<double>();
}

// The loss's derivative by one weight, by central differences. The loss is in double: rounded to
// float32 it would be the largest error by far.
double derivative(const Transformer& model, float& weight) {
  const float kept = weight, step = 5e-4F;
  weight = kept + step;
  const double up = loss_of(model);
  weight = kept - step;
  const double down = loss_of(model);
  weight = kept;
  return (up - down) / (2.0 * step);
}

void perturb(const Transformer& model, Rng& rng) {
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : model.adapter_parameters()) {
    for (std::int64_t i = 0; i < tensor.numel(); ++i)
      tensor.data_ptr<float>()[i] += static_cast<float>(0.1 * rng.normal());
  }
}

TEST_CASE("an adapter with B = 0 is the identity, to the bit", "[lab]") {
  Rng rng(1);
  Transformer model(ModelShape{}, rng);
  model.add_adapter(LoraShape{}, rng);
  const at::NoGradGuard no_grad;
  const at::Tensor tokens = to_tensor({{1, 3, 4, 60, 80, 30, 5}, {1, 3, 4, 44, 55, 46, 5}});
  const at::Tensor off = model.logits(model.hidden(tokens, Adapter::kOff));
  const at::Tensor on = model.logits(model.hidden(tokens, Adapter::kOn));
  CHECK(at::equal(off, on));
  perturb(model, rng);
  CHECK_FALSE(at::equal(off, model.logits(model.hidden(tokens, Adapter::kOn))));
  CHECK(at::equal(off, model.logits(model.hidden(tokens, Adapter::kOff))));
}

TEST_CASE("no position sees a later one", "[lab]") {
  Rng rng(2);
  const Transformer model(kTiny, rng);
  const at::NoGradGuard no_grad;
  const at::Tensor a = model.hidden(to_tensor({{1, 4, 7, 2, 9}}), Adapter::kOff);
  const at::Tensor b = model.hidden(to_tensor({{1, 4, 7, 11, 0}}), Adapter::kOff);
  CHECK(at::equal(a.slice(0, 0, 3), b.slice(0, 0, 3)));
  CHECK_FALSE(at::equal(a.slice(0, 3, 5), b.slice(0, 3, 5)));
}

TEST_CASE("gradients of base and adapter match finite differences", "[lab]") {
  Rng rng(3);
  Transformer model(kTiny, rng);
  model.add_adapter({2, 4.0}, rng);
  perturb(model, rng);
  auto parameters = model.adapter_parameters();
  for (const auto& named : model.base_parameters()) parameters.push_back(named);
  for (auto& [name, tensor] : parameters) tensor.set_requires_grad(true);
  const at::Tensor logits = model.logits(model.hidden(tiny_tokens(), Adapter::kOn));
  at::cross_entropy_loss(logits, to_tensor({{4, 7, 2, 9, 1, 3, 0, 19, 5, 2}}).view({10}))
      .backward();
  for (auto& [name, tensor] : parameters) {
    INFO(name);
    REQUIRE(tensor.grad().defined());
    const at::Tensor gradient = tensor.grad().contiguous();
    for (int probe = 0; probe < 3; ++probe) {
      const std::int64_t i = rng.below(static_cast<int>(tensor.numel()));
      CHECK(gradient.data_ptr<float>()[i] ==
            Approx(derivative(model, tensor.data_ptr<float>()[i])).margin(3e-4).epsilon(0.02));
    }
  }
}

TEST_CASE("AdamW does its formula", "[lab]") {
  const at::Tensor w = to_tensor({{2, -1}}).to(at::kFloat).set_requires_grad(true);
  AdamW optimiser({w}, {0.9, 0.98, 1e-8, 0.1});
  double value = 2.0, m = 0.0, v = 0.0;
  for (int t = 1; t <= 5; ++t) {
    w.mul(w).sum().backward();  // gradient 2 w
    optimiser.step(0.05);
    const double g = 2.0 * value;
    m = 0.9 * m + 0.1 * g;
    v = 0.98 * v + 0.02 * g * g;
    value -= 0.05 * 0.1 * value +
             0.05 * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.98, t))) + 1e-8);
    CHECK(w.data_ptr<float>()[0] == Approx(value).epsilon(1e-5));
  }
}

TEST_CASE("clipping keeps the direction and returns the norm before it", "[lab]") {
  const at::Tensor w = to_tensor({{3, 4}}).to(at::kFloat).set_requires_grad(true);
  AdamW optimiser({w}, {});
  w.mul(w).sum().mul(0.5).backward();
  CHECK(optimiser.clip_gradients(1.0) == Approx(5.0));
  CHECK(w.grad().data_ptr<float>()[0] == Approx(0.6));
  CHECK(w.grad().data_ptr<float>()[1] == Approx(0.8));
}

}  // namespace
}  // namespace phaseguard::lab
