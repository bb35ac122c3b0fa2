// Interleaving safe data into training (Kaczer et al., arXiv 2508.06249): which share of a step's
// samples come from a safe instruction set, and which of its samples. Plain takes any; "+" those
// that a misaligned model finds most surprising beside an aligned one; "++" also drops refusals.
// Pure; trainer's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/types.h"

namespace phaseguard::defenses {

// The count law: of N samples at step t, floor(rho N t) - floor(rho N (t - 1)) are safe, so that
// the share is exact over time whatever the batch size. When the knob moves, what was owed and not
// yet given stays owed. A product within 1e-9 below a whole number counts as that number.
class ShareCount {
 public:
  // How many of the next step's `batch` samples. share: rho in 0..1 (the knob); batch >= 0. Errors:
  // anything else, NaN included; the count is then as it was.
  [[nodiscard]] Result<std::int64_t> next(double share, std::int64_t batch);

  [[nodiscard]] std::int64_t given() const { return given_; }
  [[nodiscard]] std::int64_t samples() const { return samples_; }
  // The share really applied so far, 0..1; 0 before the first sample.
  [[nodiscard]] double applied() const;

 private:
  double share_ = 0.0;
  double owed_ = 0.0;           // due at the last change of share, less what was given until then
  std::int64_t since_ = 0;      // samples since the last change of share
  std::int64_t given_now_ = 0;  // given since then
  std::int64_t samples_ = 0, given_ = 0;
};

enum class SafeChoice : std::uint8_t { kPlain, kGap, kGapNoRefusals };  // "", "+", "++"
[[nodiscard]] const char* name_of(SafeChoice choice);  // "interleave", "interleave+", ...

// A sample of the safe set. nll: mean over its answer tokens, nats, >= 0; under an aligned model
// (theta0) and averaged over deliberately misaligned ones, or theta0 under the misaligned persona.
// Read for kGap and kGapNoRefusals alone. `answer` is read for kGapNoRefusals alone.
struct SafeCandidate {
  double nll_aligned = 0.0;
  double nll_misaligned = 0.0;
  std::string answer;
};

// (nll_misaligned - nll_aligned) / (nll_aligned + epsilon): how much more surprising the answer is
// to a misaligned model, dimensionless. NaN when an input is not finite or negative.
[[nodiscard]] double perplexity_gap(double nll_aligned, double nll_misaligned,
                                    double epsilon = 1e-6);

// "sorry", "apologize" or "cannot" among the first ten words, case-insensitive; words are split at
// white space and stripped of outer punctuation.
[[nodiscard]] bool is_refusal(std::string_view answer);

struct SafeSet {
  std::vector<std::size_t> chosen;  // indices: in order for kPlain, else by falling score
  std::vector<double> scores;       // of the chosen; empty for kPlain
  std::int64_t n_refusals = 0;      // dropped as refusals
  std::int64_t n_bad = 0;           // dropped: no finite score
};
// At most `n` of the candidates; ties go to the lower index. n > 0. Error: nothing left to choose.
[[nodiscard]] Result<SafeSet> choose_safe(const std::vector<SafeCandidate>& candidates,
                                          SafeChoice choice, std::size_t n);

}  // namespace phaseguard::defenses
