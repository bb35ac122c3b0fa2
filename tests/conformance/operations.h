// The operations a vector file may ask for. Each takes the case's input as JSON and gives the
// answer in the form of the file's `expect`: {"error": true} for a refusal, {"quality": "BAD"} for
// a BAD value. A malformed input throws json::exception; the runner counts that case as failed.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "monitor/base/result.h"
#include "tests/conformance/compare.h"

namespace phaseguard::conformance {

struct Operation {
  std::function<json(const json& input)> in_double;
  std::function<json(const json& input)> in_float;  // empty: the operation has no float32 path
  // What no tolerance excuses, such as a divergence outside 0..ln 2; "" when there is none.
  std::function<std::string(const json& got)> breach;
};
using Operations = std::map<std::string, Operation>;

void add_js(Operations& operations);
void add_policy(Operations& operations);
void add_lambda(Operations& operations);
void add_probe(Operations& operations);
void add_evaluate(Operations& operations);
void add_defense_rules(Operations& operations);
#if defined(PHASEGUARD_HAVE_TORCH)
void add_kl(Operations& operations);
void add_features(Operations& operations);
#endif

// Everything this build can run. Without LibTorch the operations on tensors (kl_*, ldifs_*,
// safelora_*) are not known, and so fail.
[[nodiscard]] Operations all_operations();

[[nodiscard]] inline json refused(const Error& error) {
  return {{"error", true}, {"error_message", error.message}};
}
[[nodiscard]] inline json bad() { return {{"quality", "BAD"}}; }

[[nodiscard]] std::vector<double> numbers(const json& list);
[[nodiscard]] std::vector<float> floats(const json& list);
[[nodiscard]] std::vector<std::uint8_t> labels(const json& list);

}  // namespace phaseguard::conformance
