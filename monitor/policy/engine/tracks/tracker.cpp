#include "monitor/policy/engine/tracks/tracker.h"

#include <algorithm>

#include "monitor/policy/engine/tracks/joins.h"
#include "monitor/policy/laws/law_row.h"
#include "monitor/policy/laws/window_js.h"

namespace phaseguard::policy {

namespace {

constexpr std::int64_t kMaxStart = 1000000000000000;
// A jump of the step counter counts as no more missing measurements than this.
constexpr std::int64_t kMaxGap = 64;

struct Measured {
  Quality quality = Quality::kMissing;
  double value = wire::kNaN;
  Rows rows;
  bool fault_is_new = true;                    // no member of a join has told of it
  const std::vector<double>* items = nullptr;  // as they came; null: none
};

void measure(MachineState& state, std::size_t index, Step step, const Measured& found,
             std::vector<std::string>& faulty);

// Measurements due after track.covered and up to `due`, which did not come.
void fill_gap(MachineState& state, std::size_t index, std::int64_t due,
              std::vector<std::string>& faulty) {
  const std::int64_t every = state.tracks[index].every_steps;
  Step& covered = state.tracks[index].covered;
  std::int64_t count = (due - covered.value) / every;
  if (count > kMaxGap) {
    covered = Step{covered.value + (count - kMaxGap) * every};
    count = kMaxGap;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    measure(state, index, Step{covered.value + every}, Measured{}, faulty);
  }
}

// One measurement of a series: gaps before it, detectors, and the series derived from it.
void arrive(MachineState& state, std::size_t index, Step step, const Measured& found,
            std::vector<std::string>& faulty) {
  const SignalTrack& track = state.tracks[index];
  if (track.watched && track.every_steps > 0 &&
      step.value - track.covered.value > track.every_steps) {
    fill_gap(state, index, step.value - 1, faulty);
  }
  measure(state, index, step, found, faulty);
}

void tell_joins(MachineState& state, std::size_t index, Step step, const Measured& found,
                std::vector<std::string>& faulty) {
  for (std::size_t j = 0; j < state.tracks[index].joins.size(); ++j) {
    const auto at = static_cast<std::size_t>(state.tracks[index].joins[j]);
    SignalTrack& join = state.tracks[at];
    for (std::size_t place = 0; place < join.members.size(); ++place) {
      if (join.members[place] != static_cast<std::int64_t>(index)) continue;
      Joined joined;
      if (!take_member(join, place, step, found.quality, found.value, joined)) continue;
      const Measured found_now{joined.quality, joined.value, {}, joined.members_good, nullptr};
      arrive(state, at, step, found_now, faulty);
    }
  }
}

void measure(MachineState& state, std::size_t index, Step step, const Measured& found,
             std::vector<std::string>& faulty) {
  SignalTrack& track = state.tracks[index];
  track.last = track.covered = step;
  track.quality = found.quality;
  track.value = found.value;
  if (track.keeps_items) {
    if (found.items != nullptr) {
      track.items.assign(found.items->begin(), found.items->end());
    } else {
      track.items.clear();
    }
  }
  ++track.measured;
  if (found.quality == Quality::kGood) {
    track.faults = 0;
  } else if (step.value > 0 && found.fault_is_new) {  // the baseline is not counted
    if (++track.faults == kFaultsToAlarm) faulty.push_back(track.name);
  }
  for (const std::int64_t d : track.watchers) {
    const auto detector = static_cast<std::size_t>(d);
    feed(state.document.detectors[detector], state.detectors[detector], step, found.quality,
         found.value, found.rows);
  }
  if (!track.joins.empty()) tell_joins(state, index, step, found, faulty);
}

void count_ignored(MachineState& state, std::size_t index) {
  for (const std::int64_t d : state.tracks[index].watchers) {
    ++state.detectors[static_cast<std::size_t>(d)].ignored;
  }
}

Quality quality_in(const SignalTrack& track, double value) {
  const bool good = std::isfinite(value) && value >= track.min && value <= track.max;
  return good ? Quality::kGood : Quality::kBad;
}

Measured measured_rows(const MachineState& state, const SignalTrack& track,
                       const wire::Sample& sample) {
  const std::int64_t rows = std::max<std::int64_t>(state.n_canaries, 1);
  const bool good = static_cast<std::int64_t>(sample.items.size()) == rows * track.columns &&
                    are_distributions(sample.items, track.columns);
  const Quality quality = good ? Quality::kGood : Quality::kBad;
  return {quality, sample.value, {sample.items, track.columns}, true, nullptr};
}

Measured measured(const MachineState& state, const SignalTrack& track, const wire::Sample& sample) {
  if (sample.missing) return {};
  if (track.form == TrackForm::kRows) return measured_rows(state, track, sample);
  const bool wrong_shape = track.runs_over_canaries && !sample.items.empty() &&
                           static_cast<std::int64_t>(sample.items.size()) != state.n_canaries;
  Measured found;
  found.quality = Quality::kBad;
  found.value = sample.value;
  switch (track.form) {
    case TrackForm::kItem: {
      const auto item = static_cast<std::size_t>(track.item);
      found.value = item < sample.items.size() ? sample.items[item] : wire::kNaN;
      break;
    }
    case TrackForm::kItemsMax:
    case TrackForm::kItemsMean: {
      const Joined joined = combine_items(track, sample.items);
      found.value = joined.value;
      break;
    }
    case TrackForm::kValue:
    case TrackForm::kRows:
    case TrackForm::kMax:
    case TrackForm::kMean:
    case TrackForm::kDifference:
    case TrackForm::kRatio:
      break;
  }
  if (!wrong_shape) found.quality = quality_in(track, found.value);
  return found;
}

void take_sample(MachineState& state, const wire::Sample& sample, const DeclaredTracks& declared,
                 Step step, std::vector<std::string>& faulty) {
  for (const std::size_t i : declared.tracks) {
    if (step <= state.tracks[i].last) {  // a duplicate, or late: stored by others, never decided on
      count_ignored(state, i);
      continue;
    }
    Measured found = measured(state, state.tracks[i], sample);
    if (!sample.missing) found.items = &sample.items;
    arrive(state, i, step, found, faulty);
  }
}

// Samples come in the same order again and again: the last report of this origin says where to look
// first. declared.size(): nobody looks at such a signal.
std::size_t find_sample(const MachineState& state, std::vector<std::size_t>& order,
                        std::size_t place, const std::string& name) {
  const std::vector<DeclaredTracks>& declared = state.declared;
  if (place < order.size() && order[place] < declared.size() &&
      declared[order[place]].name == name) {
    return order[place];
  }
  const auto found = std::find_if(declared.begin(), declared.end(),
                                  [&](const DeclaredTracks& d) { return d.name == name; });
  const auto index = static_cast<std::size_t>(found - declared.begin());
  if (order.size() <= place) order.resize(place + 1, declared.size());
  order[place] = index;
  return index;
}

}  // namespace

void restart_signals(MachineState& state, Step start, bool carried) {
  state.start_step = state.step = start;
  for (std::size_t d = 0; d < state.detectors.size(); ++d) {
    DetectorState& detector = state.detectors[d];
    if (carried) {
      carry_over(state.document.detectors[d], detector, start);
      continue;
    }
    const std::int64_t ignored = detector.ignored;
    detector = DetectorState{};
    detector.ignored = ignored;
  }
  for (SignalTrack& track : state.tracks) {
    track.last = Step{-1};
    track.quality = Quality::kMissing;
    track.value = wire::kNaN;
    track.items.clear();
    track.covered = start;
    track.faults = 0;
    if (is_join(track)) clear_partials(track);
  }
}

void take_samples(MachineState& state, const wire::Report& report, Step step,
                  std::vector<std::string>& faulty) {
  std::vector<std::size_t>& order = state.sample_order[static_cast<std::size_t>(report.origin)];
  for (std::size_t place = 0; place < report.samples.size(); ++place) {
    const wire::Sample& sample = report.samples[place];
    const std::size_t index = find_sample(state, order, place, sample.signal);
    if (index == state.declared.size()) continue;
    take_sample(state, sample, state.declared[index], step, faulty);
  }
}

void infer_missing(MachineState& state, Step step, std::vector<std::string>& faulty) {
  const std::int64_t tolerated = state.document.missing_after_intervals - 1;
  for (std::size_t i = 0; i < state.tracks.size(); ++i) {
    const SignalTrack& track = state.tracks[i];
    if (!track.watched || track.every_steps == 0) continue;
    const std::int64_t due = step.value - std::max<std::int64_t>(tolerated * track.every_steps, 1);
    if (due > track.last.value) fill_gap(state, i, due, faulty);
  }
}

void observe(MachineState& state, Step step, double t) {
  state.step = std::max(state.step, step);
  state.elapsed.add(step, t);
  if (state.sums_time) {
    state.time = state.elapsed.seconds();
  } else if (std::isfinite(t) && !(t <= state.time)) {
    state.time = t;
  }
  for (std::size_t d = 0; d < state.detectors.size(); ++d) {
    const DetectorSpec& spec = state.document.detectors[d];
    if (row_of(spec).clock == nullptr) continue;
    const std::int64_t track = state.track_of[d];
    const std::int64_t every =
        track < 0 ? 0 : state.tracks[static_cast<std::size_t>(track)].every_steps;
    age(spec, state.detectors[d], {state.step, state.start_step, state.time, every});
  }
}

Step earliest_step_of(const MachineState& state, std::size_t detector) {
  const std::int64_t index = state.track_of[detector];
  const std::int64_t start = state.start_step.value;
  if (index < 0 || start > kMaxStart) return Step{-1};
  const std::int64_t every = state.tracks[static_cast<std::size_t>(index)].every_steps;
  const DetectorSpec& spec = state.document.detectors[detector];
  const Clock* clock = row_of(spec).clock;
  if (clock != nullptr) return clock->earliest(spec, state.start_step, every);
  std::int64_t points = state.least_points[detector];
  if (every == 0 || points < 0) return Step{-1};
  points = std::max<std::int64_t>(points - state.detectors[detector].n_at_start, 1);
  if (start == 0) return Step{every * points};
  // An attempt that goes on from a later step may measure there at once: there is no baseline.
  const std::int64_t first = (start + every - 1) / every;
  return Step{every * (points + first - 1)};
}

}  // namespace phaseguard::policy
