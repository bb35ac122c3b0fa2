#include <cmath>

#include "tests/conformance/operations.h"
#include "trainer-hook/defenses/rules/best_of_n.h"

namespace phaseguard::conformance {

namespace {

json list_of(const std::vector<double>& values) {
  json out = json::array();
  for (const double value : values) out.push_back(std::isnan(value) ? json() : json(value));
  return out;
}

json best_of_n(const json& input) {
  std::vector<std::vector<double>> answers;
  for (const json& answer : input.at("token_logprobs")) answers.push_back(numbers(answer));
  const auto best = defenses::best_of_n(answers);
  if (!best) return refused(best.error());
  return {{"sum", list_of(best->sum)},
          {"mean", list_of(best->mean)},
          {"chosen", best->chosen},
          {"chosen_by_mean", best->chosen_by_mean}};
}

}  // namespace

void add_defense_rules(Operations& operations) { operations["best_of_n"] = {best_of_n, {}, {}}; }

}  // namespace phaseguard::conformance
