#include "monitor/run/derived.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string_view>
#include <utility>

namespace phaseguard::run {

namespace {

using Form = Derived::Form;

constexpr std::size_t kMaxWaiting = 64;

const wire::SignalDecl* declared(const wire::Hello& hello, std::string_view name) {
  const auto found = std::find_if(hello.signals.begin(), hello.signals.end(),
                                  [&](const auto& s) { return s.name == name; });
  return found == hello.signals.end() ? nullptr : &*found;
}

// The declaration of a signal, or of the one of which `name` is a canary's item.
const wire::SignalDecl* declared_value(const wire::Hello& hello, std::string_view name) {
  if (const auto* itself = declared(hello, name)) return itself;
  for (const wire::SignalDecl& vector : hello.signals) {
    if (vector.items != wire::Items::kCanary || name.size() <= vector.name.size() + 1) continue;
    if (name.substr(0, vector.name.size()) != vector.name || name[vector.name.size()] != '/') {
      continue;
    }
    const std::string_view id = name.substr(vector.name.size() + 1);
    const auto& ids = hello.canary_ids;
    if (std::find(ids.begin(), ids.end(), id) != ids.end()) return &vector;
  }
  return nullptr;
}

// "max(canary/js/*)", "mean(canary/js/*)".
std::optional<Derived> group_of(const std::string& source, const wire::Hello& hello) {
  Derived out;
  const std::string_view text = source;
  const bool largest = text.substr(0, 4) == "max(";
  const std::size_t head = largest ? 4 : 5;
  if (!largest && text.substr(0, 5) != "mean(") return std::nullopt;
  if (text.size() < head + 4 || text.substr(text.size() - 3) != "/*)") return std::nullopt;
  out.form = largest ? Form::kLargest : Form::kMean;
  const std::string_view name = text.substr(head, text.size() - head - 3);
  if (const auto* vector = declared(hello, name); vector != nullptr && !vector->items.empty()) {
    out.members = {vector->name};
    out.of_items = true;
    out.unit = vector->unit;
    out.min = vector->min;
    out.max = vector->max;
    return out;
  }
  const std::string prefix = std::string(name) + "/";
  for (const wire::SignalDecl& signal : hello.signals) {
    if (signal.name.rfind(prefix, 0) != 0) continue;
    const bool first = out.members.empty();
    out.members.push_back(signal.name);
    out.min = first ? signal.min : std::min(out.min, signal.min);
    out.max = first ? signal.max : std::max(out.max, signal.max);
    out.unit = first || out.unit == signal.unit ? signal.unit : std::string();
  }
  if (out.members.empty()) return std::nullopt;
  return out;
}

// "a/b - c/d", "a/b / c/d", cut where both sides are declared: names may hold blanks.
std::optional<Derived> pair_of(const std::string& source, const wire::Hello& hello) {
  for (const char* sign : {" - ", " / "}) {
    for (std::size_t at = source.find(sign); at != std::string::npos;
         at = source.find(sign, at + 1)) {
      const auto* a = declared_value(hello, std::string_view(source).substr(0, at));
      const auto* b = declared_value(hello, std::string_view(source).substr(at + 3));
      if (a == nullptr || b == nullptr) continue;
      Derived out;
      out.members = {source.substr(0, at), source.substr(at + 3)};
      const bool same_unit = a->unit == b->unit;
      if (sign[1] == '/') {
        out.form = Form::kRatio;
        out.unit = same_unit ? "1" : "";
      } else {
        out.form = Form::kDifference;
        out.unit = same_unit ? a->unit : "";
        out.min = a->min - b->max;
        out.max = a->max - b->min;
      }
      return out;
    }
  }
  return std::nullopt;
}

double combined(Form form, const std::vector<double>& values) {
  switch (form) {
    case Form::kLargest:
      return *std::max_element(values.begin(), values.end());
    case Form::kMean:
      return std::accumulate(values.begin(), values.end(), 0.0) /
             static_cast<double>(values.size());
    case Form::kDifference:
      return values[0] - values[1];
    case Form::kRatio:
      break;
  }
  return values[1] == 0.0 ? wire::kNaN : values[0] / values[1];
}

// BAD when a member is, else MISSING when one is. Nothing: one is still to come.
std::optional<Quality> quality_of(const std::vector<std::optional<Quality>>& members) {
  Quality out = Quality::kGood;
  for (const auto& one : members) {
    if (!one) return std::nullopt;
    if (*one == Quality::kBad || out == Quality::kGood) out = *one;
  }
  return out;
}

void append(Derived& derived, Step step, double t, Quality quality,
            const std::vector<double>& values) {
  const double value = quality == Quality::kGood ? combined(derived.form, values) : wire::kNaN;
  if (quality == Quality::kGood && !std::isfinite(value)) quality = Quality::kBad;
  derived.series.append(step, t, value, quality);
  derived.last = step;
}

Derived::Waiting& waiting_at(Derived& derived, Step step) {
  for (auto one = derived.waiting.rbegin(); one != derived.waiting.rend(); ++one) {
    if (one->step == step) return *one;
  }
  if (derived.waiting.size() == kMaxWaiting) derived.waiting.pop_front();
  const std::size_t n = derived.members.size();
  derived.waiting.push_back(
      {step, std::vector<std::optional<Quality>>(n), std::vector<double>(n, wire::kNaN)});
  return derived.waiting.back();
}

}  // namespace

std::optional<Derived> derived_from(const std::string& source, const wire::Hello& hello) {
  if (declared_value(hello, source) != nullptr) return std::nullopt;
  if (auto group = group_of(source, hello)) return group;
  return pair_of(source, hello);
}

void take_value(Derived& derived, const std::string& signal, Step step, double t, Quality quality,
                double value) {
  if (derived.of_items || step <= derived.last) return;
  for (std::size_t place = 0; place < derived.members.size(); ++place) {
    if (derived.members[place] != signal) continue;
    Derived::Waiting& at = waiting_at(derived, step);
    if (at.qualities[place]) continue;  // a repeated measurement counts for nothing
    at.qualities[place] = quality;
    at.values[place] = value;
    const auto whole = quality_of(at.qualities);
    if (!whole) continue;
    append(derived, step, t, *whole, at.values);
    auto& waiting = derived.waiting;
    waiting.erase(std::remove_if(waiting.begin(), waiting.end(),
                                 [&](const auto& one) { return one.step <= step; }),
                  waiting.end());
    return;
  }
}

void take_items(Derived& derived, const wire::SignalDecl& declared, const wire::Sample& sample,
                Step step, double t) {
  if (!derived.of_items || derived.members.front() != sample.signal || step <= derived.last) return;
  Quality quality = sample.missing         ? Quality::kMissing
                    : sample.items.empty() ? Quality::kBad
                                           : Quality::kGood;
  for (const double item : sample.items) {
    if (quality == Quality::kGood) quality = wire::assess(declared, item);
  }
  append(derived, step, t, quality, sample.items);
}

void begin_segment(Derived& derived) {
  derived.series.break_here();
  derived.waiting.clear();
  derived.last = Step{-1};
}

}  // namespace phaseguard::run
