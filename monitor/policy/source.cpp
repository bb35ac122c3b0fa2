#include "monitor/policy/source.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "monitor/base/text.h"

namespace phaseguard::policy {

namespace {

constexpr std::int64_t kMaxCadence = 1000000000;
constexpr double kInf = std::numeric_limits<double>::infinity();

Result<SourceFit> undeclared(const wire::Hello& hello, const std::string& signal) {
  std::vector<std::string> names;
  std::string known;
  for (const wire::SignalDecl& declared : hello.signals) {
    names.push_back(declared.name);
    known += (known.empty() ? "" : ", ") + declared.name;
  }
  const std::string near = nearest(signal, names);
  return fail(Errc::kNotFound, "the policy uses the signal " + quoted(signal, 128) +
                                   ", which the trainer did not declare (declared: " +
                                   (known.empty() ? "none" : known) + ")" +
                                   (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
}

SourceFit fit_of(const wire::Hello& hello, const wire::SignalDecl& declared) {
  SourceFit fit;
  fit.unit = declared.unit;
  fit.variant = declared.variant;
  fit.items = declared.items;
  fit.min = declared.min;
  fit.max = declared.max;
  fit.every_steps = cadence_of(hello, declared);
  if (declared.items == wire::Items::kDistribution) {
    fit.columns = declared.columns;
    fit.rows = std::max<std::int64_t>(static_cast<std::int64_t>(hello.canary_ids.size()), 1);
  }
  return fit;
}

Result<SourceFit> fit_plain(const wire::Hello& hello, const std::string& signal) {
  std::int64_t item = -1;
  const wire::SignalDecl* declared = find_declared(hello, signal, item);
  if (declared == nullptr) return undeclared(hello, signal);
  SourceFit fit = fit_of(hello, *declared);
  if (item >= 0) fit.items = {};
  return fit;
}

tl::unexpected<Error> no_numbers(const std::string& signal) {
  return fail(Errc::kRefused, quoted(signal, 128) +
                                  " carries distributions, which only a detector of type "
                                  "window_js on that very signal can read");
}

void widen(SourceFit& fit, const SourceFit& member) {
  if (fit.unit != member.unit) fit.unit.clear();
  if (fit.variant != member.variant) fit.variant.clear();
  fit.min = std::min(fit.min, member.min);
  fit.max = std::max(fit.max, member.max);
  fit.every_steps = common_cadence(fit.every_steps, member.every_steps);
}

Result<SourceFit> fit_group(const wire::Hello& hello, const SourceSpec& source) {
  if (const wire::SignalDecl* vector = find_vector(hello, source.signal)) {
    if (vector->items == wire::Items::kDistribution) return no_numbers(vector->name);
    SourceFit fit = fit_of(hello, *vector);
    fit.items = {};
    return fit;
  }
  const std::string prefix = prefix_of(source.signal);
  SourceFit fit;
  bool any = false;
  for (const wire::SignalDecl& declared : hello.signals) {
    if (declared.name.rfind(prefix, 0) != 0) continue;
    if (declared.items == wire::Items::kDistribution) return no_numbers(declared.name);
    const SourceFit member = fit_of(hello, declared);
    if (any) {
      widen(fit, member);
    } else {
      fit = member;
    }
    any = true;
  }
  if (!any) return undeclared(hello, source.signal);
  fit.items = {};
  return fit;
}

Result<SourceFit> fit_pair(const wire::Hello& hello, const SourceSpec& source) {
  const bool difference = !source.minus.empty();
  const std::string& second = difference ? source.minus : source.over;
  Result<SourceFit> a = fit_plain(hello, source.signal);
  if (!a) return a;
  if (a->columns > 0) return no_numbers(source.signal);
  Result<SourceFit> b = fit_plain(hello, second);
  if (!b) return b;
  if (b->columns > 0) return no_numbers(second);
  SourceFit fit = *a;
  fit.items = {};
  fit.every_steps = common_cadence(a->every_steps, b->every_steps);
  if (difference) {
    fit.min = a->min - b->max;
    fit.max = a->max - b->min;
    if (a->unit != b->unit) fit.unit.clear();
  } else {
    fit.min = -kInf;
    fit.max = kInf;
    fit.unit = a->unit == b->unit ? "1" : "";
  }
  return fit;
}

}  // namespace

std::int64_t cadence_of(const wire::Hello& hello, const wire::SignalDecl& signal) {
  std::int64_t every = signal.every_steps;
  if (every == 0 && signal.name.rfind("canary/", 0) == 0) every = hello.cadence_steps;
  return every > 0 && every <= kMaxCadence ? every : 0;
}

std::int64_t common_cadence(std::int64_t a, std::int64_t b) {
  if (a <= 0 || b <= 0) return 0;
  const std::int64_t common = a / std::gcd(a, b) * b;  // both at most kMaxCadence
  return common <= kMaxCadence ? common : 0;
}

const wire::SignalDecl* find_declared(const wire::Hello& hello, const std::string& signal,
                                      std::int64_t& item) {
  item = -1;
  for (const wire::SignalDecl& declared : hello.signals) {
    if (declared.name == signal) return &declared;
  }
  for (const wire::SignalDecl& declared : hello.signals) {
    const std::string prefix = declared.name + "/";
    if (declared.items != wire::Items::kCanary || signal.rfind(prefix, 0) != 0) continue;
    const auto id =
        std::find(hello.canary_ids.begin(), hello.canary_ids.end(), signal.substr(prefix.size()));
    if (id == hello.canary_ids.end()) continue;
    item = id - hello.canary_ids.begin();
    return &declared;
  }
  return nullptr;
}

const wire::SignalDecl* find_vector(const wire::Hello& hello, const std::string& group) {
  for (const wire::SignalDecl& declared : hello.signals) {
    if (!declared.items.empty() && declared.name + "/*" == group) return &declared;
  }
  return nullptr;
}

Result<SourceFit> fit_source(const wire::Hello& hello, const SourceSpec& source) {
  if (source.is_group()) return fit_group(hello, source);
  if (source.is_derived()) return fit_pair(hello, source);
  return fit_plain(hello, source.signal);
}

}  // namespace phaseguard::policy
