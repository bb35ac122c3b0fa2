#include "tests/conformance/operations.h"

#include "trainer-hook/evaluate/wilson.h"

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

void add_evaluate(Operations& operations) {
  operations["wilson"].in_double = [](const json& input) -> json {
    const double confidence = input.contains("confidence") ? number_of(input["confidence"]) : 0.95;
    const auto rate = evaluate::wilson(input.at("k").get<std::int64_t>(),
                                       input.at("n").get<std::int64_t>(), confidence);
    if (!rate) return refused(rate.error());
    return {{"rate", rate->rate}, {"lower", rate->lower}, {"upper", rate->upper}};
  };
}

Operations all_operations() {
  Operations operations;
  add_js(operations);
  add_policy(operations);
  add_probe(operations);
  add_evaluate(operations);
#if defined(PHASEGUARD_HAVE_TORCH)
  add_kl(operations);
#endif
  return operations;
}

}  // namespace phaseguard::conformance
