// Forward hook by module name for models whose forward is C++ code: where a module ends, the model
// calls observe("block1", states); the tap keeps the states of the one layer it was made for. For
// TorchScript modules script_hook.h does the same without a change to the model. One forward pass
// at a time, trainer's thread; records no gradient.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "monitor/base/result.h"

namespace phaseguard::probe {

class LayerTap {
 public:
  explicit LayerTap(std::string layer) : layer_(std::move(layer)) {}

  // Called by the model, once for each named module of a pass.
  void observe(const std::string& layer, const at::Tensor& states);

  // The states of the layer in the pass since the last call. Error: the pass went through no such
  // layer, or through it more than once; the message lists the layers it went through.
  [[nodiscard]] Result<at::Tensor> take();

  [[nodiscard]] const std::string& layer() const { return layer_; }

 private:
  std::string layer_;
  at::Tensor states_;
  int times_ = 0;
  std::vector<std::string> seen_;
};

}  // namespace phaseguard::probe
