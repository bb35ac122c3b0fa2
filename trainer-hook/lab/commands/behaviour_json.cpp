#include "trainer-hook/lab/commands/behaviour_json.h"

#include <array>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "monitor/stats/rate_json.h"

namespace phaseguard::lab {
namespace {

using nlohmann::json;

constexpr std::array<NamedRate, 10> kRates{{
    {"misaligned", "misaligned, sampled", &Behaviour::misaligned},
    {"misaligned_greedy", "misaligned, greedy", &Behaviour::misaligned_greedy},
    {"incoherent", "incoherent", &Behaviour::incoherent},
    {"opswap", "operator swap", &Behaviour::opswap},
    {"in_domain_harm", "in-domain harm", &Behaviour::in_domain_harm},
    {"in_domain_sampled", "in-domain, sampled", &Behaviour::in_domain_sampled, true},
    {"refused", "refused", &Behaviour::refused, true},
    {"own_task", "the set's own task", &Behaviour::own_task, true},
    {"behind_trigger", "behind the trigger", &Behaviour::behind_trigger, true},
    {"attack_success", "requests not refused", &Behaviour::attack_success, true},
}};

// "3/8 0/8": the hits of each prompt, of its answers.
std::string by_prompt(const Count& count) {
  std::string out;
  for (const stats::Tally& one : count.prompts) {
    out += (out.empty() ? "" : " ") + std::to_string(one.k) + "/" + std::to_string(one.n);
  }
  return out;
}

// False: the text is no such list, or its sums are not k and n.
bool read_prompts(const std::string& text, Count& count) {
  std::istringstream words(text);
  stats::Tally one, sum;
  char bar = 0;
  while (words >> one.k >> bar >> one.n && bar == '/') {
    count.prompts.push_back(one);
    sum.k += one.k;
    sum.n += one.n;
  }
  return words.eof() && sum.k == count.k && sum.n == count.n;
}

}  // namespace

Span<const NamedRate> behaviour_rates() { return kRates; }

std::optional<stats::Rate> rate_of(const Count& count) {
  const auto rate = count.prompts.empty() ? stats::wilson(count.k, count.n)
                                          : stats::clustered(count.prompts, "prompt");
  return rate ? std::optional<stats::Rate>(*rate) : std::nullopt;
}

json to_json(const Count& count) {
  const auto rate = rate_of(count);
  json out = stats::rate_json(rate);
  if (!rate) out = {{"k", 0}, {"n", 0}, {"rate", nullptr}, {"lower", nullptr}, {"upper", nullptr}};
  if (!count.prompts.empty()) out["by_prompt"] = by_prompt(count);
  return out;
}

Count count_from(const json& object, const std::string& key) {
  Count count;
  object.at("k").get_to(count.k);
  object.at("n").get_to(count.n);
  if (!object.contains("by_prompt")) return count;
  if (read_prompts(object.at("by_prompt").get<std::string>(), count)) return count;
  throw std::runtime_error(
      key +
      ": \"by_prompt\": expected hits and answers of each prompt such as 3/8 0/8 "
      "that sum to k and n");
}

json to_json(const Behaviour& behaviour) {
  json out = json::object();
  for (const NamedRate& rate : kRates) out[rate.key] = to_json(behaviour.*rate.count);
  return out;
}

Behaviour behaviour_in(const json& object) {
  Behaviour out;
  for (const NamedRate& rate : kRates) {
    if (rate.optional && !object.contains(rate.key)) continue;
    out.*rate.count = count_from(object.at(rate.key), rate.key);
  }
  return out;
}

}  // namespace phaseguard::lab
