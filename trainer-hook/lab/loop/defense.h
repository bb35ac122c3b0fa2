// Which intervention a run trains under, and how strongly: what --defense names. The interventions
// themselves are trainer-hook/defenses; here they meet the lab's model and data. Trainer's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/wire/messages.h"
#include "trainer-hook/defenses/data/interleave.h"
#include "trainer-hook/defenses/penalty/kl.h"
#include "trainer-hook/defenses/rules/safelora.h"

namespace phaseguard::lab {

enum class Defense : std::uint8_t {
  kNone,
  kKl,           // KL to theta0 where --kl-mask says
  kReplayKl,     // KL to theta0 on its own answers to neutral prompts
  kLdifs,        // distance in feature space
  kSafeLora,     // projection, at the end or every n steps
  kInterleave,   // a share of safe chat
  kSteering,     // the misaligned persona's direction added during training
  kInoculation,  // trained under the most misaligned source header
  kWeighting,    // risky samples count less
};
[[nodiscard]] const char* name_of(Defense defense);  // "none", "kl", "replay-kl", ...
[[nodiscard]] bool has_own_knob(Defense defense);    // one beside the KL's
[[nodiscard]] Result<Defense> parse_defense(std::string_view name);
[[nodiscard]] std::vector<std::string> defense_names();

enum class RiskSource : std::uint8_t { kJudge, kPersona };  // per sample, 0 or 1

struct DefenseOptions {
  Defense kind = Defense::kNone;
  std::optional<double> strength;  // of its knob; none: default_strength
  defenses::KlDirection kl_direction = defenses::KlDirection::kModelRef;
  defenses::KlMask kl_mask = defenses::KlMask::kAnswer;
  bool kl_convex = false;  // alpha CE + beta KL; strength is beta, the knob lambda = beta / alpha
  defenses::SafeChoice safe_choice = defenses::SafeChoice::kPlain;
  RiskSource risk = RiskSource::kJudge;
  std::int64_t steering_block = 1;
  defenses::SafeLoraSelection::Mode safelora_mode = defenses::SafeLoraSelection::Mode::kThreshold;
  std::int64_t safelora_every = 0;  // 0: once, after the last update
  std::string unaligned;            // SafeLoRA: theta0's weights before post-training
};
[[nodiscard]] double default_strength(Defense defense);
[[nodiscard]] double strength_of(const DefenseOptions& options);
// "ldifs 0.1", "kl 0.5 ref_model canary convex"; "" for none.
[[nodiscard]] std::string text_of(const DefenseOptions& options);
// What cannot work: a strength outside the knob's range, number mode without a whole number.
[[nodiscard]] Result<void> check(const DefenseOptions& options);

// What is in force in one step, by knob. `kl` also has the plan's per-sample values.
struct Strengths {
  double kl = 0.0;
  double kl_replay = 0.0;  // beside it, on theta0's own answers
  double ldifs = 0.0;
  double safelora = 0.0;
  double interleave = 0.0;
  double steering = 0.0;
  double inoculation = 0.0;
  double weighting = 0.0;
  std::vector<double> dropped;   // of each sample of the batch, 0..1; empty: `weighting` by risk
  bool replay = false;           // the KL's site
  bool declared_replay = false;  // the site where none is commanded
};
// Before any decision: the chosen defense at its strength, the others at rest.
[[nodiscard]] Strengths initial_strengths(const DefenseOptions& options);

// The knob of a defense that has one beside the KL's; null: none.
[[nodiscard]] const char* own_knob(Defense defense);
// The knobs to declare: the KL on the batch first, the KL on theta0's own answers, the weighting of
// samples, and the chosen defense's own. lambda_star: of the run's data; NaN: not measured.
[[nodiscard]] std::vector<wire::KnobDecl> declare_knobs(const DefenseOptions& options,
                                                        const std::string& theta0_id,
                                                        double lambda_star = wire::kNaN);
// The settings of declared knobs put into `strengths`: values, and the KL's site where a policy
// moved it. The KL's value is the plan's own.
void follow(const std::vector<wire::KnobSetting>& settings, Strengths& strengths);

}  // namespace phaseguard::lab
