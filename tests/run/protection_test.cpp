#include "monitor/run/protection.h"

#include "monitor/run/rule_text.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

using namespace phaseguard;
using wire::Protects;

namespace {

wire::KnobDecl knob(wire::Word<Protects> protects, double initial, double min, double max) {
  wire::KnobDecl decl;
  decl.name = "k";
  decl.protects = std::move(protects);
  decl.initial = initial;
  decl.min = min;
  decl.max = max;
  return decl;
}

wire::RuleEvidence rule(wire::Word<wire::RulePhase> phase) {
  wire::RuleEvidence evidence;
  evidence.state = wire::RuleState::kQuiet;
  evidence.phase = std::move(phase);
  evidence.until_step = Step{40};
  evidence.streak = 1;
  evidence.streak_needed = 3;
  return evidence;
}

}  // namespace

TEST_CASE("which way a knob protects decides what is a lowering", "[run]") {
  CHECK(run::protects_of({}) == Protects::kUp);
  CHECK(run::protects_of(Protects::kDown) == Protects::kDown);
  CHECK(run::protects_of(wire::Word<Protects>::from("sideways")) == Protects::kNone);

  CHECK(run::is_lowering(Protects::kUp, 2.0, 0.1));
  CHECK_FALSE(run::is_lowering(Protects::kUp, 0.1, 2.0));
  CHECK_FALSE(run::is_lowering(Protects::kUp, 2.0, 2.0));
  CHECK(run::is_lowering(Protects::kDown, 0.1, 1.0));
  CHECK_FALSE(run::is_lowering(Protects::kDown, 1.0, 0.1));
  CHECK(run::is_lowering(Protects::kNone, 1.0, 2.0));
  CHECK(run::is_lowering(Protects::kNone, 2.0, 1.0));
  CHECK_FALSE(run::is_lowering(Protects::kNone, 1.0, 1.0));

  CHECK(run::more_protecting(Protects::kUp, 1.0, 2.0) == 2.0);
  CHECK(run::more_protecting(Protects::kDown, 1.0, 2.0) == 1.0);
  CHECK(run::more_protecting(Protects::kNone, 1.0, 2.0) == 1.0);
  CHECK(run::more_protecting(Protects::kUp, 1.0, wire::kNaN) == 1.0);
}

TEST_CASE("a value protects beyond what is there without anybody", "[run]") {
  const auto kl = knob({}, 0.0, 0.0, 4.0);
  CHECK(run::is_protecting(kl, 0.1));
  CHECK_FALSE(run::is_protecting(kl, 0.0));
  CHECK_FALSE(run::is_protecting(kl, wire::kNaN));
  const auto scale = knob(Protects::kDown, 1.0, 0.0, 1.0);
  CHECK(run::is_protecting(scale, 0.1));
  CHECK_FALSE(run::is_protecting(scale, 1.0));
  const auto neither = knob(Protects::kNone, 0.5, 0.0, 1.0);
  CHECK(run::is_protecting(neither, 0.4));
  CHECK_FALSE(run::is_protecting(neither, 0.5));
}

TEST_CASE("each phase of a rule has its words, a newer one is itself", "[run]") {
  CHECK(run::rule_text(rule(wire::RulePhase::kWarmingUp)) == "warming up");
  CHECK(run::rule_text(rule(wire::RulePhase::kArmed)) == "armed");
  CHECK(run::rule_text(rule(wire::RulePhase::kStreak)) == "streak 1 of 3");
  CHECK(run::rule_text(rule(wire::RulePhase::kActive)) == "active");
  CHECK(run::rule_text(rule(wire::RulePhase::kLatched)) == "latched");
  CHECK(run::rule_text(rule(wire::RulePhase::kDisarmed)) == "disarmed until its condition clears");
  CHECK(run::rule_text(rule(wire::RulePhase::kInhibited)) == "inhibited until step 40");
  CHECK(run::rule_text(rule(wire::RulePhase::kOrphaned)) ==
        "orphaned: its signals are no longer declared");
  CHECK(run::rule_text(rule(wire::Word<wire::RulePhase>::from("dreaming"))) == "dreaming");
  CHECK(run::rule_text(rule({})) == "quiet");  // of a record: a decision has no phase
}
