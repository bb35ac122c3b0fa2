// AdamW (Loshchilov & Hutter, arXiv 1711.05101) with decoupled weight decay, on float32 tensors, in
// one plain loop: the same inputs give the same bits. The state is held in tensors so that a
// snapshot can copy it and a rollback restore it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace phaseguard::lab {

class AdamW {
 public:
  struct Options {
    double beta1 = 0.9;
    double beta2 = 0.98;
    double epsilon = 1e-8;
    double weight_decay = 0.0;  // on matrices only
  };

  AdamW(std::vector<at::Tensor> parameters, const Options& options);

  // L2 norm over all gradients; scales them down to `max_norm` when above it (max_norm <= 0:
  // never).
  double clip_gradients(double max_norm);
  // One update with the gradients present; a parameter without gradient is left alone. Clears the
  // gradients.
  void step(double learning_rate);

  [[nodiscard]] const std::vector<at::Tensor>& parameters() const { return parameters_; }
  // First moments, second moments, and the update count as a one-element double tensor; shared, in
  // a fixed order.
  [[nodiscard]] std::vector<at::Tensor> state() const;

 private:
  std::vector<at::Tensor> parameters_, first_, second_;
  at::Tensor updates_;
  Options options_;
};

}  // namespace phaseguard::lab
