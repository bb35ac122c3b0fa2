// What the checker sends to a trainer's knobs: within their range, and never less protecting than
// what they declare, but for the one value that must be refused.
#include "monitor/check/plan.h"

#include "monitor/run/protection.h"
#include "tests/support/declared.h"
#include "tests/support/policy.h"

using namespace phaseguard;
using namespace phaseguard::check;

namespace {

wire::KnobDecl knob(const std::string& name, double min, double max, double initial,
                    wire::Protects protects) {
  wire::KnobDecl declared;
  declared.name = name;
  declared.min = min;
  declared.max = max;
  declared.initial = initial;
  declared.protects = protects;
  return declared;
}

wire::Hello declaring(std::vector<wire::KnobDecl> knobs) {
  wire::Hello hello;
  hello.knobs = std::move(knobs);
  hello.signals = {test::judge_signal()};
  return hello;
}

}  // namespace

TEST_CASE("every value but one lies within the range and protects more than the initial one",
          "[check]") {
  const wire::KnobDecl declared =
      GENERATE(knob("up", 0.0, 4.0, 0.0, wire::Protects::kUp),
               knob("raised", -2.0, 4.0, 1.0, wire::Protects::kUp),
               knob("down", 0.0, 1.0, 1.0, wire::Protects::kDown),
               knob("narrow", 1e6, 1e6 + 1000.0, 1e6, wire::Protects::kUp));
  const std::vector<KnobPlan> plan = plan_for(declaring({declared}));
  REQUIRE(plan.size() == 1);
  const wire::Protects protects = run::protects_of(declared.protects);
  std::vector<double> inside{plan[0].base, plan[0].raised, plan[0].lowered};
  for (std::size_t i = 0; i < kForgeries; ++i) {
    const bool must_be_out = static_cast<Forgery>(i) == Forgery::kOutside;
    const double value = plan[0].forged[i];
    CHECK((value < declared.min || value > declared.max) == must_be_out);
    CHECK(forgery_of(plan[0], value) == static_cast<Forgery>(i));
    if (!must_be_out) inside.push_back(value);
  }
  for (const double value : inside) {
    CHECK(value >= declared.min);
    CHECK(value <= declared.max);
    CHECK(run::protects_more(protects, value, declared.initial));
  }
  CHECK(run::protects_more(protects, plan[0].base, plan[0].lowered));
  CHECK(run::protects_more(protects, plan[0].raised, plan[0].base));
  CHECK_FALSE(forgery_of(plan[0], plan[0].base));
}

TEST_CASE("what cannot be raised is left alone", "[check]") {
  CHECK(plan_for(declaring({knob("none", 0.0, 1.0, 0.0, wire::Protects::kNone),
                            knob("at its end", 0.0, 1.0, 1.0, wire::Protects::kUp),
                            knob("no room", 2.0, 2.0, 2.0, wire::Protects::kUp)}))
            .empty());
}

TEST_CASE("the policy has every such knob at its base, and fits the trainer", "[check]") {
  const wire::Hello hello = declaring({knob("kl", 0.0, 4.0, 0.0, wire::Protects::kUp),
                                       knob("lr_scale", 0.0, 1.0, 1.0, wire::Protects::kDown)});
  const std::vector<KnobPlan> plan = plan_for(hello);
  const policy::Document document = test::document_of(policy_text(plan));
  REQUIRE(document.knobs.size() == 2);
  CHECK(document.knobs[0].base == plan[0].base);
  CHECK(document.rules.empty());
  CHECK(policy::fits(document, hello));
  CHECK(test::document_of(policy_text({})).knobs.empty());
}
