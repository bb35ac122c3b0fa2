#include "probe/script_hook.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>

#include "probe/probe_tensor.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::probe;

namespace {

// Two blocks of one class (their code is shared) in a stack: y = x * gain.
torch::jit::Module model() {
  auto unit = std::make_shared<torch::jit::CompilationUnit>();
  torch::jit::Module block("__torch__.Block", unit, true);
  block.register_parameter("gain", at::ones({1}) * 2.0, false);
  block.define("def forward(self, x):\n    return (x * self.gain, 7)\n");
  torch::jit::Module second = block.deepcopy();
  second.setattr("gain", at::ones({1}) * 3.0);
  torch::jit::Module stack("__torch__.Stack", unit, true);
  stack.register_module("first", block);
  stack.register_module("second", second);
  stack.define(
      "def forward(self, x):\n    y, n = self.first.forward(x)\n    z, m = "
      "self.second.forward(y)\n    return z\n");
  torch::jit::Module top("__torch__.Top", unit, true);
  top.register_module("stack", stack);
  top.define("def forward(self, x):\n    return self.stack.forward(x) + 1.0\n");
  return top;
}

}  // namespace

TEST_CASE("a hook by name sees what its module puts out, and no sibling's", "[probe][torch]") {
  torch::jit::Module top = model();
  const at::Tensor x = at::arange(12, at::kFloat).view({2, 2, 3});
  (void)top.forward({x});  // compiled before the hook is attached
  auto first = ScriptHook::attach(top, "stack.first"),
       second = ScriptHook::attach(top, "stack.second");
  REQUIRE(first);
  REQUIRE(second);
  for (int pass = 0; pass < 4; ++pass) {  // profiled, optimised, optimised again
    const auto a = first->states({x}), b = second->states({x});
    REQUIRE(a);
    REQUIRE(b);
    CHECK(a->equal(x * 2.0));
    CHECK(b->equal(x * 6.0));
  }
  CHECK(top.forward({x}).toTensor().equal(x * 6.0 + 1.0));  // the trainer's module is as it was
}

TEST_CASE("a hook follows training, and pools by mask", "[probe][torch]") {
  torch::jit::Module top = model();
  auto hook = ScriptHook::attach(top, "stack.first");
  REQUIRE(hook);
  const at::Tensor x = at::arange(12, at::kFloat).view({2, 2, 3});
  for (const auto& parameter : top.named_parameters()) {
    if (parameter.name == "stack.first.gain") parameter.value.fill_(5.0);
  }
  const auto states = hook->states({x});
  REQUIRE(states);
  CHECK(states->equal(x * 5.0));
  at::Tensor mask = at::ones({2, 2}, at::kLong);
  mask[0][1] = 0;
  const auto last = last_position(*states, mask);
  REQUIRE(last);
  CHECK((*last)[0].equal(x[0][0] * 5.0));
  CHECK((*last)[1].equal(x[1][1] * 5.0));
}

TEST_CASE("a hook on what is not there is refused with the names there are", "[probe][hostile]") {
  const auto absent = ScriptHook::attach(model(), "stack.frist");
  REQUIRE_FALSE(absent);
  CHECK_THAT(absent.error().message,
             Catch::Contains("stack.second") && Catch::Contains("did you mean \"stack.first\"?"));
  CHECK_FALSE(ScriptHook::attach(model(), ""));
  auto hook = ScriptHook::attach(model(), "stack.first");
  REQUIRE(hook);
  CHECK_THAT(hook->states({}).error().message, Catch::Contains("LibTorch: "));
}
