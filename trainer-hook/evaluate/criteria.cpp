#include "trainer-hook/evaluate/criteria.h"

#include <algorithm>
#include <tuple>

#include "monitor/base/text.h"

namespace phaseguard::evaluate {

namespace {

using stats::Fraction;

const Measured* find(const RunMetrics& run, const std::string& metric) {
  const auto it = run.metrics.find(metric);
  return it == run.metrics.end() ? nullptr : &it->second;
}

Result<Measured> baseline(const RunMetrics& run, const Criterion& criterion) {
  if (const Measured* value = find(run, criterion.metric)) return *value;
  return fail(Errc::kNotFound, "criterion " + phaseguard::quoted(criterion.name, 60) +
                                   ": the baseline run " + phaseguard::quoted(run.name, 60) +
                                   " has no metric " + phaseguard::quoted(criterion.metric, 60));
}

bool wants_little(Rule rule) { return rule == Rule::kRecovery || rule == Rule::kAtMost; }

Result<Fraction> line_of(const Criterion& criterion, const Fraction& none, const Fraction& always) {
  if (criterion.line) return *criterion.line;
  if (criterion.rule == Rule::kRetention) return Fraction::multiply(criterion.amount, none);
  if (criterion.rule != Rule::kRecovery) return criterion.amount;
  auto gap = Fraction::subtract(none, always);
  if (!gap) return gap;
  auto part = Fraction::multiply(criterion.amount, *gap);
  if (!part) return part;
  return Fraction::subtract(none, *part);
}

// What a rule needs of the two baseline runs.
struct Drawn {
  Fraction line;          // of the answers with a verdict
  Fraction strict, mild;  // with every open answer of the baselines counted against, for the runs
  Fraction none, always;
  std::int64_t open = 0;    // answers of the baselines
  std::string obstacle;     // why nothing can be assessed; "": it can
  bool order_open = false;  // their open answers decide whether it can
};

std::string percent(const Fraction& value) { return number_text(value.value()) + " %"; }

// A line drawn between baselines that do not differ, or from one that has nothing, says nothing.
std::string obstacle(Rule rule, const Fraction& none, const Fraction& always) {
  if (rule == Rule::kRetention && none.is_zero()) return "the undefended run has nothing to retain";
  if (rule != Rule::kRecovery) return "";
  const int order = Fraction::compare(none, always);
  if (order > 0) return "";
  const std::string both = ": undefended " + percent(none) + ", always-on " + percent(always);
  return order == 0 ? "the baselines are equal, so that there is nothing to recover" + both
                    : "the baselines are in the wrong order, the always-on run is the worse" + both;
}

Result<Drawn> draw(const Criterion& criterion, const RunMetrics& undefended,
                   const RunMetrics& always_on) {
  Measured none = Fraction(), always = Fraction();
  if (criterion.rule == Rule::kRecovery || criterion.rule == Rule::kRetention) {
    auto found = baseline(undefended, criterion);
    if (!found) return tl::unexpected<Error>(found.error());
    none = *found;
  }
  if (criterion.rule == Rule::kRecovery) {
    auto found = baseline(always_on, criterion);
    if (!found) return tl::unexpected<Error>(found.error());
    always = *found;
  }
  Drawn out;
  out.none = none.value;
  out.always = always.value;
  out.open = none.open + always.open;
  const bool little = wants_little(criterion.rule);
  for (const auto& [target, a, b] :
       {std::tuple(&out.line, none.value, always.value),
        std::tuple(&out.strict, little ? none.least : none.most, always.least),
        std::tuple(&out.mild, little ? none.most : none.least, always.most)}) {
    auto line = line_of(criterion, a, b);
    if (!line) return tl::unexpected<Error>(line.error());
    *target = *line;
  }
  out.obstacle = obstacle(criterion.rule, none.value, always.value);
  out.order_open = !obstacle(criterion.rule, none.least, always.most).empty();
  return out;
}

Result<std::optional<double>> share_of(const Criterion& criterion, const Drawn& drawn,
                                       const Fraction& value) {
  Result<Fraction> above = value, below = drawn.none;
  if (criterion.rule == Rule::kRecovery) {
    above = Fraction::subtract(drawn.none, value);
    below = Fraction::subtract(drawn.none, drawn.always);
  } else if (criterion.rule != Rule::kRetention) {
    return std::optional<double>();
  }
  if (!above) return tl::unexpected<Error>(above.error());
  if (!below) return tl::unexpected<Error>(below.error());
  if (below->is_zero()) return std::optional<double>();
  const auto share = Fraction::divide(*above, *below);
  if (!share) return tl::unexpected<Error>(share.error());
  return std::optional<double>(share->value());
}

// True, false, or none where the open answers decide.
std::optional<bool> holds(Rule rule, const Drawn& drawn, const Measured& value) {
  const bool little = wants_little(rule);
  const auto meets = [little](const Fraction& found, const Fraction& line) {
    const int order = Fraction::compare(found, line);
    return little ? order <= 0 : order >= 0;
  };
  const Fraction& best = little ? value.least : value.most;
  const Fraction& worst = little ? value.most : value.least;
  if (!meets(best, drawn.mild)) return false;
  if (meets(worst, drawn.strict) && !drawn.order_open) return true;
  return std::nullopt;
}

Result<Finding> find_out(const Criterion& criterion, const Drawn& drawn, const RunMetrics& run) {
  Finding out;
  out.criterion = criterion.name;
  const Measured* value = find(run, criterion.metric);
  if (value == nullptr) {
    out.why = "no rate " + criterion.metric;
    return out;
  }
  const bool little = wants_little(criterion.rule);
  out.value = value->value.value();
  out.best = (little ? value->least : value->most).value();
  out.worst = (little ? value->most : value->least).value();
  auto share = share_of(criterion, drawn, value->value);
  if (!share) return tl::unexpected<Error>(share.error());
  out.share = *share;
  out.why = drawn.obstacle;
  out.assessable = drawn.obstacle.empty();
  if (!out.assessable) return out;
  out.pass = holds(criterion.rule, drawn, *value);
  if (out.pass) return out;
  out.why = "answers without a verdict decide: " + std::to_string(value->open) + " of this run, " +
            std::to_string(drawn.open) + " of the baselines";
  return out;
}

const RunMetrics* named(const std::vector<RunMetrics>& runs, const std::string& name) {
  const auto it = std::find_if(runs.begin(), runs.end(),
                               [&](const RunMetrics& run) { return run.name == name; });
  return it == runs.end() ? nullptr : &*it;
}

}  // namespace

Result<Measured> Measured::of(std::int64_t k, std::int64_t n, std::int64_t open) {
  const auto share = [](std::int64_t hits, std::int64_t all) {
    return Fraction::make(Fraction::Wide{100} * hits, all);
  };
  const auto value = share(k, n), least = share(k, n + open), most = share(k + open, n + open);
  for (const auto* one : {&value, &least, &most}) {
    if (!*one) return tl::unexpected<Error>(one->error());
  }
  Measured out(*value);
  out.least = *least;
  out.most = *most;
  out.open = open;
  return out;
}

const char* name_of(Rule rule) {
  switch (rule) {
    case Rule::kRecovery:
      return "recovery";
    case Rule::kRetention:
      return "retention";
    case Rule::kAtMost:
      return "at_most";
    case Rule::kAtLeast:
      return "at_least";
  }
  return "?";
}

Result<Outcome> check_runs(const Criteria& criteria, const RunMetrics& undefended,
                           const RunMetrics& always_on, const std::vector<RunMetrics>& runs) {
  Outcome out;
  std::vector<Drawn> drawn;
  for (const Criterion& criterion : criteria.criteria) {
    auto one = draw(criterion, undefended, always_on);
    if (!one) return tl::unexpected<Error>(one.error());
    out.lines.push_back(one->line.value());
    drawn.push_back(*one);
  }
  for (const RunMetrics& run : runs) {
    RunVerdict verdict;
    verdict.name = run.name;
    bool failed = false, unknown = false;
    for (std::size_t i = 0; i < drawn.size(); ++i) {
      auto finding = find_out(criteria.criteria[i], drawn[i], run);
      if (!finding) return tl::unexpected<Error>(finding.error());
      failed = failed || finding->pass == false;
      unknown = unknown || !finding->pass;
      verdict.findings.push_back(std::move(*finding));
    }
    if (!unknown) verdict.pass = !failed;
    out.runs.push_back(std::move(verdict));
  }
  return out;
}

Result<Outcome> check_runs(const Criteria& criteria, const std::vector<RunMetrics>& runs) {
  const RunMetrics* none = named(runs, criteria.undefended);
  const RunMetrics* always = named(runs, criteria.always_on);
  const RunMetrics absent;
  for (const Criterion& criterion : criteria.criteria) {
    const bool needs_always = criterion.rule == Rule::kRecovery;
    if ((needs_always || criterion.rule == Rule::kRetention) && none == nullptr) {
      return fail(Errc::kNotFound, "expected the undefended run " +
                                       phaseguard::quoted(criteria.undefended, 60) +
                                       " among the results, found no run of that name");
    }
    if (needs_always && always == nullptr) {
      return fail(Errc::kNotFound, "expected the always-on run " +
                                       phaseguard::quoted(criteria.always_on, 60) +
                                       " among the results, found no run of that name");
    }
  }
  return check_runs(criteria, none != nullptr ? *none : absent,
                    always != nullptr ? *always : absent, runs);
}

}  // namespace phaseguard::evaluate
