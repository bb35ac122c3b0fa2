// What the file says about knobs, controllers and rules. Part of document.h; docs/POLICY.md
// explains each. Plain data, checked by the parser: every number is finite, every index is there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "monitor/base/types.h"
#include "monitor/policy/ask.h"
#include "monitor/policy/place.h"
#include "monitor/policy/source_spec.h"
#include "monitor/policy/span.h"
#include "monitor/wire/words.h"

namespace phaseguard::policy {

struct KnobSpec {
  std::string name;
  double base = 0.0;
  double min = 0.0;
  double max = 0.0;
  std::optional<double> slew_per_step;  // bound on moves that are not a trip's; none: at once
  std::optional<double> substitute;     // for link_loss = "substitute"
  Place place;
  std::optional<wire::Protects> protects;  // as the trainer must declare it; none: as it declares
  std::vector<Ask> asks;                   // what the knob must mean, in the order of knob_asks()
};

// ---- controllers: what a rule sets a knob to while it is in force (controller.h has their laws)

// A value that the file gives in units of the trainer's declared lambda*: `stars` of them. The
// number beside it is NaN until a declaration resolves it (resolved() in document.h).
using Stars = std::optional<double>;

// What a batch gets of which the input tells nothing, or too little.
enum class Unscored : std::uint8_t {
  kHold,  // the output before it; of values per sample, the most protecting of them
  kBase,  // the knob's base
  kLaw    // what the law gives at its highest risk
};

// A number. Moves up to it are immediate, whatever the slew limit.
struct ConstantController {
  double value = 0.0;
  Stars stars{};
};
// From the knob's value when the rule fired to `to`, in a straight line over `steps` steps.
struct RampController {
  double to = 0.0;
  std::int64_t steps = 1;  // >= 1
  Stars stars{};           // of `to`
};
struct Rung {
  double above = 0.0;  // strict, in the input's unit
  double value = 0.0;
};
// The value of the highest rung whose threshold the input exceeds, base below the first. A rung is
// left when the input is at or below its threshold less `hysteresis`.
struct LadderController {
  SourceSpec source;
  std::vector<Rung> rungs;  // rising thresholds, 1..64
  double hysteresis = 0.0;  // >= 0
  Unscored unscored = Unscored::kHold;
};
// What a law from risk to weight gives: the knob's own weight, or a convex weight beta in [0, 1)
// that is turned into lambda = beta / (1 - beta).
enum class RiskOutput : std::uint8_t { kLambda, kBeta };
// A straight line in the smoothed risk, or with a noise floor a dead zone.
struct RiskLinearController {
  SourceSpec source;  // risk in [0, 1]; outside: BAD
  double min = 0.0;
  double max = 0.0;                   // >= min
  double smoothing = 1.0;             // a in (0, 1]; 1: none
  std::optional<double> noise_floor;  // f in [0, 1/3): the judge's false-positive rate
  RiskOutput output = RiskOutput::kLambda;
  Stars stars{};  // of `max`, an output in lambda
  Unscored unscored = Unscored::kHold;
};
enum class RiskScale : std::uint8_t {
  kScore,  // 1..5
  kRisk    // r in 0..1, read as the score 1 + 4 r
};
// The published law of a judge's score, in convex form.
struct RiskClampController {
  SourceSpec source;
  RiskScale scale = RiskScale::kScore;
  Unscored unscored = Unscored::kHold;
};
// One weight per sample of the batch, from the risk of each. At most one of the two options.
struct PerSampleController {
  SourceSpec source;  // one declared signal with items = "sample", risks in [0, 1] but for `above`
  double max = 0.0;
  std::optional<double> noise_floor;  // dead zone
  std::optional<double> above;        // a flag: max where the item is above it (strict), else 0
  Stars stars{};                      // of `max`
  Unscored unscored = Unscored::kHold;
};
// Multiplies the weight until the measured KL is near its target.
struct AdaptiveKlController {
  SourceSpec source;            // measured KL, nats per token
  double target = 0.0;          // > 0, same unit
  double horizon = 0.0;         // > 0
  double floor = 0.0;           // >= 0
  double ceiling = 0.0;         // >= floor
  double init = 0.0;            // >= 0; taken as floor..ceiling
  std::int64_t per_update = 1;  // n: samples, or steps, from one update to the next
};
using Controller =
    std::variant<ConstantController, RampController, LadderController, RiskLinearController,
                 RiskClampController, PerSampleController, AdaptiveKlController>;

// The word of `controller = ...`.
[[nodiscard]] const char* name_of(const Controller& controller);
// What it looks at; null: constant and ramp look at nothing.
[[nodiscard]] const SourceSpec* source_of(const Controller& controller);
// What it says of a batch without scores; none: its output is of no batch.
[[nodiscard]] std::optional<Unscored> unscored_of(const Controller& controller);
[[nodiscard]] const char* name_of(Unscored choice);
// Its value in units of lambda*, if the file gives it so.
[[nodiscard]] Stars stars_of(const Controller& controller);
// With lambda* = `star`: as if the file had the number.
void resolve_stars(Controller& controller, double star);
// The least and the most it can set a knob of this base to. A constant: its value, twice.
struct Reach {
  double min = 0.0;
  double max = 0.0;
};
[[nodiscard]] Reach reach_of(const Controller& controller, double base);

// ---- rules

struct KnobAction {
  std::size_t knob = 0;  // index into Document::knobs
  Controller controller;
  Place place;
};
// Where the penalty behind a knob is computed.
struct SiteAction {
  std::size_t knob = 0;
  wire::Word<wire::Site> site;  // one of the knob's declared sites
  Place place;
};

enum class Gate : std::uint8_t { kAll, kAny, kCount, kNot, kAlways };

// One voter of a rule: a detector that votes, or another rule that is active or latched.
struct Term {
  bool is_rule = false;
  std::size_t index = 0;  // into Document::rules or Document::detectors
  friend bool operator==(const Term& a, const Term& b) {
    return a.is_rule == b.is_rule && a.index == b.index;
  }
};

// What may be asked for when the trainer reports that it has no snapshot to go back to.
enum class WithoutSnapshot : std::uint8_t {
  kReference,  // a rollback to the oldest snapshot there is
  kPause,
  kStop,
  kNothing  // an alert alone
};
struct RollbackOptions {
  std::int64_t at_most = 0;   // rollbacks this rule may ask for in a run; 0: no bound
  std::optional<Span> every;  // steps or seconds from one of its rollbacks to its next
  WithoutSnapshot without_snapshot = WithoutSnapshot::kReference;
};
[[nodiscard]] const char* name_of(WithoutSnapshot choice);

struct RuleSpec {
  std::string name;
  Gate gate = Gate::kAll;
  std::int64_t needed = 1;  // votes; all: every term, any: 1, not: every term quiet, always: 0
  std::vector<Term> of;     // no duplicates; empty for kAlways alone
  // By place in `of`: terms of the same number are one vote in kCount, because one cause moves them
  // all. Empty: each is its own.
  std::vector<std::size_t> groups;
  bool latch = false;
  Step from_step{0};                // does not fire before
  std::int64_t for_points = 1;      // its condition held at so many new measurements in a row
  std::optional<Span> for_time;     // "for": ... and for so many steps or seconds
  std::optional<Span> hold;         // points, steps or seconds: stays active at least so long
  std::int64_t release_points = 0;  // quiet measurements in a row before it goes quiet; 0: at once
  std::optional<Span> cooldown;     // points, steps or seconds of quiet before it may fire again
  std::int64_t priority = 0;        // the highest of the rules in force sets the knob
  std::vector<KnobAction> sets;     // in the order of the file
  std::vector<SiteAction> sites;
  std::vector<wire::RequestType> requests;
  RollbackOptions rollback;
  std::optional<wire::Severity> alert;  // none: it raises no alert
  Place place;
};

// How many votes its terms have together.
[[nodiscard]] std::int64_t votes_of(const RuleSpec& rule);
// "all", "any", "2_of_n", "not" or "always".
[[nodiscard]] std::string when_of(const RuleSpec& rule);

}  // namespace phaseguard::policy
