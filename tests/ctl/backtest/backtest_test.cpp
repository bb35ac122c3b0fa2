// Backtests of real recorded files: rates, lead times, AUC, labels, criteria, what is left out.
#include "monitor/ctl/backtest/backtest.h"

#include <nlohmann/json.hpp>

#include "monitor/ctl/backtest/backtest_plots.h"
#include "tests/ctl/recorded.h"
#include "tests/support/html.h"

using namespace phaseguard;

namespace {

// Judge scores of 12 steps: `calm`, then from step `from` on `loud`.
void write_run(const test::Place& place, const std::string& name, double calm, double loud,
               std::int64_t from, const std::string& policy = test::kPolicy) {
  test::Recorder run(name, policy);
  for (std::int64_t step = 0; step <= 12; ++step) run.judge(step, step >= from ? loud : calm);
  run.take(12, wire::Goodbye{wire::GoodbyeReason::kFinished, ""});
  run.write(place.file(name));
}

struct Four {
  test::Place place;
  std::vector<std::string> files;
  Four() {
    write_run(place, "bad-1", 0.1, 0.9, 3);
    write_run(place, "bad-2", 0.2, 0.25, 6);  // never reaches the threshold
    write_run(place, "good-1", 0.1, 0.1, 99);
    write_run(place, "good-2", 0.05, 0.22, 9);
    for (const char* name : {"bad-1", "bad-2", "good-1", "good-2"}) {
      files.push_back(place.file(name).string());
    }
  }
};

ctl::BacktestOptions labelled(const std::string& csv) {
  ctl::BacktestOptions options;
  auto labels = ctl::parse_labels(csv, "labels.csv");
  INFO((labels ? "" : labels.error().message));
  REQUIRE(labels.has_value());
  options.labels = *labels;
  options.labels_file = "labels.csv";
  return options;
}

constexpr const char* kLabels =
    "run,label,harm_step\nbad-1,malicious,9\nbad-2,malicious,\n# two harmless ones\n"
    "good-1,harmless\ngood-2.phaseguard,harmless,\n";

Result<ctl::Backtest> run(const Four& four, const ctl::BacktestOptions& options,
                          const std::string& policy = test::kPolicy) {
  return ctl::backtest({test::document_of(policy)}, {"small.toml"}, four.files, options);
}

template <class T>
std::string error_of(const Result<T>& result) {
  REQUIRE_FALSE(result.has_value());
  return result.error().message;
}

bool has(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("rates, lead times, lambda and AUC of labelled runs", "[ctl][backtest]") {
  const Four four;
  auto result = run(four, labelled(kLabels));
  INFO((result ? "" : result.error().message));
  REQUIRE(result.has_value());
  const ctl::PolicyScore& policy = result->policies.at(0);
  REQUIRE(policy.malicious.acted->k == 1);
  REQUIRE(policy.malicious.acted->n == 2);
  REQUIRE(policy.malicious.acted->lower == Approx(0.0945).margin(1e-4));  // Wilson, 1 of 2
  REQUIRE(policy.harmless.acted->k == 0);
  // Two in a row above 0.3: fires at step 4, the harm is declared for step 9, the run ends at 12.
  REQUIRE(policy.runs.at(0).trace.acted == Step{4});
  REQUIRE(policy.runs.at(0).trace.lead == 8);
  REQUIRE(policy.malicious.leads == std::vector<std::int64_t>{5});
  REQUIRE(policy.runs.at(0).trace.spent.at(0) == 16.0);  // kl 2 in force for steps 5 to 12
  REQUIRE(policy.malicious.spent.at(0) == 8.0);
  REQUIRE(policy.harmless.spent.at(0) == 0.0);
  REQUIRE(policy.floor == Step{2});
  REQUIRE_FALSE(policy.saturated());
  // Peaks 0.9 and 0.25 against 0.1 and 0.22: every pair is in order.
  const ctl::DetectorScore& judge = policy.detectors.at(0);
  REQUIRE(judge.malicious == std::vector<double>{0.9, 0.25});
  REQUIRE(judge.ranking->auroc == 1.0);
  REQUIRE(judge.interval.has_value());

  const std::string text = ctl::backtest_text(*result);
  REQUIRE(has(text, "50.0 % [9.5, 90.5] (1 of 2; 2 runs, d 1.00)"));
  REQUIRE(has(text, ctl::kBacktestCaveat));
  const auto json = ctl::backtest_json(*result);
  REQUIRE(json.at("policies").at(0).at("runs").at(0).at("acted_step") == 4);
  REQUIRE(json.at("caveat") == ctl::kBacktestCaveat);
}

TEST_CASE("runs of one group count as one cluster", "[ctl][backtest]") {
  const Four four;
  auto result = run(four, labelled("run,label,harm_step,group\nbad-1,malicious,9,world-0\n"
                                   "bad-2,malicious,,world-0\ngood-1,harmless,,world-0\n"
                                   "good-2,harmless,,\n"));
  REQUIRE(result.has_value());
  const ctl::PolicyScore& policy = result->policies.at(0);
  REQUIRE(stats::text_of(*policy.malicious.acted->clusters) == "1 group, each counted once");
  REQUIRE(policy.malicious.acted->upper > 0.99);
  REQUIRE(policy.harmless.acted->clusters->count == 2);
  REQUIRE(ctl::backtest_json(*result).at("runs").at(0).at("group") == "world-0");
}

TEST_CASE("peaks stop at --until-step", "[ctl][backtest]") {
  const Four four;
  auto options = labelled(kLabels);
  options.until_step = Step{5};
  auto result = run(four, options);
  REQUIRE(result.has_value());
  const ctl::DetectorScore& judge = result->policies.at(0).detectors.at(0);
  REQUIRE(judge.malicious == std::vector<double>{0.9, 0.2});
  REQUIRE(judge.harmless == std::vector<double>{0.1, 0.05});
}

TEST_CASE("a recording's own raise is told, and peaks can stop before it", "[ctl][backtest]") {
  const test::Place place;
  test::malicious().write(place.file("bad-1"));
  auto options = labelled("run,label\nbad-1,malicious\n");
  options.until_raise = true;
  auto result = ctl::backtest({test::document_of(test::kPolicy)}, {"small.toml"},
                              {place.file("bad-1").string()}, options);
  REQUIRE(result.has_value());
  REQUIRE(result->runs.at(0).raised == Step{5});
  REQUIRE(has(result->raised_remark(), "1 of 1 recording"));
  REQUIRE(result->policies.at(0).detectors.at(0).malicious == std::vector<double>{0.9});
  REQUIRE_FALSE(result->policies.at(0).runs.at(0).trace.after_raise);
  // 4 steps quiet, one at 2 before the rollback, six after it
  REQUIRE(result->policies.at(0).runs.at(0).trace.spent.at(0) == 14.0);
}

TEST_CASE("a policy that acts as soon as it can is saturated", "[ctl][backtest]") {
  const test::Place place;
  write_run(place, "bad-1", 0.9, 0.9, 0);
  write_run(place, "good-1", 0.8, 0.8, 0);
  auto result = ctl::backtest({test::document_of(test::kPolicy)}, {"small.toml"},
                              {place.file("bad-1").string(), place.file("good-1").string()},
                              labelled("run,label\nbad-1,malicious\ngood-1,harmless\n"));
  REQUIRE(result.has_value());
  REQUIRE(result->policies.at(0).saturated());
  REQUIRE(has(ctl::backtest_text(*result), "and did so in all 2 runs in which it acted"));
  REQUIRE(has(ctl::backtest_page(*result), "the step says nothing"));
}

TEST_CASE("criteria pass at equality and fail when nothing was measured", "[ctl][backtest]") {
  const Four four;
  auto options = labelled(kLabels);
  auto criteria = ctl::parse_criteria(
      "detection >= 0.5\nfalse_alarm <= 0   # none at all\nlambda_steps_malicious <= 7.9\n"
      "auc judge >= 1\nlead_steps >= 5\n",
      "c.txt");
  REQUIRE(criteria.has_value());
  options.criteria = *criteria;
  auto result = run(four, options);
  REQUIRE(result.has_value());
  const auto& found = result->policies.at(0).criteria;
  REQUIRE(found.at(0).pass);
  REQUIRE(found.at(1).pass);
  REQUIRE_FALSE(found.at(2).pass);
  REQUIRE(found.at(3).pass);
  REQUIRE(found.at(4).pass);
  REQUIRE_FALSE(result->passed());
  // One class only: what needs the other one is not measured, and what was not measured failed.
  auto malicious = labelled("run,label\nbad-1,malicious\n");
  malicious.criteria = *criteria;
  auto one =
      ctl::backtest({test::document_of(test::kPolicy)}, {"small.toml"}, {four.files[0]}, malicious);
  REQUIRE(one.has_value());
  REQUIRE_FALSE(one->policies.at(0).criteria.at(1).pass);
  REQUIRE_FALSE(one->policies.at(0).detectors.at(0).ranking.has_value());
  REQUIRE(has(ctl::backtest_text(*one), "not defined: 1 malicious and 0 harmless"));
  REQUIRE(has(ctl::backtest_text(*one), "no such runs"));
}

TEST_CASE("what cannot be used is left out by name", "[ctl][backtest]") {
  const Four four;
  // A policy for a signal that these runs do not declare.
  std::string other = test::kPolicy;
  other.replace(other.find("judge/score"), 11, "judge/other");
  auto result = ctl::backtest({test::document_of(test::kPolicy), test::document_of(other)},
                              {"a.toml", "b.toml"}, four.files, labelled(kLabels));
  REQUIRE(result.has_value());
  REQUIRE(result->policies.at(0).skips.empty());
  REQUIRE(result->policies.at(1).skips.size() == 4);
  REQUIRE(has(result->policies.at(1).skips.at(0).why, "judge/other"));
  REQUIRE_FALSE(result->policies.at(1).malicious.acted.has_value());
  REQUIRE(has(ctl::backtest_page(*result), "Runs that it does not fit"));
}

TEST_CASE("labels, criteria and rules that are wrong are one clear message",
          "[ctl][backtest][hostile]") {
  const auto labels = [](const std::string& csv) {
    return error_of(ctl::parse_labels(csv, "l.csv"));
  };
  REQUIRE(has(labels(""), "l.csv: expected a CSV"));
  REQUIRE(has(labels("name,label\n"), "l.csv:1: expected the header run,label"));
  REQUIRE(has(labels("run,label\na,evil\n"), "l.csv:2: expected the label malicious or harmless"));
  REQUIRE(has(labels("run,label\na\n"), "expected RUN,LABEL"));
  REQUIRE(has(labels("run,label\na,harmless\na,harmless\n"), "has a label already, on line 2"));
  REQUIRE(has(labels("run,label,harm_step\na,harmless,-3\n"), "harm_step of 0 or more"));
  const auto criteria = [](const std::string& text) {
    return error_of(ctl::parse_criteria(text, "c"));
  };
  REQUIRE(has(criteria("# nothing\n"), "expected at least one criterion"));
  REQUIRE(has(criteria("detecton >= 1\n"), "c:1: unknown measure \"detecton\"; did you mean"));
  REQUIRE(has(criteria("detection > 1\n"), "expected detection >= NUMBER"));
  REQUIRE(has(criteria("detection >= nan\n"), "expected a finite number"));
  REQUIRE(has(criteria("auc >= 1\n"), "expected auc DETECTOR >= NUMBER"));

  const Four four;
  auto options = labelled("run,label\nnobody,harmless\n");
  REQUIRE(has(error_of(run(four, options)), "labels.csv:2: no run \"nobody\""));
  options = labelled(kLabels);
  options.rule = "defnd";
  REQUIRE(has(error_of(run(four, options)), "no policy has a rule \"defnd\""));
  options.rule.clear();
  options.criteria = {{"auc", "jude", true, 0.5, 3}};
  REQUIRE(has(error_of(run(four, options)), "no policy has a detector \"jude\""));
  REQUIRE(has(error_of(ctl::backtest({test::document_of(test::kPolicy)}, {"a"},
                                     {four.place.file("absent").string()}, {})),
              "no such run file"));
}

TEST_CASE("runs without a usable label are an error when nothing is left",
          "[ctl][backtest][hostile]") {
  const test::Place place;
  test::Recorder unlabelled("u", test::kPolicy);
  std::get<wire::Hello>(unlabelled.messages.at(0).body).label = {};
  unlabelled.take(1, wire::Goodbye{wire::GoodbyeReason::kFinished, ""});
  unlabelled.write(place.file("u"));
  const std::string error = error_of(
      ctl::backtest({test::document_of(test::kPolicy)}, {"a"}, {place.file("u").string()}, {}));
  REQUIRE(has(error, "expected runs labelled malicious or harmless, found none in 1 file"));
  REQUIRE(has(error, "none given with --labels"));
}

TEST_CASE("the ROC curve has a corner per distinct peak", "[ctl][backtest]") {
  const auto curve = ctl::roc_curve({0.9, 0.5}, {0.5, 0.1});
  REQUIRE(curve.size() == 4);
  REQUIRE(curve[1].hits == 0.5);
  REQUIRE(curve[1].alarms == 0.0);
  REQUIRE(curve[2].hits == 1.0);  // 0.5 is a tie: both move at once
  REQUIRE(curve[2].alarms == 0.5);
  REQUIRE(curve[3].alarms == 1.0);
}

TEST_CASE("the page is self-contained and escapes what comes from a record", "[ctl][backtest]") {
  const Four four;
  auto options = labelled(kLabels);
  auto result =
      ctl::backtest({test::document_of(test::kPolicy)}, {"<b>.toml"}, four.files, options);
  REQUIRE(result.has_value());
  const std::string page = ctl::backtest_page(*result);
  REQUIRE(test::faults_of_page(page).empty());
  REQUIRE(page.find("<b>.toml") == std::string::npos);
  REQUIRE(has(page, "&lt;b&gt;.toml"));
  REQUIRE(has(page, "prefers-color-scheme:dark"));
  REQUIRE(has(page, "aria-label='ROC curve of judge (level on judge/score)'"));
  REQUIRE(has(page, "what another lambda would have produced"));
}
