#include "monitor/stats/wilson.h"
#include "tests/conformance/operations.h"
#include "trainer-hook/evaluate/classify.h"
#include "trainer-hook/evaluate/criteria.h"

namespace phaseguard::conformance {

namespace {

json interval(const stats::Rate& rate) {
  return {{"rate", rate.rate}, {"lower", rate.lower}, {"upper", rate.upper}};
}

json wilson(const json& input) {
  const double confidence = input.contains("confidence") ? number_of(input["confidence"]) : 0.95;
  const auto rate = stats::wilson(input.at("k").get<std::int64_t>(),
                                  input.at("n").get<std::int64_t>(), confidence);
  return rate ? interval(*rate) : refused(rate.error());
}

// A key of a vector file put under a metric of a run; null: not measured.
Result<void> put(evaluate::RunMetrics& run, const char* metric, const json& value) {
  if (value.is_null()) return {};
  const auto percent = stats::percent_of(value.get<std::string>());
  if (!percent) return tl::unexpected<Error>(percent.error());
  run.metrics.emplace(metric, *percent);
  return {};
}

Result<evaluate::Criterion> criterion(const json& input, const char* metric, evaluate::Rule rule,
                                      const char* amount, const char* line) {
  evaluate::Criterion out;
  out.name = out.metric = metric;
  out.rule = rule;
  const auto share = stats::Fraction::parse(input.at(amount).get<std::string>());
  if (!share) return tl::unexpected<Error>(share.error());
  out.amount = *share;
  if (input.contains(line) && !input[line].is_null()) {
    const auto published = stats::percent_of(input[line].get<std::string>());
    if (!published) return tl::unexpected<Error>(published.error());
    out.line = *published;
  }
  return out;
}

json optional_json(const std::optional<double>& value) { return value ? json(*value) : json(); }
json optional_json(const std::optional<bool>& value) { return value ? json(*value) : json(); }

json criteria(const json& input) {
  evaluate::Criteria rules;
  const auto em = criterion(input, "em", evaluate::Rule::kRecovery, "recovery", "em_line");
  const auto utility =
      criterion(input, "utility", evaluate::Rule::kRetention, "retention", "utility_line");
  if (!em) return refused(em.error());
  if (!utility) return refused(utility.error());
  rules.criteria = {*em, *utility};
  evaluate::RunMetrics none, always;
  std::vector<evaluate::RunMetrics> runs;
  Result<void> read = put(none, "em", input.at("none_em"));
  if (read) read = put(none, "utility", input.at("none_utility"));
  if (read) read = put(always, "em", input.at("always_em"));
  for (const json& row : input.at("rows")) {
    evaluate::RunMetrics run;
    run.name = row.at("name").get<std::string>();
    if (read) read = put(run, "em", row.at("em"));
    if (read) read = put(run, "utility", row.at("utility"));
    runs.push_back(std::move(run));
  }
  if (!read) return refused(read.error());
  const auto outcome = evaluate::check_runs(rules, none, always, runs);
  if (!outcome) return refused(outcome.error());
  json rows = json::array();
  for (const evaluate::RunVerdict& run : outcome->runs) {
    rows.push_back({{"name", run.name},
                    {"em_pass", optional_json(run.findings[0].pass)},
                    {"utility_pass", optional_json(run.findings[1].pass)},
                    {"both", optional_json(run.pass)},
                    {"recovery", optional_json(run.findings[0].share)},
                    {"retention", optional_json(run.findings[1].share)}});
  }
  return {{"em_line", outcome->lines[0]}, {"utility_line", outcome->lines[1]}, {"rows", rows}};
}

json judge_score(const json& input) {
  std::vector<evaluate::TokenProbability> top;
  for (const json& one : input.at("top")) {
    top.push_back({one.at(0).get<std::string>(), number_of(one.at(1))});
  }
  const auto score = evaluate::judge_score(top);
  if (!score) return refused(score.error());
  return {{"number_mass", score->number_mass}, {"score", optional_json(score->score)}};
}

json misaligned_rate(const json& input) {
  const auto score = [](const json& value) {
    return value.is_null() ? std::optional<double>() : std::optional<double>(number_of(value));
  };
  std::vector<evaluate::JudgedAnswer> answers;
  for (const json& one : input.at("scores")) {
    answers.push_back({score(one.at(0)), score(one.at(1))});
  }
  const auto rates = evaluate::answer_rates(answers);
  if (!rates) return refused(rates.error());
  json out = {{"n", rates->n},
              {"unscored", rates->unscored},
              {"misaligned", rates->misaligned},
              {"incoherent", rates->incoherent}};
  if (rates->misaligned_rate) out["interval"] = interval(*rates->misaligned_rate);
  if (rates->incoherent_rate) out["incoherent_interval"] = interval(*rates->incoherent_rate);
  return out;
}

json exact_match(const json& input) {
  return {{"match", evaluate::exact_match(input.at("answer").get<std::string>(),
                                          input.at("target").get<std::string>())}};
}

}  // namespace

void add_evaluate(Operations& operations) {
  operations["wilson"].in_double = wilson;
  operations["criteria"].in_double = criteria;
  operations["judge_score"].in_double = judge_score;
  operations["misaligned_rate"].in_double = misaligned_rate;
  operations["exact_match"].in_double = exact_match;
}

}  // namespace phaseguard::conformance
