// LDIFS and SafeLoRA.
#include <ATen/TensorOperators.h>

#include <optional>
#include <stdexcept>
#include <vector>

#include "tests/conformance/operations.h"
#include "tests/conformance/tensors.h"
#include "trainer-hook/defenses/penalty/ldifs.h"
#include "trainer-hook/defenses/rules/safelora.h"

namespace phaseguard::conformance {

namespace {

json ldifs_layers(const json& input) {
  const auto layers = defenses::ldifs_layers(input.at("blocks").get<std::int64_t>(),
                                             input.at("points").get<std::int64_t>());
  if (!layers) return refused(layers.error());
  return {{"indices", *layers}};
}

json ldifs_distance(const json& input, at::ScalarType dtype) {
  std::vector<at::Tensor> model, reference;
  for (const json& layer : input.at("model"))
    model.push_back(tensor_of(layer, dtype).set_requires_grad(true));
  for (const json& layer : input.at("ref")) reference.push_back(tensor_of(layer, dtype));
  const at::Tensor mask = input.contains("mask") ? tensor_of(input["mask"], dtype) : at::Tensor();
  const auto penalty = defenses::ldifs_distance(model, reference, mask);
  if (!penalty) return refused(penalty.error());
  if (penalty->quality != Quality::kGood) return bad();
  json gradients = json::array();
  for (const at::Tensor& layer : model)
    gradients.push_back(nested(gradient(penalty->value, layer)));
  return {{"value", penalty->measured},
          {"per_sample", nested(penalty->per_sample.detach())},
          {"grad_model_features", gradients}};
}

json number_or_null(const std::optional<double>& value) { return value ? json(*value) : json(); }

json safelora_layer(const json& input, at::ScalarType dtype) {
  const at::Tensor aligned = tensor_of(input.at("aligned"), dtype);
  const at::Tensor base = tensor_of(input.at("base"), dtype);
  const defenses::LoraPair lora{"layer", tensor_of(input.at("A"), dtype),
                                tensor_of(input.at("B"), dtype)};
  const auto projection = defenses::safelora_layer(aligned, base, lora);
  if (!projection) return refused(projection.error());
  const defenses::SafeLoraLayer& layer = projection->layer;
  if (layer.quality != Quality::kGood)
    return {{"quality", "BAD"}, {"reason", "aligned and base weights are equal"}};
  // The matrix the implementation never forms: what it makes of the identity.
  const std::int64_t out = aligned.size(0);
  const defenses::LoraPair identity{"layer", at::Tensor(lora.a).new_zeros({out, aligned.size(1)}),
                                    lora.b.new_ones({out}).diag()};
  const auto c = defenses::safelora_layer(aligned, base, identity);
  if (!c) return refused(c.error());
  const double scale = number_of(input.at("scale"));
  return {{"V_norm", layer.v_norm},
          {"C", nested(c->b_projected)},
          {"C_spectral_norm", layer.c_norm},
          {"B_projected", nested(projection->b_projected)},
          {"update_before", nested(lora.b.matmul(lora.a) * scale)},
          {"update_after", nested(projection->b_projected.matmul(lora.a) * scale)},
          {"norm_ratio", number_or_null(layer.norm_ratio)},
          {"cosine", number_or_null(layer.cosine)}};
}

json safelora_select(const json& input) {
  std::vector<std::optional<double>> cosines;
  for (const json& value : input.at("cosines"))
    cosines.push_back(value.is_null() ? std::nullopt : std::optional<double>(number_of(value)));
  using Mode = defenses::SafeLoraSelection::Mode;
  const auto mode = input.at("mode").get<std::string>();
  if (mode != "threshold" && mode != "number")
    throw std::invalid_argument("mode is neither threshold nor number");
  const auto choice = defenses::safelora_select(
      cosines, {mode == "number" ? Mode::kNumber : Mode::kThreshold, number_of(input.at("value"))});
  if (!choice) return refused(choice.error());
  return {{"project", choice->project}, {"cut", choice->cut}};
}

}  // namespace

void add_features(Operations& operations) {
  operations["ldifs_layers"] = {ldifs_layers, {}, {}};
  operations["ldifs_distance"] = both_paths(ldifs_distance);
  operations["safelora_layer"] = both_paths(safelora_layer);
  operations["safelora_select"] = {safelora_select, {}, {}};
}

}  // namespace phaseguard::conformance
