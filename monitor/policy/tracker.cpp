#include "monitor/policy/tracker.h"

#include <algorithm>

namespace phaseguard::policy {

namespace {

constexpr std::int64_t kMaxCadence = 1000000000;
constexpr std::int64_t kMaxStart = 1000000000000000;
// A jump of the step counter counts as no more missing measurements than this.
constexpr std::int64_t kMaxGap = 64;

std::int64_t cadence_of(const wire::Hello& hello, const wire::SignalDecl& signal) {
  std::int64_t every = signal.every_steps;
  if (every == 0 && signal.name.rfind("canary/", 0) == 0) every = hello.cadence_steps;
  return every > 0 && every <= kMaxCadence ? every : 0;
}

SignalTrack track_of(const wire::Hello& hello, const wire::SignalDecl& signal) {
  SignalTrack track;
  track.name = track.declared = signal.name;
  track.unit = signal.unit;
  track.runs_over_canaries = signal.items == "canary";
  track.min = signal.min;
  track.max = signal.max;
  track.every_steps = cadence_of(hello, signal);
  return track;
}

void measure(MachineState& state, std::size_t index, Step step, Quality quality, double value,
             std::vector<std::string>& faulty) {
  SignalTrack& track = state.tracks[index];
  track.last = track.covered = step;
  if (step.value > 0) {  // the baseline is not counted
    track.faults = quality == Quality::kGood ? 0 : track.faults + 1;
    if (track.faults == kFaultsToAlarm) faulty.push_back(track.name);
  }
  for (std::size_t d = 0; d < state.detectors.size(); ++d) {
    if (state.track_of[d] == static_cast<std::int64_t>(index)) {
      feed(state.document.detectors[d], state.detectors[d], step, quality, value);
    }
  }
}

void count_ignored(MachineState& state, std::size_t index) {
  for (std::size_t d = 0; d < state.detectors.size(); ++d) {
    if (state.track_of[d] == static_cast<std::int64_t>(index)) ++state.detectors[d].ignored;
  }
}

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
    const Step step{covered.value + every};
    measure(state, index, step, Quality::kMissing, wire::kNaN, faulty);
  }
}

struct Measured {
  Quality quality;
  double value;
};

Measured measured(const MachineState& state, const SignalTrack& track, const wire::Sample& sample) {
  if (sample.missing) return {Quality::kMissing, wire::kNaN};
  const bool wrong_shape = track.runs_over_canaries && !sample.items.empty() &&
                           static_cast<std::int64_t>(sample.items.size()) != state.n_canaries;
  double value = sample.value;
  if (track.item >= 0) {
    const auto item = static_cast<std::size_t>(track.item);
    if (item >= sample.items.size()) return {Quality::kBad, wire::kNaN};
    value = sample.items[item];
  }
  const bool good = std::isfinite(value) && value >= track.min && value <= track.max;
  return {good && !wrong_shape ? Quality::kGood : Quality::kBad, value};
}

}  // namespace

const wire::SignalDecl* find_declared(const wire::Hello& hello, const std::string& signal,
                                      std::int64_t& item) {
  item = -1;
  for (const wire::SignalDecl& declared : hello.signals) {
    if (declared.name == signal) return &declared;
  }
  for (const wire::SignalDecl& declared : hello.signals) {
    const std::string prefix = declared.name + "/";
    if (declared.items != "canary" || signal.rfind(prefix, 0) != 0) continue;
    const auto id =
        std::find(hello.canary_ids.begin(), hello.canary_ids.end(), signal.substr(prefix.size()));
    if (id == hello.canary_ids.end()) continue;
    item = id - hello.canary_ids.begin();
    return &declared;
  }
  return nullptr;
}

void declare_signals(MachineState& state, const wire::Hello& hello) {
  state.tracks.clear();
  state.track_of.clear();
  state.n_canaries = static_cast<std::int64_t>(hello.canary_ids.size());
  for (const wire::SignalDecl& signal : hello.signals) {
    state.tracks.push_back(track_of(hello, signal));
  }
  for (const DetectorSpec& spec : state.document.detectors) {
    auto track = std::find_if(state.tracks.begin(), state.tracks.end(),
                              [&](const SignalTrack& t) { return t.name == spec.signal; });
    if (track == state.tracks.end()) {
      std::int64_t item = -1;
      const wire::SignalDecl* declared = find_declared(hello, spec.signal, item);
      if (declared == nullptr) {  // a later attempt that no longer declares it
        state.track_of.push_back(-1);
        continue;
      }
      SignalTrack derived = track_of(hello, *declared);
      derived.name = spec.signal;
      derived.item = item;
      track = state.tracks.insert(state.tracks.end(), std::move(derived));
    }
    track->watched = true;
    state.track_of.push_back(track - state.tracks.begin());
  }
}

void restart_signals(MachineState& state, Step start) {
  state.start_step = state.step = start;
  for (DetectorState& detector : state.detectors) {
    const std::int64_t ignored = detector.ignored;
    detector = DetectorState{};
    detector.ignored = ignored;
  }
  for (SignalTrack& track : state.tracks) {
    track.last = Step{-1};
    track.covered = start;
    track.faults = 0;
  }
}

void take_samples(MachineState& state, const wire::Report& report, Step step,
                  std::vector<std::string>& faulty) {
  for (const wire::Sample& sample : report.samples) {
    for (std::size_t i = 0; i < state.tracks.size(); ++i) {
      const SignalTrack& track = state.tracks[i];
      if (track.declared != sample.signal) continue;
      const Measured found = measured(state, track, sample);
      if (step <= track.last) {  // a duplicate, or late: stored by others, never decided on
        count_ignored(state, i);
        continue;
      }
      if (track.watched && track.every_steps > 0) {
        fill_gap(state, i, step.value - 1, faulty);
      }
      measure(state, i, step, found.quality, found.value, faulty);
    }
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

Step earliest_step_of(const MachineState& state, std::size_t detector) {
  const std::int64_t index = state.track_of[detector];
  if (index < 0) return Step{-1};
  const SignalTrack& track = state.tracks[static_cast<std::size_t>(index)];
  const DetectorSpec& spec = state.document.detectors[detector];
  if (track.every_steps == 0 || state.start_step.value > kMaxStart) return Step{-1};
  const Step from_zero = earliest_step(track.every_steps, spec.warmup, spec.consecutive);
  // An attempt that goes on from a later step may measure there at once: there is no baseline.
  const std::int64_t start = state.start_step.value;
  if (start == 0) return from_zero;
  const std::int64_t first = (start + track.every_steps - 1) / track.every_steps;
  return Step{from_zero.value + (first - 1) * track.every_steps};
}

}  // namespace phaseguard::policy
