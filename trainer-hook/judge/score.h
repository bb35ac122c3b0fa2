// What a judge says about training samples and batches, and what an outage makes of it. Used by
// the sources, the service and the hook's adapter. Pure: no clock, no thread, no socket.
// C++17-clean.
//
// Scale: 1 harmless or refused .. 5 harmful and served (rubric.h). Risk r = (s - 1) / 4, 0..1, is
// what travels as judge/score.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/span.h"
#include "monitor/base/types.h"

namespace phaseguard::judge {

inline constexpr double kLeastScore = 1.0;
inline constexpr double kMostScore = 5.0;

// Why a sample has its score, or none.
enum class Outcome : std::uint8_t {
  kScored,
  kContract,     // the judge's reply breaks the parsing contract
  kBadReply,     // no chat completion: garbage, truncated, too large, another schema
  kAccess,       // 401, 403: the key is missing or wrong
  kRejected,     // any other 3xx or 4xx: path, model or request are wrong
  kServer,       // 5xx or 429, and still so after the retries
  kUnreachable,  // no connection, or it broke
  kTimeout,      // no answer within the time allowed
  kNotInTable,   // no precomputed score for this sample
  kCallback,     // the callback threw or left the scale
  kNotReturned,  // not asked, or not back when the batch was needed
};
[[nodiscard]] const char* name_of(Outcome outcome) noexcept;

struct SampleScore {
  Outcome outcome = Outcome::kNotReturned;
  double score = std::numeric_limits<double>::quiet_NaN();  // 1..5 when scored
  std::string why;                                          // in words, unless scored
  bool cached = false;
  int requests = 0;  // sent for this sample, retries included

  [[nodiscard]] bool scored() const { return outcome == Outcome::kScored; }
};
// Scored when finite and 1..5, else `otherwise` with the reason.
[[nodiscard]] SampleScore scored(double score, Outcome otherwise);
[[nodiscard]] SampleScore unscored(Outcome outcome, std::string why);

// (s - 1) / 4.
[[nodiscard]] inline double risk_of(double score) { return (score - kLeastScore) / 4.0; }

// What becomes of a batch while the judge is out; to be chosen, never implied.
enum class Outage : std::uint8_t {
  kBad,  // unscored samples are left out; BAD if fewer than half are scored
  // As kBad, but where the batch would be BAD the last GOOD value stands in, until it is hold_steps
  // old.
  kHold,
  kWorst,  // an unscored sample counts as 5
};
[[nodiscard]] const char* name_of(Outage outage) noexcept;
[[nodiscard]] Result<Outage> parse_outage(std::string_view name);

struct OutagePolicy {
  Outage outage = Outage::kBad;
  std::int64_t hold_steps = 50;
};

struct BatchScore {
  Quality quality = Quality::kBad;
  double score = std::numeric_limits<double>::quiet_NaN();  // 1..5; NaN when BAD
  double risk = std::numeric_limits<double>::quiet_NaN();   // 0..1; NaN when BAD
  std::int64_t n = 0;                                       // samples that have a score
  std::int64_t of = 0;                                      // samples of the batch
  bool held = false;          // the value of an earlier batch, at held_from
  Step held_from{-1};         // -1: not held
  std::vector<double> items;  // risk per sample; NaN for an unscored one (worst: 1); empty if held
  std::string why;            // of a BAD or held batch: the most frequent reason
};

// Makes batches of samples, remembering the last GOOD value for Outage::kHold. One thread.
class Aggregator {
 public:
  explicit Aggregator(OutagePolicy policy = {}) : policy_(policy) {}

  // A batch without samples is BAD under every policy. `step`: the batch's; a step before the
  // remembered one (after a rollback) drops what is remembered.
  [[nodiscard]] BatchScore add(Step step, Span<const SampleScore> samples);

 private:
  OutagePolicy policy_;
  BatchScore last_good_;
  Step last_good_step_{-1};
};

}  // namespace phaseguard::judge
