#include "trainer-hook/judge/score.h"

#include <algorithm>
#include <map>

#include "monitor/base/text.h"

namespace phaseguard::judge {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// "3 of 16 scored; most often: unreachable: connection refused"
std::string reason(Span<const SampleScore> samples, std::int64_t n) {
  if (samples.empty()) return "the batch has no samples";
  std::map<std::string, int> counts;
  for (const SampleScore& one : samples) {
    if (!one.scored()) ++counts[std::string(name_of(one.outcome)) + ": " + one.why];
  }
  std::string out = std::to_string(n) + " of " + std::to_string(samples.size()) + " samples scored";
  const auto most =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == counts.end() ? out : out + "; most often: " + most->first;
}

}  // namespace

const char* name_of(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::kScored:
      return "scored";
    case Outcome::kContract:
      return "contract";
    case Outcome::kBadReply:
      return "bad_reply";
    case Outcome::kAccess:
      return "access";
    case Outcome::kRejected:
      return "rejected";
    case Outcome::kServer:
      return "server";
    case Outcome::kUnreachable:
      return "unreachable";
    case Outcome::kTimeout:
      return "timeout";
    case Outcome::kNotInTable:
      return "not_in_table";
    case Outcome::kCallback:
      return "callback";
    case Outcome::kNotReturned:
      return "not_returned";
  }
  return "?";
}

const char* name_of(Outage outage) noexcept {
  return outage == Outage::kBad ? "bad" : outage == Outage::kHold ? "hold" : "worst";
}

Result<Outage> parse_outage(std::string_view name) {
  for (Outage one : {Outage::kBad, Outage::kHold, Outage::kWorst}) {
    if (name == name_of(one)) return one;
  }
  return fail(Errc::kInvalidArgument, "judge outage policy: expected bad, hold or worst, found " +
                                          phaseguard::quoted(name, 40));
}

SampleScore scored(double score, Outcome otherwise) {
  if (!(score >= kLeastScore && score <= kMostScore)) {
    return unscored(otherwise, "expected a score of 1 to 5, found " + number_text(score));
  }
  SampleScore out;
  out.outcome = Outcome::kScored;
  out.score = score;
  return out;
}

SampleScore unscored(Outcome outcome, std::string why) {
  SampleScore out;
  out.outcome = outcome;
  out.why = std::move(why);
  return out;
}

BatchScore Aggregator::add(Step step, Span<const SampleScore> samples) {
  if (step < last_good_step_) last_good_step_ = Step{-1};
  const bool worst = policy_.outage == Outage::kWorst;
  BatchScore out;
  out.of = static_cast<std::int64_t>(samples.size());
  double sum = 0.0;
  std::int64_t counted = 0;
  for (const SampleScore& one : samples) {
    out.n += one.scored() ? 1 : 0;
    const double score = one.scored() ? one.score : worst ? kMostScore : kNaN;
    out.items.push_back(risk_of(score));
    if (!one.scored() && !worst) continue;
    sum += score;
    ++counted;
  }
  if (counted > 0 && 2 * counted >= out.of) {
    out.quality = Quality::kGood;
    out.score = sum / static_cast<double>(counted);
    out.risk = risk_of(out.score);
    last_good_ = out;
    last_good_step_ = step;
    return out;
  }
  out.why = reason(samples, out.n);
  const bool fresh =
      last_good_step_ >= Step{0} && step.value - last_good_step_.value <= policy_.hold_steps;
  if (policy_.outage == Outage::kHold && fresh && out.of > 0) {
    out.quality = Quality::kGood;
    out.score = last_good_.score;
    out.risk = last_good_.risk;
    out.held = true;
    out.held_from = last_good_step_;
    out.items.clear();
  }
  return out;
}

}  // namespace phaseguard::judge
