#include "monitor/policy/detector.h"
#include "monitor/policy/document.h"
#include "tests/conformance/operations.h"

namespace phaseguard::conformance {

namespace {

using policy::DetectorSpec;
using policy::DetectorState;

struct Trace {
  json n = json::array(), streak = json::array(), fired = json::array(), y = json::array();
  json fired_at;
};

Trace traced(const DetectorSpec& spec, const json& samples) {
  Trace trace;
  DetectorState state;
  for (const json& sample : samples) {
    const Step step{sample.at(0).get<std::int64_t>()};
    const bool missing = sample.at(1).is_null();
    const double value = missing ? wire::kNaN : number_of(sample.at(1));
    policy::feed(spec, state, step, missing ? Quality::kMissing : policy::quality_of(value), value);
    trace.n.push_back(state.n);
    trace.streak.push_back(state.streak);
    trace.fired.push_back(state.first_vote.value >= 0);
    trace.y.push_back(std::isfinite(state.statistic) ? json(state.statistic) : json());
  }
  if (state.first_vote.value >= 0) trace.fired_at = state.first_vote.value;
  return trace;
}

DetectorSpec spec_of(const json& input) {
  DetectorSpec spec;
  spec.above = number_of(input.at("above"));
  spec.consecutive = input.value("consecutive", std::int64_t{1});
  spec.warmup = input.value("warmup", std::int64_t{0});
  spec.bad =
      input.value("bad", "alarm") == "vote" ? policy::BadSignal::kVote : policy::BadSignal::kAlarm;
  return spec;
}

json level(const json& input) {
  DetectorSpec spec = spec_of(input);
  spec.law = policy::LevelLaw{};
  const Trace trace = traced(spec, input.at("samples"));
  return {{"fired_at", trace.fired_at},
          {"n", trace.n},
          {"streak", trace.streak},
          {"fired", trace.fired}};
}

json ewma(const json& input) {
  DetectorSpec spec = spec_of(input);
  const double halflife = number_of(input.at("halflife"));
  const double alpha = policy::ewma_alpha(halflife);
  spec.law = policy::EwmaLaw{halflife, alpha};
  const Trace trace = traced(spec, input.at("samples"));
  return {{"alpha", alpha},         {"y", trace.y},         {"n", trace.n},
          {"streak", trace.streak}, {"fired", trace.fired}, {"fired_at", trace.fired_at}};
}

json earliest_step(const json& input) {
  const Step step = policy::earliest_step(input.at("cadence").get<std::int64_t>(),
                                          input.at("warmup").get<std::int64_t>(),
                                          input.at("consecutive").get<std::int64_t>());
  return {{"step", step.value}};
}

}  // namespace

void add_policy(Operations& operations) {
  operations["level"].in_double = level;
  operations["ewma"].in_double = ewma;
  operations["earliest_step"].in_double = earliest_step;
}

}  // namespace phaseguard::conformance
