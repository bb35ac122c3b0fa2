#include "trainer-hook/evaluate/criteria.h"

#include <algorithm>

#include "monitor/base/text.h"

namespace phaseguard::evaluate {

namespace {

const stats::Fraction* find(const RunMetrics& run, const std::string& metric) {
  const auto it = run.metrics.find(metric);
  return it == run.metrics.end() ? nullptr : &it->second;
}

Result<stats::Fraction> baseline(const RunMetrics& run, const Criterion& criterion) {
  if (const stats::Fraction* value = find(run, criterion.metric)) return *value;
  return fail(Errc::kNotFound, "criterion " + phaseguard::quoted(criterion.name, 60) +
                                   ": the baseline run " + phaseguard::quoted(run.name, 60) +
                                   " has no metric " + phaseguard::quoted(criterion.metric, 60));
}

Result<stats::Fraction> recovery_line(const Criterion& criterion, const stats::Fraction& none,
                                      const stats::Fraction& always) {
  auto gap = stats::Fraction::subtract(none, always);
  if (!gap) return gap;
  auto part = stats::Fraction::multiply(criterion.amount, *gap);
  if (!part) return part;
  return stats::Fraction::subtract(none, *part);
}

// What a rule needs of the two baseline runs.
struct Drawn {
  stats::Fraction line, none, always;
};

Result<Drawn> draw(const Criterion& criterion, const RunMetrics& undefended,
                   const RunMetrics& always_on) {
  Drawn out;
  out.line = criterion.amount;
  if (criterion.rule == Rule::kRecovery || criterion.rule == Rule::kRetention) {
    auto none = baseline(undefended, criterion);
    if (!none) return tl::unexpected<Error>(none.error());
    out.none = *none;
  }
  Result<stats::Fraction> line = out.line;
  if (criterion.rule == Rule::kRecovery) {
    auto always = baseline(always_on, criterion);
    if (!always) return tl::unexpected<Error>(always.error());
    out.always = *always;
    line = recovery_line(criterion, out.none, out.always);
  } else if (criterion.rule == Rule::kRetention) {
    line = stats::Fraction::multiply(criterion.amount, out.none);
  }
  if (!line) return tl::unexpected<Error>(line.error());
  out.line = criterion.line.value_or(*line);
  return out;
}

Result<std::optional<double>> share_of(const Criterion& criterion, const Drawn& drawn,
                                       const stats::Fraction& value) {
  Result<stats::Fraction> above = value, below = drawn.none;
  if (criterion.rule == Rule::kRecovery) {
    above = stats::Fraction::subtract(drawn.none, value);
    below = stats::Fraction::subtract(drawn.none, drawn.always);
  } else if (criterion.rule != Rule::kRetention) {
    return std::optional<double>();
  }
  if (!above) return tl::unexpected<Error>(above.error());
  if (!below) return tl::unexpected<Error>(below.error());
  if (below->is_zero()) return std::optional<double>();
  const auto share = stats::Fraction::divide(*above, *below);
  if (!share) return tl::unexpected<Error>(share.error());
  return std::optional<double>(share->value());
}

Result<Finding> find_out(const Criterion& criterion, const Drawn& drawn, const RunMetrics& run) {
  Finding out;
  out.criterion = criterion.name;
  const stats::Fraction* value = find(run, criterion.metric);
  if (value == nullptr) return out;
  const int order = stats::Fraction::compare(*value, drawn.line);
  const bool most = criterion.rule == Rule::kRecovery || criterion.rule == Rule::kAtMost;
  out.value = value->value();
  out.pass = most ? order <= 0 : order >= 0;
  auto share = share_of(criterion, drawn, *value);
  if (!share) return tl::unexpected<Error>(share.error());
  out.share = *share;
  return out;
}

const RunMetrics* named(const std::vector<RunMetrics>& runs, const std::string& name) {
  const auto it = std::find_if(runs.begin(), runs.end(),
                               [&](const RunMetrics& run) { return run.name == name; });
  return it == runs.end() ? nullptr : &*it;
}

}  // namespace

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
