#include "monitor/run/plots.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "monitor/base/table_text.h"
#include "monitor/base/text.h"
#include "monitor/wire/signals.h"

namespace phaseguard::run {

namespace {

constexpr double kLineWidth = 0.04;  // of an axis: what a line at its end needs to be seen whole

// Detectors whose statistic has the scale of what they watch: their line can stand beside the
// values. Of the others (slopes, sums, deviations, wealth) it would mean nothing there.
bool is_on_the_scale(const wire::DetectorInfo& detector, const std::string& unit) {
  const bool plain = detector.type == "level" || detector.type == "ewma";
  const bool same_unit = detector.unit.empty() || unit.empty() || detector.unit == unit;
  return plain && same_unit && std::isfinite(detector.threshold);
}

std::string spoken_unit(const std::string& unit) { return unit == "1" ? "" : unit; }

std::string watcher_text(const wire::DetectorInfo& detector, bool on_scale) {
  std::string text = detector.name + ": " + detector.type;
  if (std::isfinite(detector.threshold)) text += " > " + short_number(detector.threshold);
  if (const std::string unit = spoken_unit(detector.unit); !unit.empty()) text += " " + unit;
  if (detector.needed > 1) text += ", " + std::to_string(detector.needed) + " in a row";
  return text + (on_scale ? "" : " (on a scale of its own: no line)");
}

// `unit`: as declared; "": not known.
void add_watchers(const RunState& state, const std::string& unit, PlotSpec& plot) {
  if (!state.policy) return;
  for (const wire::DetectorInfo& detector : state.policy->detectors) {
    if (detector.signal != plot.name) continue;
    const bool on_scale = is_on_the_scale(detector, unit);
    plot.watchers.push_back(watcher_text(detector, on_scale));
    if (!on_scale) continue;
    const auto same =
        std::find_if(plot.levels.begin(), plot.levels.end(),
                     [&](const PlotLevel& level) { return level.value == detector.threshold; });
    if (same == plot.levels.end()) {
      plot.levels.push_back({detector.threshold, detector.name});
    } else {
      same->label += ", " + detector.name;
    }
  }
  for (PlotLevel& level : plot.levels) level.label += " > " + short_number(level.value);
}

std::int64_t cadence_of(const RunState& state, const wire::SignalDecl& declared) {
  if (declared.every_steps > 0) return declared.every_steps;
  const bool canary =
      declared.items == wire::Items::kCanary || wire::group_of(declared.name) == "canary";
  return canary ? state.cadence_steps : 0;
}

// Values further apart than 2.5 measuring intervals are not joined: what is missing is a gap.
double joins_within(std::int64_t every) {
  return every > 0 ? 2.5 * static_cast<double>(every) : kUnlimited;
}

// Limits are often a round number and what rounding may add: four digits tell them.
std::string range_text(double min, double max) {
  if (std::isfinite(min) && std::isfinite(max))
    return short_number(min) + " to " + short_number(max);
  if (std::isfinite(min)) return short_number(min) + " and more";
  return std::isfinite(max) ? "up to " + short_number(max) : "";
}

void append_detail(std::string& text, const std::string& more) {
  if (!more.empty()) text += (text.empty() ? "" : ", ") + more;
}

void set_place(PlotSpec& plot, std::string place) {
  plot.place = std::move(place);
  plot.group = plot.group_title = std::string(wire::group_of(plot.place));
  for (const wire::SignalGroup& known : wire::kSignalGroups) {
    if (known.name == plot.group) plot.group_title = std::string(known.title);
  }
}

PlotLine line_of(const RunState& state, const SignalState& signal) {
  PlotLine line;
  line.label = signal.declaration.name;
  line.series = &signal.series;
  line.joins_within = joins_within(cadence_of(state, signal.declaration));
  return line;
}

void add_items(const RunState& state, const SignalState& signal, PlotSpec& plot) {
  if (signal.declaration.items != wire::Items::kCanary || !state.hello) return;
  for (const std::string& id : state.hello->canary_ids) {
    const auto item = state.signals.find(plot.name + "/" + id);
    if (item != state.signals.end() && item->second.is_item) {
      plot.items.push_back({id, &item->second.series});
    }
  }
}

// The largest of the items beside the mean, where the catalogue knows a signal for it.
void add_largest(PlotSpec& plot) {
  if (plot.items.empty() || wire::find_signal(plot.name + "_max") == nullptr) return;
  PlotLine line;
  line.label = "max of " + std::to_string(plot.items.size()) + " prompts";
  for (const PlotItem& item : plot.items) line.largest_of.push_back(item.series);
  line.joins_within = plot.lines.front().joins_within;
  plot.lines.push_back(std::move(line));
}

PlotSpec plot_of_signal(const RunState& state, const SignalState& signal) {
  const wire::SignalDecl& declared = signal.declaration;
  const wire::StandardSignal* known = wire::find_signal(declared.name);
  PlotSpec plot;
  plot.id = plot.name = declared.name;
  set_place(plot, plot.name);
  plot.title = declared.name;
  if (known != nullptr) {
    plot.title = std::string(known->title);
    if (wire::is_family(*known)) plot.title += ": " + declared.name.substr(plot.group.size() + 1);
    plot.help = std::string(known->help);
  }
  plot.unit = spoken_unit(declared.unit);
  plot.min = declared.min;
  plot.max = declared.max;
  append_detail(plot.details, range_text(declared.min, declared.max));
  if (const std::int64_t every = cadence_of(state, declared); every > 0) {
    append_detail(plot.details,
                  every == 1 ? "every step" : "every " + std::to_string(every) + " steps");
  }
  if (!declared.variant.empty()) append_detail(plot.details, "variant " + declared.variant);
  if (!signal.declared && state.hello) plot.remark = "not declared by this trainer";
  plot.lines.push_back(line_of(state, signal));
  add_items(state, signal, plot);
  add_watchers(state, declared.unit, plot);
  return plot;
}

PlotSpec plot_of_source(const RunState& state, const std::string& source, const Derived& derived) {
  PlotSpec plot;
  plot.id = plot.name = plot.title = source;
  set_place(plot, derived.members.front());
  plot.unit = spoken_unit(derived.unit);
  plot.min = derived.min;
  plot.max = derived.max;
  plot.help = "Made of other signals, step by step, as the policy's detector reads it.";
  append_detail(plot.details, range_text(derived.min, derived.max));
  PlotLine line;
  line.label = source;
  line.series = &derived.series;
  plot.lines.push_back(std::move(line));
  add_watchers(state, derived.unit, plot);
  return plot;
}

// One canary of a declared signal, of which nothing has come yet.
bool is_declared_item(const RunState& state, const std::string& source) {
  if (!state.hello) return false;
  const auto& ids = state.hello->canary_ids;
  return std::any_of(
      state.hello->signals.begin(), state.hello->signals.end(), [&](const wire::SignalDecl& s) {
        const bool below = source.rfind(s.name + "/", 0) == 0;
        return below && s.items == wire::Items::kCanary &&
               std::find(ids.begin(), ids.end(), source.substr(s.name.size() + 1)) != ids.end();
      });
}

// A detector looks at something that this run has not sent.
PlotSpec plot_of_nothing(const RunState& state, const std::string& source) {
  PlotSpec plot;
  plot.id = plot.name = plot.title = source;
  set_place(plot, source.substr(source.find('(') + 1));
  if (!is_declared_item(state, source)) {
    plot.remark = "watched by the policy, and not declared by this trainer";
  }
  plot.lines.emplace_back();
  plot.lines.back().label = source;
  add_watchers(state, "", plot);
  return plot;
}

PlotSpec plot_of_knob(const std::string& name, const KnobState& knob) {
  PlotSpec plot;
  plot.id = "knob " + name;
  plot.name = name;
  plot.is_knob = true;
  plot.title = "Knob " + name;
  plot.unit = spoken_unit(knob.declaration.unit);
  plot.help = "What was decided for this knob, and what the trainer reports as in force.";
  plot.min = knob.declaration.min;
  plot.max = knob.declaration.max;
  append_detail(plot.details, range_text(plot.min, plot.max));
  PlotLine applied;
  applied.label = "applied";
  applied.series = &knob.applied;
  applied.holds = true;
  PlotLine decided = applied;
  decided.label = "decided";
  decided.series = &knob.decided;
  decided.planned = true;
  plot.lines = {std::move(applied), std::move(decided)};
  return plot;
}

bool comes_before(const PlotSpec& a, const PlotSpec& b) {
  if (a.is_watched() != b.is_watched()) return a.is_watched();
  if (a.place != b.place) return shows_before(a.place, b.place);
  return a.name < b.name;
}

// Draws unwatched companions ("canary/js_max") with their signal instead of on their own.
void join_companions(std::vector<PlotSpec>& plots) {
  const auto host_of = [&](const PlotSpec& plot) -> PlotSpec* {
    const wire::StandardSignal* known = wire::find_signal(plot.name);
    if (known == nullptr || known->beside.empty() || plot.is_watched()) return nullptr;
    const auto host = std::find_if(plots.begin(), plots.end(), [&](const PlotSpec& other) {
      return other.name == known->beside && other.unit == plot.unit && other.remark.empty();
    });
    return host == plots.end() ? nullptr : &*host;
  };
  std::set<std::string> joined;
  for (PlotSpec& plot : plots) {
    PlotSpec* host = host_of(plot);
    if (host == nullptr) continue;
    for (PlotLine& line : plot.lines) host->lines.push_back(std::move(line));
    host->min = std::min(host->min, plot.min);
    host->max = std::max(host->max, plot.max);
    if (!plot.help.empty()) host->help += " " + plot.name + ": " + plot.help;
    joined.insert(plot.id);
  }
  plots.erase(std::remove_if(plots.begin(), plots.end(),
                             [&](const PlotSpec& plot) { return joined.count(plot.id) > 0; }),
              plots.end());
}

}  // namespace

bool shows_before(const std::string& signal, const std::string& other) {
  const auto key = [](const std::string& name) {
    const std::string_view group = wire::group_of(name);
    std::size_t place = 0;
    while (place < wire::kSignalGroups.size() && wire::kSignalGroups[place].name != group) ++place;
    return std::make_tuple(place, group, wire::place_of_signal(name), std::string_view(name));
  };
  return key(signal) < key(other);
}

std::vector<PlotSpec> plots_of(const RunState& state) {
  std::vector<PlotSpec> plots;
  for (const auto& [name, signal] : state.signals) {
    if (!signal.is_item) plots.push_back(plot_of_signal(state, signal));
  }
  for (const auto& [source, derived] : state.derived) {
    plots.push_back(plot_of_source(state, source, derived));
  }
  if (state.policy) {
    for (const wire::DetectorInfo& detector : state.policy->detectors) {
      const bool drawn = std::any_of(plots.begin(), plots.end(), [&](const PlotSpec& plot) {
        return plot.name == detector.signal;
      });
      if (drawn) continue;
      const auto item = state.signals.find(detector.signal);  // one canary of a signal
      plots.push_back(item != state.signals.end() ? plot_of_signal(state, item->second)
                                                  : plot_of_nothing(state, detector.signal));
    }
  }
  join_companions(plots);
  for (PlotSpec& plot : plots) {
    if (plot.lines.size() == 1) add_largest(plot);
  }
  std::sort(plots.begin(), plots.end(), comes_before);
  for (const auto& [name, knob] : state.knobs) plots.push_back(plot_of_knob(name, knob));
  return plots;
}

ValueRange value_range(double lo, double hi, double min, double max) {
  const bool closed = std::isfinite(max - min) && min < max;
  const auto whole = [&] {
    const double room = kLineWidth * (max - min);
    return ValueRange{min == 0.0 ? 0.0 : min - room, max + room};
  };
  if (!std::isfinite(lo) || !std::isfinite(hi) || lo > hi) {
    return closed ? whole() : ValueRange{0.0, 1.0};
  }
  const double shown =
      (max >= 0.0 ? std::max(hi, 0.0) : hi) - (min <= 0.0 ? std::min(lo, 0.0) : lo);
  if (closed && lo >= min && hi <= max && shown >= 0.5 * (max - min)) return whole();
  const double span = hi - lo;
  if (!std::isfinite(span)) return {lo, hi};
  if (span <= 1e-12 * std::max(std::abs(lo), std::abs(hi))) {  // a constant
    if (lo == 0.0) return closed ? whole() : ValueRange{0.0, 1.0};
    const double half = std::abs(hi) * 0.1;
    return lo > 0.0 ? ValueRange{0.0, hi + half} : ValueRange{lo - half, hi + half};
  }
  const auto margin = [&](double to_limit) {
    return to_limit < 0.0 ? 0.1 * span : std::min(0.1 * span, to_limit + kLineWidth * span);
  };
  ValueRange range{lo - margin(lo - min), hi + margin(max - hi)};
  if (lo >= 0.0) range.lo = lo < 0.5 * hi ? 0.0 : std::max(range.lo, 0.0);
  return range;
}

bool has_room(double level, double lo, double hi) {
  if (!std::isfinite(level)) return false;
  if (!std::isfinite(lo) || !std::isfinite(hi) || lo > hi) return true;
  constexpr double kMost = 10.0;  // the values keep a tenth of the height
  const double from = std::min({lo, level, 0.0});
  const double to = std::max({hi, level, 0.0});
  const double values = std::max({hi - lo, std::abs(lo), std::abs(hi)});
  return to - from <= kMost * values || values == 0.0;
}

}  // namespace phaseguard::run
