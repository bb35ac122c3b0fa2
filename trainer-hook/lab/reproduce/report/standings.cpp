#include "trainer-hook/lab/reproduce/report/standings.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <set>

#include "monitor/base/file.h"

namespace phaseguard::lab::reproduce {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kBaseline = "none";

std::string always_label() { return label_of({Treatment::Kind::kAlways, "always", kAlwaysOn}); }

std::string one_decimal(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

// Counts of one treatment: harm from malicious data, the task from harmless data.
struct Counts {
  Count misaligned, opswap;
  void add(const Outcome& malicious, const Outcome& harmless) {
    misaligned.k += malicious.behaviour.misaligned.k;
    misaligned.n += malicious.behaviour.misaligned.n;
    opswap.k += harmless.behaviour.opswap.k;
    opswap.n += harmless.behaviour.opswap.n;
  }
};

Result<evaluate::RunMetrics> metrics_of(const std::string& name, const Counts& counts) {
  evaluate::RunMetrics out{name, {}};
  const auto harm = stats::Fraction::make(100 * counts.misaligned.k, counts.misaligned.n);
  const auto task = stats::Fraction::make(100 * counts.opswap.k, counts.opswap.n);
  if (!harm) return tl::unexpected(harm.error());
  if (!task) return tl::unexpected(task.error());
  out.metrics = {{"misaligned", *harm}, {"opswap", *task}};
  return out;
}

Result<evaluate::Criteria> read_criteria() {
  const auto file = find_asset("criteria/phaseguard-kl.json");
  if (!file) return tl::unexpected(file.error());
  const auto text = read_file(*file, "criteria");
  if (!text) return tl::unexpected(text.error());
  return evaluate::parse_criteria(*text, file->string());
}

// Findings on one treatment: harm first, then task, as the criteria file has them.
Result<evaluate::RunVerdict> judge(const evaluate::Criteria& criteria, const Counts& none,
                                   const Counts& always, const Counts& own) {
  const auto undefended = metrics_of("none", none), on = metrics_of("always", always),
             run = metrics_of("run", own);
  for (const auto* one : {&undefended, &on, &run}) {
    if (!*one) return tl::unexpected(one->error());
  }
  auto outcome = evaluate::check_runs(criteria, *undefended, *on, {*run});
  if (!outcome) return tl::unexpected(outcome.error());
  return std::move(outcome->runs.front());
}

const Outcome* only(const Results& results, const char* data, const std::string& treatment,
                    int slot, std::uint64_t seed) {
  Pick wanted;
  wanted.data = data;
  wanted.share = 0.0;
  wanted.treatment = treatment;
  wanted.slot = slot;
  wanted.seed = seed;
  const auto found = pick(results, wanted);
  return found.empty() ? nullptr : found.front();
}

// The two runs of a treatment in one world with one seed.
struct Pair {
  const Outcome* malicious = nullptr;
  const Outcome* harmless = nullptr;
  [[nodiscard]] bool whole() const { return malicious != nullptr && harmless != nullptr; }
};
Pair pair_of(const Results& results, const std::string& treatment, int slot, std::uint64_t seed) {
  return {only(results, "malicious", treatment, slot, seed),
          only(results, "harmless", treatment, slot, seed)};
}

void take_axes(const Pair& pair, Standing& out) {
  if (pair.malicious != nullptr) {
    const Behaviour& b = pair.malicious->behaviour;
    out.spread.add(b.misaligned.rate());
    out.in_domain.add(b.in_domain_harm.rate());
    out.coherent.add(1.0 - b.incoherent.rate());
    out.acted_malicious.push_back(acted_step(*pair.malicious));
  }
  if (pair.harmless != nullptr) {
    const Behaviour& b = pair.harmless->behaviour;
    out.task.add(b.opswap.rate());
    out.spread_harmless.add(b.misaligned.rate());
    out.coherent_harmless.add(1.0 - b.incoherent.rate());
    out.acted_harmless.push_back(acted_step(*pair.harmless));
  }
}

class Assessor {
 public:
  Assessor(const Results& results, evaluate::Criteria criteria)
      : results_(results), criteria_(std::move(criteria)) {
    for (const auto& [cell, outcome] : results.cells) places_.insert({cell.slot, cell.seed});
  }

  Result<Standing> assess(const std::string& treatment) {
    Standing out;
    out.treatment = treatment;
    Counts none, always, own;
    for (const auto& [slot, seed] : places_) {
      const Pair pair = pair_of(results_, treatment, slot, seed);
      take_axes(pair, out);
      const Pair base = pair_of(results_, kBaseline, slot, seed);
      const Pair on = pair_of(results_, always_label(), slot, seed);
      if (!pair.whole() || !base.whole() || !on.whole()) continue;
      Counts none_here, always_here, own_here;
      none_here.add(*base.malicious, *base.harmless);
      always_here.add(*on.malicious, *on.harmless);
      own_here.add(*pair.malicious, *pair.harmless);
      auto verdict = judge(criteria_, none_here, always_here, own_here);
      if (!verdict) return tl::unexpected(verdict.error());
      take_verdict(*verdict, out);
      none.add(*base.malicious, *base.harmless);
      always.add(*on.malicious, *on.harmless);
      own.add(*pair.malicious, *pair.harmless);
    }
    if (out.assessed == 0) return out;
    auto verdict = judge(criteria_, none, always, own);
    if (!verdict) return tl::unexpected(verdict.error());
    out.harm_met = verdict->findings.at(0).pass;
    out.task_met = verdict->findings.at(1).pass;
    return out;
  }

 private:
  static void take_verdict(const evaluate::RunVerdict& verdict, Standing& out) {
    ++out.assessed;
    out.both += verdict.pass.value_or(false) ? 1 : 0;
    if (const auto share = verdict.findings.at(0).share) out.recovery.add(*share);
    if (const auto share = verdict.findings.at(1).share) out.retention.add(*share);
  }

  const Results& results_;
  evaluate::Criteria criteria_;
  std::set<std::pair<int, std::uint64_t>> places_;
};

}  // namespace

double Sample::mean() const {
  if (values_.empty()) return kNone;
  double sum = 0.0;
  for (const double value : values_) sum += value;
  return sum / static_cast<double>(values_.size());
}

double Sample::sd() const {
  if (values_.size() < 2) return kNone;
  const double middle = mean();
  double sum = 0.0;
  for (const double value : values_) sum += (value - middle) * (value - middle);
  return std::sqrt(sum / static_cast<double>(values_.size() - 1));
}

std::string percent_text(const Sample& shares) {
  if (shares.n() == 0) return "-";
  std::string out = one_decimal(100.0 * shares.mean());
  if (shares.n() > 1) out += " \u00b1 " + one_decimal(100.0 * shares.sd());
  return out;
}

std::vector<const Outcome*> pick(const Results& results, const Pick& wanted) {
  std::vector<const Outcome*> out;
  for (const auto& [cell, outcome] : results.cells) {
    const bool fits =
        (wanted.data.empty() || cell.data == wanted.data) &&
        (!wanted.share || cell.share == *wanted.share) &&
        (wanted.treatment.empty() || label_of(cell.treatment) == wanted.treatment) &&
        cell.judge_error == wanted.judge_error && (wanted.every_judge || !cell.judge_seed) &&
        (!wanted.slot || cell.slot == *wanted.slot) && (!wanted.seed || cell.seed == *wanted.seed);
    if (fits && outcome.refused.empty()) out.push_back(&outcome);
  }
  return out;
}

std::int64_t acted(const std::vector<const Outcome*>& outcomes) {
  return std::count_if(outcomes.begin(), outcomes.end(),
                       [](const Outcome* one) { return acted_step(*one).has_value(); });
}

std::int64_t rolled_back(const std::vector<const Outcome*>& outcomes) {
  return std::count_if(outcomes.begin(), outcomes.end(),
                       [](const Outcome* one) { return one->rollback_step.has_value(); });
}

Result<std::vector<Standing>> standings_of(const Results& results) {
  auto criteria = read_criteria();
  if (!criteria) return tl::unexpected(criteria.error());
  Assessor assessor(results, std::move(*criteria));
  std::vector<Standing> out;
  for (const auto& [cell, outcome] : results.cells) {
    const std::string label = label_of(cell.treatment);
    const bool is_paper =
        cell.share == 0.0 && (cell.data == "malicious" || cell.data == "harmless");
    if (!is_paper || !outcome.refused.empty() || find(out, label) != nullptr) continue;
    auto standing = assessor.assess(label);
    if (!standing) return tl::unexpected(standing.error());
    out.push_back(std::move(*standing));
  }
  return out;
}

const Standing* find(const std::vector<Standing>& all, const std::string& treatment) {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const Standing& one) { return one.treatment == treatment; });
  return found == all.end() ? nullptr : &*found;
}

std::string of_text(std::int64_t k, std::size_t n) {
  return std::to_string(k) + " of " + std::to_string(n);
}

std::string steps_text(const std::vector<std::optional<std::int64_t>>& steps) {
  std::vector<std::int64_t> acted;
  for (const auto& step : steps) {
    if (step) acted.push_back(*step);
  }
  if (acted.empty()) return steps.empty() ? "-" : "never in " + std::to_string(steps.size());
  const auto [low, high] = std::minmax_element(acted.begin(), acted.end());
  return std::to_string(*low) + (*low == *high ? "" : " to " + std::to_string(*high)) + " in " +
         of_text(static_cast<std::int64_t>(acted.size()), steps.size());
}

}  // namespace phaseguard::lab::reproduce
