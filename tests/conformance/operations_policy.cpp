#include "monitor/policy/document.h"
#include "monitor/policy/laws/detector.h"
#include "tests/conformance/operations.h"

namespace phaseguard::conformance {

namespace {

using policy::DetectorSpec;
using policy::DetectorState;

// The state after each sample; a key of `expect` is compared with the list of the same name.
struct Trace {
  json n = json::array(), streak = json::array(), fired = json::array(), bad = json::array();
  json statistic = json::array(), y = json::array();
  json fired_at;
  DetectorState state;
};

json number_or_null(double value) { return std::isfinite(value) ? json(value) : json(); }

Trace traced(const DetectorSpec& spec, const json& samples) {
  Trace trace;
  DetectorState& state = trace.state;
  for (const json& sample : samples) {
    const Step step{sample.at(0).get<std::int64_t>()};
    const bool missing = sample.at(1).is_null();
    const double value = missing ? wire::kNaN : number_of(sample.at(1));
    const std::int64_t n = state.n;
    policy::feed(spec, state, step, missing ? Quality::kMissing : policy::quality_of(value), value);
    trace.n.push_back(state.n);
    trace.streak.push_back(state.streak);
    trace.fired.push_back(state.first_vote.value >= 0);
    trace.bad.push_back(step.value != 0 && state.quality != Quality::kGood);
    // What was compared with this very sample: null where nothing was.
    const bool compared = state.n > n && state.quality == Quality::kGood;
    trace.statistic.push_back(compared ? number_or_null(state.statistic) : json());
    trace.y.push_back(number_or_null(state.law.y));
  }
  if (state.first_vote.value >= 0) trace.fired_at = state.first_vote.value;
  return trace;
}

// `list` with `start` where the law had seen no measurement yet.
json from(json list, double start) {
  for (json& entry : list) {
    if (entry.is_null()) entry = start;
  }
  return list;
}

DetectorSpec spec_of(const json& input) {
  DetectorSpec spec;
  if (input.contains("above")) spec.above = number_of(input.at("above"));
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

json mad_shift(const json& input) {
  DetectorSpec spec = spec_of(input);
  policy::MadShiftLaw law;
  law.keep = number_of(input.at("keep"));
  law.calibrate = input.at("calibrate").get<std::int64_t>();
  law.mads = number_of(input.at("mads"));
  spec.law = law;
  spec.warmup = 1 + law.calibrate;
  const Trace trace = traced(spec, input.at("samples"));
  // Without MADs the threshold is the median.
  policy::MadShiftLaw bare = law;
  bare.mads = 0.0;
  spec.law = bare;
  const double median = traced(spec, input.at("samples")).state.law.threshold;
  bare.mads = 1.0;
  spec.law = bare;
  const double mad = traced(spec, input.at("samples")).state.law.threshold - median;
  return {{"ema", trace.y},
          {"delta", trace.statistic},
          {"median", number_or_null(median)},
          {"mad", number_or_null(mad)},
          {"threshold", number_or_null(trace.state.law.threshold)},
          {"streak", trace.streak},
          {"fired_at", trace.fired_at}};
}

json cusum(const json& input) {
  DetectorSpec spec;
  spec.law = policy::CusumLaw{number_of(input.at("mu")), number_of(input.at("slack")),
                              number_of(input.at("limit"))};
  const Trace trace = traced(spec, input.at("samples"));
  return {{"s", from(trace.y, 0.0)}, {"fired_at", trace.fired_at}};
}

json page_hinkley(const json& input) {
  DetectorSpec spec;
  spec.law = policy::PageHinkleyLaw{number_of(input.at("delta")), number_of(input.at("limit"))};
  const Trace trace = traced(spec, input.at("samples"));
  json gaps = trace.statistic;  // of a sample that is not counted: as before
  double last = 0.0;
  for (json& gap : gaps) {
    if (gap.is_null()) gap = last;
    last = gap.get<double>();
  }
  return {{"m", from(trace.y, 0.0)}, {"m_minus_min", gaps}, {"fired_at", trace.fired_at}};
}

json zscore(const json& input) {
  DetectorSpec spec = spec_of(input);
  spec.law = policy::ZscoreLaw{input.at("window").get<std::int64_t>()};
  const Trace trace = traced(spec, input.at("samples"));
  return {{"z", trace.statistic}, {"fired_at", trace.fired_at}};
}

json rate(const json& input) {
  DetectorSpec spec = spec_of(input);
  spec.law = policy::RateLaw{input.at("window").get<std::int64_t>()};
  const Trace trace = traced(spec, input.at("samples"));
  return {{"slope", trace.statistic}, {"fired_at", trace.fired_at}};
}

json eprocess(const json& input) {
  const std::string form = input.at("form").get<std::string>();
  policy::EprocessLaw law;
  law.form = form == "esr"      ? policy::EForm::kEsr
             : form == "ecusum" ? policy::EForm::kEcusum
                                : policy::EForm::kVille;
  law.null_mean = number_of(input.at("m0"));
  law.bet = number_of(input.at("bet"));
  law.alpha = number_of(input.at("alpha"));
  DetectorSpec spec;
  spec.law = law;
  const Trace trace = traced(spec, input.at("samples"));
  return {{"m", from(trace.y, form == "esr" ? 0.0 : 1.0)},
          {"bad", trace.bad},
          {"fired_at", trace.fired_at}};
}

// Measurement t of the vectors is counted measurement t + 1 here.
json window_js(const json& input) {
  DetectorSpec spec = spec_of(input);
  const auto window = input.at("window").get<std::int64_t>();
  spec.law = policy::WindowJsLaw{window};
  DetectorState state;
  json values = json::array(), candidates = json::array(), decided = json::array();
  std::int64_t t = 0;
  for (const json& rows : input.at("rows")) {
    std::vector<double> items;
    for (const json& row : rows) {
      const std::vector<double> numbers_of_row = numbers(row);
      items.insert(items.end(), numbers_of_row.begin(), numbers_of_row.end());
    }
    const auto columns = static_cast<std::int64_t>(rows.at(0).size());
    policy::feed(spec, state, Step{t + 1}, Quality::kGood, wire::kNaN, {items, columns});
    if (std::isfinite(state.statistic)) {
      values.push_back(state.statistic);
      candidates.push_back(t - window);
      decided.push_back(t);
    }
    ++t;
  }
  const bool any = !values.empty(), fired = state.first_vote.value >= 0;
  return {{"dissimilarity", values},
          {"candidate", candidates},
          {"decided_at", decided},
          {"peak_candidate", any ? json(state.law.peak_step.value - 1) : json()},
          {"fired_at_index", fired ? json(state.first_vote.value - 1) : json()}};
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
  operations["mad_shift"].in_double = mad_shift;
  operations["cusum"].in_double = cusum;
  operations["page_hinkley"].in_double = page_hinkley;
  operations["zscore"].in_double = zscore;
  operations["rate"].in_double = rate;
  operations["eprocess"].in_double = eprocess;
  operations["window_js"].in_double = window_js;
  operations["earliest_step"].in_double = earliest_step;
}

}  // namespace phaseguard::conformance
