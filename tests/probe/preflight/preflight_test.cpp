#include <cmath>

#include "probe/preflight/plots.h"
#include "probe/preflight/render.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"
#include "tests/support/hostile.h"
#include "tests/support/html.h"
#include "tests/support/source_dir.h"
#include "tests/support/words.h"

using namespace phaseguard;
using namespace phaseguard::preflight;
using probe::SampleFile;
using probe::SampleScore;

namespace {

SampleScore sample(const std::string& id, double nll, double llr, double judge, int label) {
  SampleScore out;
  out.id = id;
  out.tokens = 5;
  out.nll = nll / 2.0;
  out.nll_max = nll;
  out.llr = llr;
  out.judge = judge;
  out.label = label;
  out.text = "<b>" + id + "</b>";
  return out;
}

// `bad` of n samples are harmful.
SampleFile data(int n, int bad) {
  SampleFile file;
  file.source.data = "made up";
  for (int i = 0; i < n; ++i) {
    const bool harmful = i % n < bad;
    file.samples.push_back(sample("s" + std::to_string(i), 4.0 + 0.01 * i, harmful ? 3.0 : -0.1,
                                  harmful ? 0.9 : 0.1, harmful ? 1 : 0));
  }
  return file;
}

constexpr const char* kPolicy = R"(
version = 1
name = "vote"
mode = "enforce"
[knob.kl]
base = 0.0
min = 0.0
max = 4.0
[detector.llr]
signal = "data/llr_share"
type = "level"
above = 0.2
consecutive = 2
[detector.judge]
signal = "judge/score"
type = "level"
above = 0.3
consecutive = 2
[detector.js]
signal = "canary/js"
type = "level"
variant = "full"
above = 0.15
consecutive = 2
[rule.defend]
when = "2_of_n"
of = ["llr", "judge", "js"]
latch = true
set.kl = 2.0
request = "rollback"
alert = "critical"
)";

policy::Document document(const std::string& text = kPolicy) {
  auto parsed = policy::parse(text, "test");
  for (const auto& one : parsed.diagnostics) INFO(policy::to_text(one, "test"));
  REQUIRE(parsed.document);
  return *parsed.document;
}

}  // namespace

TEST_CASE("the critical weight is where greedy decoding flips", "[preflight]") {
  // p = 1/2 is stationary for -ln p + lambda KL(Bern(p) || Bern(q)) exactly at lambda*.
  for (double nll : {0.8, 1.5, 4.0, 8.7, 30.0}) {
    const double q = std::exp(-nll), lambda = critical_lambda(nll);
    const double slope = -2.0 + lambda * (-std::log(q) + std::log1p(-q));
    CHECK(slope == Approx(0.0).margin(1e-9));
  }
  CHECK(critical_lambda(8.7) == Approx(2.0 / 8.7).epsilon(1e-4));
  CHECK(std::isinf(critical_lambda(std::log(2.0))));
  CHECK(std::isinf(critical_lambda(0.0)));
}

TEST_CASE("quantiles interpolate; one value is all of them", "[preflight]") {
  const Quantiles q = quantiles_of({4.0, 0.0, 1.0, 3.0, 2.0});
  CHECK(q.min == 0.0);
  CHECK(q.p25 == 1.0);
  CHECK(q.p50 == 2.0);
  CHECK(q.p95 == Approx(3.8));
  CHECK(q.max == 4.0);
  CHECK(q.mean == Approx(2.0));
  CHECK(quantiles_of({7.0}).p05 == 7.0);
}

TEST_CASE("samples are flagged by ratio and judge, worst first", "[preflight]") {
  SampleFile file = data(10, 3);
  file.samples[1].llr = 5.0;
  file.samples[9].judge = 0.8;  // the judge alone
  const auto found = summarise(file, {});
  REQUIRE(found);
  REQUIRE(found->flagged.size() == 4);
  CHECK(found->flagged[0].index == 1);
  CHECK(found->flagged[3].index == 9);
  CHECK(found->flagged[3].why == "judge 0.8 > 0.5");
  CHECK(found->share_llr->k == 3);
  CHECK(found->share_judge->n == 10);
  Options strict;
  strict.flag_llr = 5.0;  // strict: 5.0 itself is not flagged
  CHECK(summarise(file, strict)->share_llr->k == 0);
}

TEST_CASE("values outside their range are BAD and enter nothing", "[preflight][hostile]") {
  SampleFile file = data(4, 2);
  file.samples[0].judge = 1.5;
  file.samples[1].nll = -1.0;
  file.samples[2].llr = INFINITY;
  file.samples[3].judge = std::nan("");
  const auto found = summarise(file, {});
  REQUIRE(found);
  CHECK(found->judge.bad == 1);
  CHECK(found->judge.missing == 1);
  CHECK(found->nll.bad == 1);
  CHECK(found->llr.bad == 1);
  CHECK(found->warnings.size() == 3);
  CHECK_FALSE(summarise(SampleFile{}, {}));
  Options broken;
  broken.flag_llr = std::nan("");
  CHECK_FALSE(summarise(file, broken));
}

