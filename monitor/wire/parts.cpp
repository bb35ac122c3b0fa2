#include "monitor/wire/parts.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "monitor/base/text.h"
#include "monitor/wire/declaration.h"

namespace phaseguard::wire {

namespace {

bool is_good(const SignalDecl& declared, const Sample& sample) {
  if (sample.missing) return false;
  // Of distributions the items count; whoever reads them judges them.
  return declared.columns > 0 || assess(declared, sample.value) == Quality::kGood;
}

double weighted_mean(const std::vector<const Parts::Part*>& good, double Sample::*field) {
  double sum = 0.0;
  double weight = 0.0;
  for (const Parts::Part* part : good) {
    sum += part->weight * (part->sample.*field);
    weight += part->weight;
  }
  return sum / weight;
}

double joined_value(Join join, const std::vector<const Parts::Part*>& good) {
  if (join == Join::kMean) return weighted_mean(good, &Sample::value);
  double value = good.front()->sample.value;
  for (std::size_t i = 1; i < good.size(); ++i) {
    const double next = good[i]->sample.value;
    value = join == Join::kMax ? std::max(value, next) : value + next;
  }
  return value;
}

// Of the parts that should be there: one that did not come weighs what the others do on average.
double whole_weight(const Parts::Pending& pending) {
  double weight = 0.0;
  for (const Parts::Part& part : pending.parts) weight += part.weight;
  const auto there = static_cast<double>(pending.parts.size());
  const double expected = std::max(there, static_cast<double>(pending.n));
  return weight * (expected / there);
}

}  // namespace

std::string part_fault(const Report& report) {
  if (!std::isnan(report.weight) && !(std::isfinite(report.weight) && report.weight > 0.0))
    return "weight: expected a finite number above 0, found " + number_text(report.weight);
  if (report.part.empty()) return "";
  const std::string expected =
      "part: expected [k, n] with k from 1 and n from k, or 0 for not "
      "known, up to " +
      std::to_string(kMostParts) + "; found ";
  if (report.part.size() != 2)
    return expected + "an array of " + std::to_string(report.part.size());
  const std::int64_t k = report.part[0];
  const std::int64_t n = report.part[1];
  const bool fits = k >= 1 && k <= kMostParts && n <= kMostParts && (n == 0 || n >= k);
  return fits ? "" : expected + "[" + std::to_string(k) + ", " + std::to_string(n) + "]";
}

Join join_of(const SignalDecl& declared, Report::Origin origin) {
  if (const auto join = declared.join.known()) return *join;
  const std::string_view name = declared.name;
  const std::string_view group = name.substr(0, name.find('/'));
  const bool of_canaries = group == "canary" || group == "drift" || group == "probe";
  return of_canaries || origin == Report::Origin::kCanary ? Join::kLast : Join::kMean;
}

void Parts::declare(const Hello& hello) {
  is_in_force_ = has_law(hello, Law::kJoins);
  signals_.clear();
  for (const SignalDecl& declared : hello.signals) signals_.push_back(with_edges(hello, declared));
  begin_segment();
}

void Parts::begin_segment() {
  pending_.clear();
  done_.clear();
}

const SignalDecl* Parts::declaration_of(const std::string& signal) const {
  const auto found = std::find_if(signals_.begin(), signals_.end(),
                                  [&](const SignalDecl& known) { return known.name == signal; });
  return found == signals_.end() ? nullptr : &*found;
}

Step& Parts::done_step(const std::string& signal) {
  const auto found = std::find_if(done_.begin(), done_.end(),
                                  [&](const Done& known) { return known.signal == signal; });
  if (found != done_.end()) return found->step;
  done_.push_back({signal, Step{-1}});
  return done_.back().step;
}

Joined Parts::join(const Pending& pending, bool is_complete) {
  Step& done = done_step(pending.signal);
  done = std::max(done, pending.step);
  Joined out;
  out.step = pending.step;
  out.is_complete = is_complete;
  out.report.origin = static_cast<Report::Origin>(pending.origin);
  out.report.batch = pending.batch;
  const SignalDecl* known = declaration_of(pending.signal);
  const SignalDecl declared = known != nullptr ? *known : SignalDecl{};
  const Join how = join_of(declared, out.report.origin);
  Sample sample;
  sample.signal = pending.signal;
  if (how == Join::kLast) {
    sample = pending.parts.back().sample;
  } else {
    std::vector<const Part*> good;
    double weight = 0.0;
    sample.missing = true;
    for (const Part& part : pending.parts) {
      sample.missing = sample.missing && part.sample.missing;
      sample.items.insert(sample.items.end(), part.sample.items.begin(), part.sample.items.end());
      if (!is_good(declared, part.sample)) continue;
      good.push_back(&part);
      weight += part.weight;
    }
    const bool enough = !good.empty() && 2.0 * weight >= whole_weight(pending);
    if (enough) {
      sample.value = joined_value(how, good);
      if (how == Join::kMean) {
        sample.lower = weighted_mean(good, &Sample::lower);
        sample.upper = weighted_mean(good, &Sample::upper);
      }
    }
  }
  out.report.samples.push_back(std::move(sample));
  return out;
}

Taking Parts::take_part(const Report& report, const Sample& sample, Step step, Pending*& complete) {
  if (step <= done_step(sample.signal))
    return step == done_step(sample.signal) ? Taking::kRepeated : Taking::kTooLate;
  auto pending = std::find_if(pending_.begin(), pending_.end(),
                              [&](const Pending& p) { return p.signal == sample.signal; });
  if (pending == pending_.end()) {
    pending_.push_back({sample.signal, step, 0, 0, 0, {}});
    pending = std::prev(pending_.end());
  }
  if (step < pending->step) return Taking::kTooLate;
  pending->n = std::max(pending->n, report.part[1]);
  pending->origin = static_cast<std::int64_t>(report.origin);
  pending->batch = report.batch;
  const std::int64_t k = report.part[0];
  const auto place = std::find_if(pending->parts.begin(), pending->parts.end(),
                                  [k](const Part& part) { return part.k >= k; });
  Part part{k, std::isnan(report.weight) ? 1.0 : report.weight, sample};
  const bool is_repeated = place != pending->parts.end() && place->k == k;
  if (is_repeated) {
    *place = std::move(part);
  } else {
    pending->parts.insert(place, std::move(part));
  }
  if (pending->n > 0 && static_cast<std::int64_t>(pending->parts.size()) >= pending->n)
    complete = &*pending;
  return is_repeated ? Taking::kRepeated : Taking::kPart;
}

std::vector<Joined> Parts::take(const Report& report, Step step, std::vector<Taking>* taken) {
  std::vector<Joined> out;
  for (const Pending& pending : pending_) {
    if (pending.step < step) out.push_back(join(pending, false));
  }
  pending_.erase(std::remove_if(pending_.begin(), pending_.end(),
                                [step](const Pending& p) { return p.step < step; }),
                 pending_.end());
  std::stable_sort(out.begin(), out.end(),
                   [](const Joined& a, const Joined& b) { return a.step < b.step; });
  Joined now{step, {}, true};
  now.report.origin = report.origin;
  now.report.batch = report.batch;
  now.report.wants_control = report.wants_control;
  for (const Sample& sample : report.samples) {
    Taking what = Taking::kWhole;
    Pending* complete = nullptr;
    const bool is_part = is_in_force_ && !report.part.empty() && declaration_of(sample.signal);
    if (is_part) what = take_part(report, sample, step, complete);
    if (!is_part) now.report.samples.push_back(sample);
    if (complete != nullptr) {
      now.report.samples.push_back(join(*complete, true).report.samples.front());
      pending_.erase(pending_.begin() + (complete - pending_.data()));
    }
    if (taken != nullptr) taken->push_back(what);
  }
  out.push_back(std::move(now));
  return out;
}

std::vector<Joined> Parts::take_all() {
  std::vector<Joined> out;
  for (const Pending& pending : pending_) out.push_back(join(pending, false));
  pending_.clear();
  std::stable_sort(out.begin(), out.end(),
                   [](const Joined& a, const Joined& b) { return a.step < b.step; });
  return out;
}

}  // namespace phaseguard::wire
