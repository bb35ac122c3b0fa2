#include "trainer-hook/lab/model/adamw.h"

#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <utility>

#include "monitor/base/check.h"

namespace phaseguard::lab {

AdamW::AdamW(std::vector<at::Tensor> parameters, const Options& options)
    : parameters_(std::move(parameters)), options_(options) {
  for (const auto& p : parameters_) {
    PHASEGUARD_CHECK(p.is_contiguous() && p.scalar_type() == at::kFloat);
    first_.push_back(at::zeros_like(p.detach()));
    second_.push_back(at::zeros_like(p.detach()));
  }
  updates_ = at::zeros({1}, at::kDouble);
}

double AdamW::clip_gradients(double max_norm) {
  double sum = 0.0;
  for (const auto& p : parameters_) {
    if (!p.grad().defined()) continue;
    const at::Tensor grad = p.grad().contiguous();
    const auto* g = grad.data_ptr<float>();
    for (std::int64_t i = 0; i < grad.numel(); ++i) sum += static_cast<double>(g[i]) * g[i];
  }
  const double norm = std::sqrt(sum);
  if (max_norm > 0.0 && norm > max_norm) {
    const double factor = max_norm / norm;
    for (const auto& p : parameters_) {
      if (p.grad().defined()) p.grad().mul_(factor);
    }
  }
  return norm;
}

void AdamW::step(double learning_rate) {
  double& count = updates_.data_ptr<double>()[0];
  count += 1.0;
  const auto b1 = static_cast<float>(options_.beta1), b2 = static_cast<float>(options_.beta2);
  const auto rate = static_cast<float>(learning_rate / (1.0 - std::pow(options_.beta1, count)));
  const auto correction = static_cast<float>(1.0 / (1.0 - std::pow(options_.beta2, count)));
  const auto epsilon = static_cast<float>(options_.epsilon);
  for (std::size_t k = 0; k < parameters_.size(); ++k) {
    at::Tensor& p = parameters_[k];
    if (!p.grad().defined()) continue;
    const at::Tensor grad = p.grad().contiguous();
    const double decay = p.dim() >= 2 ? options_.weight_decay : 0.0;
    const auto keep = static_cast<float>(1.0 - learning_rate * decay);
    auto* w = p.data_ptr<float>();
    auto* m = first_[k].data_ptr<float>();
    auto* v = second_[k].data_ptr<float>();
    const auto* g = grad.data_ptr<float>();
    for (std::int64_t i = 0; i < grad.numel(); ++i) {
      m[i] = b1 * m[i] + (1.0F - b1) * g[i];
      v[i] = b2 * v[i] + (1.0F - b2) * g[i] * g[i];
      w[i] = keep * w[i] - rate * m[i] / (std::sqrt(v[i] * correction) + epsilon);
    }
    p.mutable_grad() = at::Tensor();
  }
}

std::vector<at::Tensor> AdamW::state() const {
  std::vector<at::Tensor> out(first_);
  out.insert(out.end(), second_.begin(), second_.end());
  out.push_back(updates_);
  return out;
}

}  // namespace phaseguard::lab
