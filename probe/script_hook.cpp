#include "probe/script_hook.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/operator.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "monitor/base/text.h"
#include "monitor/tensors/tensor_guard.h"

namespace phaseguard::probe {

namespace {

constexpr const char* kOperator = "phaseguard::observe_layer";
constexpr std::size_t kMaxListed = 40;

// Siblings of one class share their code, so the operator is told which object runs it and looks up
// whose tap that is.
struct Taps {
  std::mutex mutex;
  std::map<const void*, LayerTap*> by_object;
};
Taps& taps() {
  static Taps all;
  return all;
}

const at::Tensor* first_tensor(const c10::IValue& value, at::Tensor& held) {
  if (value.isTensor()) {
    held = value.toTensor();
    return &held;
  }
  if (!value.isTuple()) return nullptr;
  for (const c10::IValue& element : value.toTupleRef().elements()) {
    if (const at::Tensor* found = first_tensor(element, held)) return found;
  }
  return nullptr;
}

void observe(torch::jit::Stack& stack) {
  const c10::IValue states = torch::jit::pop(stack);
  const c10::IValue module = torch::jit::pop(stack);
  const std::lock_guard<std::mutex> lock(taps().mutex);
  const auto found = taps().by_object.find(module.toObject().get());
  if (found == taps().by_object.end()) return;
  at::Tensor held;
  if (const at::Tensor* tensor = first_tensor(states, held)) {
    found->second->observe(found->second->layer(), *tensor);
  }
}

void register_operator() {
  static std::once_flag once;
  std::call_once(once, [] {
    // Conservative: it has an effect, so no pass of the compiler drops or moves it.
    torch::jit::registerOperator(
        torch::jit::Operator(std::string(kOperator) + "(Any module, Any states) -> ()", observe,
                             c10::AliasAnalysisKind::CONSERVATIVE));
  });
}

void show_output(torch::jit::Module& layer) {
  const std::shared_ptr<torch::jit::Graph> graph =
      torch::jit::toGraphFunction(layer.get_method("forward").function()).graph();
  torch::jit::Node* node = graph->create(c10::Symbol::fromQualString(kOperator),
                                         {graph->inputs().at(0), graph->outputs().at(0)}, 0);
  node->insertBefore(graph->return_node());
}

}  // namespace

ScriptHook::ScriptHook(const torch::jit::Module& model, const void* layer_object, std::string layer)
    : model_(model),
      layer_object_(layer_object),
      tap_(std::make_unique<LayerTap>(std::move(layer))) {
  const std::lock_guard<std::mutex> lock(taps().mutex);
  taps().by_object[layer_object_] = tap_.get();
}

ScriptHook::ScriptHook(ScriptHook&& other) noexcept
    : model_(other.model_),
      layer_object_(std::exchange(other.layer_object_, nullptr)),
      tap_(std::move(other.tap_)) {}

ScriptHook::~ScriptHook() {
  if (layer_object_ == nullptr) return;
  const std::lock_guard<std::mutex> lock(taps().mutex);
  taps().by_object.erase(layer_object_);
}

Result<ScriptHook> ScriptHook::attach(const torch::jit::Module& model, const std::string& layer) {
  return guarded([&]() -> Result<ScriptHook> {
    register_operator();
    torch::jit::Module copy = model.clone(/*inplace=*/true);  // shares tensors, not code
    std::vector<std::string> names;
    for (const auto& named : copy.named_modules()) {
      if (named.name != layer || layer.empty()) {
        names.push_back(named.name);
        continue;
      }
      torch::jit::Module found = named.value;
      if (!found.find_method("forward")) {
        return fail(Errc::kInvalidArgument, "layer " + phaseguard::quoted(layer, 100) +
                                                " has no forward of its own (a list of modules "
                                                "has none); name one of its members");
      }
      show_output(found);
      return ScriptHook(copy, found._ivalue().get(), layer);
    }
    std::string list;
    for (std::size_t i = 0; i < std::min(names.size(), kMaxListed); ++i) {
      if (!names[i].empty()) list += (list.empty() ? "" : ", ") + names[i];
    }
    const std::string near = nearest(layer, names);
    return fail(Errc::kNotFound, "layer " + phaseguard::quoted(layer, 100) +
                                     ": the module has none of this name (it has: " + list +
                                     (names.size() > kMaxListed ? ", ..." : "") + ")" +
                                     (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
  });
}

Result<at::Tensor> ScriptHook::states(std::vector<c10::IValue> inputs) {
  return guarded([&]() -> Result<at::Tensor> {
    const at::NoGradGuard no_grad;
    (void)model_.forward(std::move(inputs));
    return tap_->take();
  });
}

}  // namespace phaseguard::probe
