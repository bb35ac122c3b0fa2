// A trainer small enough to read at a glance and real all the same: a two-layer network on fixed
// data, gradients by autograd, SGD with momentum whose buffers appear with the first step.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros_like.h>

#include <cstring>
#include <vector>

#include "trainer-hook/hook/snapshots.h"

namespace phaseguard::hook {

class ToyTrainer {
 public:
  ToyTrainer() : weights_{numbers({6, 8}, 0.9), numbers({8, 3}, 1.7)} {
    for (at::Tensor& weight : weights_) weight.set_requires_grad(true);
  }

  // Squared error per sample, [4].
  [[nodiscard]] at::Tensor errors(std::int64_t step) const {
    const at::Tensor input = numbers({4, 6}, 0.3 + 0.01 * static_cast<double>(step % 7));
    const at::Tensor target = numbers({4, 3}, 2.1);
    return at::tanh(input.matmul(weights_[0])).matmul(weights_[1]).sub(target).pow(2).mean(1);
  }
  // What a penalty toward a reference would be here: the squared distance of each sample's output
  // from 0, [4].
  [[nodiscard]] at::Tensor distances() const {
    return at::tanh(numbers({4, 6}, 0.3).matmul(weights_[0])).matmul(weights_[1]).pow(2).mean(1);
  }

  // One update; returns the loss.
  double update(const at::Tensor& loss) {
    loss.backward();
    const at::NoGradGuard no_grad;
    if (momentum_.empty()) {
      for (const at::Tensor& weight : weights_) momentum_.push_back(at::zeros_like(weight));
    }
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      momentum_[i].mul_(0.9).add_(weights_[i].grad());
      weights_[i].sub_(momentum_[i], 0.05);
      weights_[i].mutable_grad() = at::Tensor();
    }
    ++updates_;
    return loss.item<double>();
  }

  [[nodiscard]] TrainerState state() {
    TrainerState state;
    state.parameters = {{"w0", weights_[0]}, {"w1", weights_[1]}};
    state.save_optimiser = [this] {
      OptimiserState saved;
      for (const at::Tensor& momentum : momentum_) saved.tensors.push_back({"momentum", momentum});
      saved.scalars.emplace_back("updates", static_cast<double>(updates_));
      return saved;
    };
    state.restore_optimiser = [this](const OptimiserState& saved) {
      momentum_.clear();
      for (const NamedTensor& named : saved.tensors) momentum_.push_back(named.tensor);
      updates_ = static_cast<std::int64_t>(saved.scalars.at(0).second);
    };
    return state;
  }

  [[nodiscard]] std::int64_t updates() const { return updates_; }
  [[nodiscard]] at::Tensor& weight(std::size_t i) { return weights_[i]; }

  // Every bit of the parameters.
  [[nodiscard]] std::vector<float> bits() const {
    std::vector<float> all;
    for (const at::Tensor& weight : weights_) {
      const at::Tensor flat = weight.detach().contiguous();
      all.insert(all.end(), flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
    }
    return all;
  }

 private:
  static at::Tensor numbers(at::IntArrayRef shape, double pace) {
    std::int64_t count = 1;
    for (const std::int64_t n : shape) count *= n;
    return at::sin(at::arange(1, count + 1, at::kFloat).mul(pace)).reshape(shape);
  }

  std::vector<at::Tensor> weights_;
  std::vector<at::Tensor> momentum_;
  std::int64_t updates_ = 0;
};

}  // namespace phaseguard::hook
