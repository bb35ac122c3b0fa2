#include "tests/conformance/operations.h"

namespace phaseguard::conformance {

std::vector<double> numbers(const json& list) {
  std::vector<double> out;
  for (const json& value : list) out.push_back(number_of(value));
  return out;
}

std::vector<float> floats(const json& list) {
  std::vector<float> out;
  for (const json& value : list) out.push_back(static_cast<float>(number_of(value)));
  return out;
}

std::vector<std::uint8_t> labels(const json& list) {
  std::vector<std::uint8_t> out;
  for (const json& value : list) out.push_back(value.get<std::uint8_t>());
  return out;
}

Operations all_operations() {
  Operations operations;
  add_js(operations);
  add_policy(operations);
  add_lambda(operations);
  add_probe(operations);
  add_evaluate(operations);
  add_defense_rules(operations);
#if defined(PHASEGUARD_HAVE_TORCH)
  add_kl(operations);
  add_features(operations);
#endif
  return operations;
}

}  // namespace phaseguard::conformance
