// Forward hook by module name on a TorchScript module (scripted or traced, as torch::jit::load
// gives it): the states that the named submodule puts out in a forward pass, without a change to
// the trainer's module. One forward at a time, trainer's thread; records no gradient.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/csrc/jit/api/module.h>

#include <memory>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "probe/layer_tap.h"

namespace phaseguard::probe {

class ScriptHook {
 public:
  // `layer`: a name of named_modules(), such as "transformer.h.12". The hook runs a copy of the
  // module's code that shares its parameters, so that training moves both. Attach it after the
  // module is in the mode it is to be measured in (eval: dropout off). Errors: no such submodule
  // (the message lists those there are), or one that has no forward of its own.
  [[nodiscard]] static Result<ScriptHook> attach(const torch::jit::Module& model,
                                                 const std::string& layer);
  ScriptHook(ScriptHook&&) noexcept;
  ScriptHook& operator=(ScriptHook&&) = delete;
  ScriptHook(const ScriptHook&) = delete;
  ScriptHook& operator=(const ScriptHook&) = delete;
  ~ScriptHook();

  // Forward pass; what the layer put out: its tensor, or the first tensor of its tuple, usually
  // [B, T, H]. Errors: what LibTorch refuses; a forward that does not reach the layer, or more than
  // once.
  [[nodiscard]] Result<at::Tensor> states(std::vector<c10::IValue> inputs);

 private:
  ScriptHook(const torch::jit::Module& model, const void* layer_object, std::string layer);
  torch::jit::Module model_;
  const void* layer_object_ = nullptr;  // null: moved from
  std::unique_ptr<LayerTap> tap_;
};

}  // namespace phaseguard::probe