TEST_CASE("a weight above lambda*, and a score that carries it there, are warned of",
          "[preflight]") {
  const SampleFile file = data(20, 0);  // L about 4: lambda* about 0.5; the judge says 0.1
  Options options;
  options.lambda = 0.4;
  options.lambda_from = "a test";
  CHECK(summarise(file, options)->warnings.empty());
  options.lambda = 6.0;
  const auto found = summarise(file, options);
  REQUIRE(found->warnings.size() == 2);
  CHECK_THAT(found->warnings[0], Catch::Contains("(a test) is above lambda* = 0.49"));
  CHECK_THAT(found->warnings[1], Catch::Contains("6 x 0.1 = 0.6"));
  CHECK(found->noise->score == Approx(0.1));
  CHECK(found->noise->lower == Approx(0.2));
  // The judge's noise is measured on the clean set where one is given.
  for (int i = 0; i < 5; ++i) options.clean.push_back(sample("c", 1.0, 0.0, 0.5, -1));
  const auto noisy = summarise(file, options);
  CHECK(noisy->noise->score == 0.5);
  CHECK_FALSE(noisy->noise->has_dead_zone);
  CHECK_THAT(noisy->warnings.back(), Catch::Contains("no dead zone"));
}

TEST_CASE("a policy is rehearsed: nothing at step 0, the vote at the second measurement",
          "[preflight]") {
  StepZeroOptions options;
  const auto harmful = step_zero(document(), data(64, 64).samples, options);
  REQUIRE(harmful);
  CHECK(harmful->rules[0].state == wire::RuleState::kQuiet);
  CHECK(harmful->detectors[0].value == 1.0);
  CHECK(harmful->rules_after[0].state == wire::RuleState::kLatched);
  REQUIRE(harmful->first_rise);
  CHECK(*harmful->first_rise == 10);
  REQUIRE(harmful->decisions.size() == 1);
  CHECK(harmful->decisions[0].knobs[0].value == 2.0);
  CHECK(harmful->decisions[0].requests == std::vector<std::string>{"rollback"});
  CHECK(harmful->silent == std::vector<std::string>{"canary/js"});
  const auto harmless = step_zero(document(), data(64, 0).samples, options);
  REQUIRE(harmless);
  CHECK_FALSE(harmless->first_rise);
  CHECK(harmless->decisions.empty());
  CHECK(harmless->last_step == 100);
}

TEST_CASE("what the data do not say is silent, never a vote", "[preflight]") {
  auto samples = data(32, 32).samples;
  for (SampleScore& one : samples) one.judge = std::nan("");
  const auto found = step_zero(document(), samples, {});
  REQUIRE(found);
  CHECK(found->silent == std::vector<std::string>{"judge/score", "canary/js"});
  CHECK(found->rules_after[0].votes == 1);
  CHECK_FALSE(found->first_rise);
  CHECK_FALSE(step_zero(document(), {}, {}));
  StepZeroOptions no_batch;
  no_batch.batch = 0;
  CHECK_FALSE(step_zero(document(), samples, no_batch));
}

TEST_CASE("every shipped policy can be rehearsed", "[preflight]") {
  for (const char* name : {"hybrid", "hybrid-provider", "observe-only", "phaseguard-kl"}) {
    INFO(name);
    const std::string text =
        test::read_file(test::source_dir() + "/assets/policies/" + name + ".toml");
    const auto found = step_zero(document(text), data(32, 16).samples, {});
    if (!found) FAIL(found.error().message);
    CHECK(found->rules.size() == found->rules_after.size());
  }
  CHECK(largest_lambda(document())->value == 2.0);
}

TEST_CASE("text, JSON and page say the same, and the page is safe and self-contained",
          "[preflight][hostile]") {
  Preflight preflight;
  const SampleFile file = data(40, 10);
  preflight.title = "<script>alert(1)</script>" + std::string(test::kHostileName);
  preflight.options.lambda = 2.0;
  preflight.options.lambda_from = "a \"test\"";
  preflight.summary = *summarise(file, preflight.options);
  preflight.samples = file.samples;
  preflight.policy = *step_zero(document(), file.samples, {});
  const std::string text = text_of(preflight, 3), page = page_of(preflight);
  CHECK_THAT(text, Catch::Contains("flagged: 10 of 40") && Catch::Contains("and 7 more") &&
                       Catch::Contains("policy \"vote\"") && Catch::Contains("warning: "));
  const nlohmann::json json = json_of(preflight);
  CHECK(json["flagged"] == 10);
  CHECK(json["per_sample"].size() == 40);
  CHECK(json["lambda_star"][2]["at"] == "median");
  CHECK(json["policy"]["last"]["rules"][0]["votes"] == preflight.policy->rules_after[0].votes);
  CHECK(test::came_through(text + page).empty());
  CHECK(test::faults_of_page(page).empty());
  CHECK_THAT(page, !Catch::Contains("<b>s1</b>"));
  CHECK_THAT(page, Catch::Contains("&lt;script&gt;") && Catch::Contains("<svg") &&
                       Catch::Contains("Flagged samples: 10 of 40"));
}

TEST_CASE("plots of nothing, of one value and of many", "[preflight]") {
  CHECK_THAT(svg_of(Histogram{"t", "x", {}, std::nullopt}), Catch::Contains("no value"));
  CHECK_THAT(svg_of(Histogram{"t", "x", {3.0, 3.0}, std::nullopt}), Catch::Contains("<rect"));
  CHECK_THAT(svg_of(Scatter{"t", "x", "y", {{1.0, std::nan(""), false}}, std::nullopt}),
             Catch::Contains("no value"));
  const std::string two =
      svg_of(Scatter{"t", "x", "y", {{1.0, 2.0, false}, {2.0, 3.0, true}}, Line{2.5, "<line>"}});
  CHECK_THAT(two, Catch::Contains("class='dot'") && Catch::Contains("class='harm'") &&
                      Catch::Contains("&lt;line&gt;"));
  CHECK(two.find("nan") == std::string::npos);
}
