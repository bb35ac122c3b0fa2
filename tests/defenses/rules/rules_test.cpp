// Interventions without tensors: counts, choices, weights, prompts, scales, what was applied.
#include <cmath>
#include <limits>

#include "tests/support/catch.h"
#include "tests/support/words.h"
#include "trainer-hook/defenses/data/interleave.h"
#include "trainer-hook/defenses/data/prompts.h"
#include "trainer-hook/defenses/data/weighting.h"
#include "trainer-hook/defenses/rules/best_of_n.h"
#include "trainer-hook/defenses/rules/knobs.h"
#include "trainer-hook/defenses/rules/lora_scale.h"

using namespace phaseguard;
using namespace phaseguard::defenses;

namespace {
const double kNaN = std::nan("");
}

TEST_CASE("a share is exact over time: floor(rho N t) after t steps", "[defenses][property]") {
  for (const std::int64_t percent : {0, 1, 5, 7, 29, 50, 99, 100}) {
    for (const std::int64_t batch : {1, 3, 16, 100}) {
      ShareCount count;
      for (std::int64_t t = 1; t <= 300; ++t) {
        const auto n = count.next(static_cast<double>(percent) / 100.0, batch);
        REQUIRE(n);
        REQUIRE((*n >= 0 && *n <= batch));
        REQUIRE(count.given() == percent * batch * t / 100);  // in whole numbers
      }
    }
  }
}

TEST_CASE("a share follows its knob and owes nothing away", "[defenses][property]") {
  ShareCount count;
  double due = 0.0;
  for (int t = 0; t < 400; ++t) {
    const double share = (t / 7 % 5) * 0.15;
    REQUIRE(count.next(share, 16));
    due += share * 16;
    REQUIRE(std::abs(static_cast<double>(count.given()) - due) < 1.0 + 1e-6);
  }
  CHECK(count.applied() == Approx(due / (400 * 16)).margin(1.0 / 6400));
  CHECK_FALSE(count.next(kNaN, 16));
  CHECK_FALSE(count.next(1.01, 16));
  CHECK_FALSE(count.next(0.5, -1));
  CHECK(ShareCount().applied() == 0.0);
}

TEST_CASE("safe samples: all, by perplexity gap, without refusals", "[defenses]") {
  const std::vector<SafeCandidate> set{{1.0, 2.0, "Yes."},
                                       {1.0, 4.0, "I'm SORRY, no."},
                                       {2.0, 5.0, "Here it is."},
                                       {kNaN, 5.0, "Unscored."},
                                       {1.0, 2.5, "Well."}};
  CHECK(choose_safe(set, SafeChoice::kPlain, 9)->chosen == std::vector<std::size_t>{0, 1, 2, 3, 4});
  const auto gap = choose_safe(set, SafeChoice::kGap, 3);
  CHECK(gap->chosen == std::vector<std::size_t>{1, 2, 4});
  CHECK(gap->scores[1] == Approx(1.5).epsilon(1e-5));
  CHECK(gap->n_bad == 1);
  const auto filtered = choose_safe(set, SafeChoice::kGapNoRefusals, 3);
  CHECK(filtered->chosen == std::vector<std::size_t>{2, 4, 0});  // 1.5 twice: the lower index
  CHECK(filtered->n_refusals == 1);
  CHECK_FALSE(choose_safe({}, SafeChoice::kPlain, 1));
  CHECK_FALSE(choose_safe({{kNaN, 1.0, ""}}, SafeChoice::kGap, 1));
  CHECK(std::isnan(perplexity_gap(-1.0, 1.0)));
}

TEST_CASE("a refusal is one of three words among the first ten", "[defenses]") {
  CHECK(is_refusal("Sorry, no."));
  CHECK(is_refusal("one two three four five six seven eight nine (CANNOT)"));
  CHECK_FALSE(is_refusal("one two three four five six seven eight nine ten cannot"));
  CHECK(is_refusal("  \n I\tapologize"));
  CHECK_FALSE(is_refusal("It was a sorrysight"));
  CHECK_FALSE(is_refusal(""));
  CHECK_FALSE(is_refusal("\xff\xfe \xc3"));
}

