#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros_like.h>

#include <vector>

#include "tests/conformance/operations.h"
#include "tests/conformance/tensors.h"
#include "trainer-hook/defenses/penalty/kl.h"

namespace phaseguard::conformance {

namespace {

defenses::KlDirection direction_of(const json& input) {
  const auto direction = defenses::kl_direction(input.at("direction").get<std::string>());
  if (!direction) throw std::invalid_argument(direction.error().message);
  return *direction;
}

struct Rows {
  at::Tensor model, reference;
};
Rows rows_of(const json& input, at::ScalarType dtype) {
  Rows rows{tensor_of(input.at("model"), dtype), tensor_of(input.at("reference"), dtype)};
  rows.model.set_requires_grad(true);
  return rows;
}

json kl_position(const json& input, at::ScalarType dtype) {
  const Rows rows = rows_of(input, dtype);
  const auto kl = defenses::kl_per_position(rows.model, rows.reference, direction_of(input));
  if (!kl) return refused(kl.error());
  if (!kl->detach().isfinite().all().item<bool>()) return bad();
  return {{"value", nested(kl->detach())},
          {"grad_model_logits", nested(gradient(kl->sum(), rows.model))}};
}

json penalty_answer(const Rows& rows, const Result<defenses::KlPenalty>& penalty,
                    defenses::KlDirection direction) {
  if (!penalty) return refused(penalty.error());
  if (penalty->quality != Quality::kGood) {
    return {{"quality", "BAD"}, {"value", nullptr}, {"masked_positions", penalty->n_positions}};
  }
  const auto per_position = defenses::kl_per_position(rows.model, rows.reference, direction);
  return {{"value", penalty->measured},
          {"masked_positions", penalty->n_positions},
          {"per_position", nested(per_position->detach())},
          {"grad_model_logits", nested(gradient(penalty->value, rows.model))}};
}

json kl_token_mean(const json& input, at::ScalarType dtype) {
  const Rows rows = rows_of(input, dtype);
  const auto direction = direction_of(input);
  return penalty_answer(rows,
                        defenses::kl_token_mean(rows.model, rows.reference,
                                                tensor_of(input.at("mask"), dtype), direction),
                        direction);
}

json kl_per_sample(const json& input, at::ScalarType dtype) {
  const Rows rows = rows_of(input, dtype);
  const auto direction = direction_of(input);
  return penalty_answer(
      rows,
      defenses::kl_weighted(rows.model, rows.reference, tensor_of(input.at("mask"), dtype),
                            tensor_of(input.at("weights"), dtype), direction),
      direction);
}

json kl_accumulation(const json& input, at::ScalarType dtype) {
  const Rows rows = rows_of(input, dtype);
  const at::Tensor mask = tensor_of(input.at("mask"), dtype);
  const auto n = mask.sum().item<std::int64_t>();
  double value = 0.0;
  at::Tensor sum = at::zeros_like(rows.model);
  for (const json& micro : input.at("micro_batches")) {
    const at::Tensor pick = tensor_of(micro, at::kLong);
    const auto penalty = defenses::kl_token_mean(
        rows.model.index_select(0, pick), rows.reference.index_select(0, pick),
        mask.index_select(0, pick), direction_of(input), n);
    if (!penalty) return refused(penalty.error());
    if (penalty->quality != Quality::kGood) return bad();
    value += penalty->measured;
    sum = sum + gradient(penalty->value, rows.model);
  }
  return {{"value", value}, {"grad_model_logits", nested(sum.detach())}};
}

json kl_loss(const json& input, at::ScalarType dtype) {
  const at::Tensor ce = at::scalar_tensor(number_of(input.at("ce")), dtype);
  const at::Tensor kl = at::scalar_tensor(number_of(input.at("kl")), dtype);
  const auto form = input.at("form").get<std::string>();
  if (form == "additive") {
    return {{"loss", nested(defenses::additive(ce, kl, number_of(input.at("lambda"))))}};
  }
  if (form == "convex") {
    return {{"loss", nested(defenses::convex(ce, kl, number_of(input.at("beta"))))}};
  }
  return {{"error", true}, {"error_message", "form is neither additive nor convex"}};
}

json kl_estimators(const json& input, at::ScalarType dtype) {
  const Rows rows = rows_of(input, dtype);
  const at::Tensor token = tensor_of(input.at("token"), at::kLong);
  const auto one = defenses::sampled_kl(rows.model, rows.reference, token);
  if (!one) return refused(one.error());
  // Expectations under the model: every token, weighted by its probability held fixed.
  const std::int64_t vocabulary = rows.model.size(0);
  const at::Tensor every = at::arange(vocabulary, at::kLong);
  const auto all = defenses::sampled_kl(rows.model.expand({vocabulary, vocabulary}),
                                        rows.reference.expand({vocabulary, vocabulary}), every);
  if (!all) return refused(all.error());
  const at::Tensor p = rows.model.detach().softmax(-1);
  json out;
  const auto put = [&](const std::string& name, const at::Tensor& sampled, const at::Tensor& mean) {
    const at::Tensor expected = (p * mean).sum();
    out[name] = nested(sampled.detach());
    out["grad_" + name] = nested(gradient(sampled, rows.model));
    out["expected_" + name] = nested(expected.detach());
    out["expected_grad_" + name] = nested(gradient(expected, rows.model));
  };
  put("k1", one->k1, all->k1);
  put("k2", one->k2, all->k2);
  put("k3", one->k3, all->k3);
  return out;
}

}  // namespace

void add_kl(Operations& operations) {
  operations["kl_position"] = both_paths(kl_position);
  operations["kl_token_mean"] = both_paths(kl_token_mean);
  operations["kl_per_sample"] = both_paths(kl_per_sample);
  operations["kl_accumulation"] = both_paths(kl_accumulation);
  operations["kl_loss"] = both_paths(kl_loss);
  operations["kl_estimators"] = both_paths(kl_estimators);
}

}  // namespace phaseguard::conformance
