// The knob of each intervention, as the trainer declares it in Hello::knobs so that the daemon can
// move it, and what the trainer reports back: the weight really applied. Every knob at its minimum
// is the run without that intervention. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/wire/messages.h"

namespace phaseguard::defenses {

inline constexpr const char* kKlKnob = "kl";               // weight lambda of the KL penalty
inline constexpr const char* kReplayKlKnob = "kl_replay";  // of a KL on the reference's own answers
inline constexpr const char* kLdifsKnob = "ldifs";         // weight of the feature distance
inline constexpr const char* kSafeLoraKnob = "safelora";   // threshold tau; 0 = off
inline constexpr const char* kInterleaveKnob = "interleave";    // share of safe samples
inline constexpr const char* kSteeringKnob = "steering";        // alpha, in units of the direction
inline constexpr const char* kInoculationKnob = "inoculation";  // share trained under the prompt
inline constexpr const char* kWeightingKnob = "weighting";      // strength of lowering by risk

struct KlDeclaration {
  wire::Word<wire::Site> site = wire::Site::kBatch;
  std::vector<wire::Word<wire::Site>> sites;  // where a policy may move it; empty: nowhere
  wire::Word<wire::Direction> direction = wire::Direction::kModelRef;
  wire::Word<wire::Mask> mask = wire::Mask::kAnswer;
  wire::Word<wire::Form> form = wire::Form::kAdditive;
  std::string reference;  // id of theta0
  double max = 4.0;       // of lambda, whatever the form
  double initial = 0.0;
  bool per_sample = true;
  std::string name = kKlKnob;
  double lambda_star = wire::kNaN;  // 2 / L of the data; NaN: not measured
};
[[nodiscard]] wire::KnobDecl kl_knob(const KlDeclaration& kl);

// The others: `initial` is in force before any decision. Ranges: interleave, inoculation, weighting
// and safelora 0..1; ldifs and steering 0..max.
[[nodiscard]] wire::KnobDecl ldifs_knob(const std::string& reference, double max, double initial);
[[nodiscard]] wire::KnobDecl steering_knob(double max, double initial);
[[nodiscard]] wire::KnobDecl share_knob(const char* name, double initial);

// One step of one intervention. Added to the loss: weight * measured (KL, LDIFS). `applied` is what
// took effect, which is the requested value unless the structure rounds it (a share of a batch, a
// projection that chose no layer) or the measurement was BAD (nothing added: 0).
struct Applied {
  std::string knob;
  double requested = 0.0;
  double applied = 0.0;
  double measured = wire::kNaN;  // KL nats per token, LDIFS distance, mean weight, ...
};
// "kl 0.5 (requested 0.5, measured 0.0132)"
[[nodiscard]] std::string text_of(const Applied& applied);

// Applied weights over a run: steps and means, one per knob, in the order of first mention.
class AppliedLog {
 public:
  struct Line {
    std::string knob;
    std::int64_t steps = 0;          // in which it was asked for
    std::int64_t steps_without = 0;  // asked for and not applied: requested > 0, applied 0
    double mean_requested = 0.0, mean_applied = 0.0, last_applied = 0.0;
    double last_measured = wire::kNaN;
  };
  void add(const Applied& applied);
  [[nodiscard]] const std::vector<Line>& lines() const { return lines_; }

 private:
  std::vector<Line> lines_;
};

}  // namespace phaseguard::defenses