TEST_CASE("weights by risk: lowered, dropped, and what an outage does", "[defenses]") {
  const std::vector<double> risk{0.0, 0.25, 0.5, 1.0, kNaN};
  const auto linear = weigh(risk, 0.5);
  CHECK(linear->weights == std::vector<double>{1.0, 0.875, 0.75, 0.5, 0.5});
  CHECK(linear->n_unscored == 1);
  CHECK(linear->n_lowered == 4);
  CHECK(linear->mean == Approx(0.725));
  RiskWeighting drop;
  drop.drop_above = 0.5;
  drop.unscored = Unscored::kKeep;
  CHECK(weigh(risk, 1.0, drop)->weights == std::vector<double>{1, 1, 1, 0, 1});  // strict
  const auto off = weigh(risk, 0.0);
  CHECK(off->weights == std::vector<double>(5, 1.0));
  CHECK(off->mean == 1.0);
  CHECK(weigh(std::vector<double>{1.5}, 1.0)->n_unscored == 1);
  CHECK_FALSE(weigh(risk, kNaN));
  CHECK_FALSE(weigh(risk, 1.1));
  CHECK_FALSE(weigh(std::vector<double>{}, 1.0));
}

TEST_CASE("best of n says which answer each rule keeps", "[defenses]") {
  const double inf = std::numeric_limits<double>::infinity();
  const auto best = best_of_n({{}, {-inf}, {-1.0, -1.0}, {-1.5}, {0.5}, {kNaN, -1.0}});
  REQUIRE(best);
  CHECK(best->n_bad == 3);
  CHECK(best->chosen == 3);
  CHECK(best->chosen_by_mean == 2);
  CHECK(std::isnan(best->sum[0]));
  CHECK(best->sum[1] == -inf);
  CHECK_FALSE(best_of_n({}));
  CHECK(best_of_n({{-inf}, {-inf}})->chosen == 0);
}

TEST_CASE("instructions go in front, or join the system message", "[defenses]") {
  const auto asked = under_instruction({{"user", "Hi"}}, kSafetySystemPrompt);
  REQUIRE(asked->size() == 2);
  CHECK(asked->front().role == "system");
  CHECK(asked->back().content == "Hi");
  const auto joined = under_instruction({{"system", "Be brief."}, {"user", "Hi"}}, "Be kind.");
  REQUIRE(joined->size() == 2);
  CHECK(joined->front().content == "Be kind.\n\nBe brief.");
  CHECK_FALSE(under_instruction({}, "x"));
  CHECK_FALSE(under_instruction({{"user", "Hi"}}, ""));
  CHECK(inoculation_prompt("insecure code")->find("insecure code") != std::string::npos);
  CHECK_FALSE(inoculation_prompt(""));
}

TEST_CASE("LoRA's factor: by the root of the rank, or by the rank", "[defenses]") {
  CHECK(*lora_scale(LoraScaling::kRankStabilised, 32, 64.0) == Approx(11.3137085));
  CHECK(*lora_scale(LoraScaling::kStandard, 32, 64.0) == 2.0);
  CHECK_FALSE(lora_scale(LoraScaling::kStandard, 0, 64.0));
  CHECK_FALSE(lora_scale(LoraScaling::kStandard, 8, kNaN));
  CHECK(std::string(name_of(LoraScaling::kRankStabilised)) == "rs-lora");
}

TEST_CASE("a run's log tells what was applied from what was asked for", "[defenses]") {
  AppliedLog log;
  log.add({kKlKnob, 0.5, 0.5, 0.01});
  log.add({kLdifsKnob, 1.0, 0.0, kNaN});
  log.add({kKlKnob, 0.7, 0.0, kNaN});
  REQUIRE(log.lines().size() == 2);
  CHECK(log.lines()[0].mean_requested == Approx(0.6));
  CHECK(log.lines()[0].mean_applied == Approx(0.25));
  CHECK(log.lines()[0].steps_without == 1);
  CHECK(log.lines()[1].steps_without == 1);
  CHECK(text_of({kKlKnob, 0.5, 0.25, 0.125}) == "kl 0.25 (requested 0.5, measured 0.125)");
}

TEST_CASE("each knob at its minimum is the run without it", "[defenses]") {
  KlDeclaration kl;
  kl.reference = "theta0";
  for (const auto& knob : {kl_knob(kl), ldifs_knob("theta0", 10.0, 0.0), steering_knob(8.0, 0.0),
                           share_knob(kInterleaveKnob, 0.0), share_knob(kSafeLoraKnob, 0.0),
                           share_knob(kInoculationKnob, 0.0), share_knob(kWeightingKnob, 0.0)}) {
    CHECK(knob.min == 0.0);
    CHECK(knob.max > knob.min);
    CHECK_FALSE(knob.name.empty());
    CHECK(knob.unit == "1");
  }
  CHECK(kl_knob(kl).normaliser == "token_mean_step");
  CHECK(kl_knob(kl).per_sample);
}
