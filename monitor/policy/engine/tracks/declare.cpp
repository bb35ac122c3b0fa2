// Which tracks there are: the first half of tracker.h.
#include <algorithm>

#include "monitor/policy/engine/tracks/tracker.h"
#include "monitor/wire/declaration.h"

namespace phaseguard::policy {

namespace {

SignalTrack track_of(const wire::Hello& hello, const wire::SignalDecl& signal) {
  SignalTrack track;
  track.name = track.declared = signal.name;
  track.unit = signal.unit;
  track.runs_over_canaries = signal.items == wire::Items::kCanary;
  if (signal.items == wire::Items::kDistribution && signal.columns > 0) {
    track.form = TrackForm::kRows;
    track.columns = signal.columns;
  }
  track.min = signal.min;
  track.max = signal.max;
  wire::widen(hello, track.min, track.max);
  track.every_steps = cadence_of(hello, signal);
  return track;
}

std::int64_t find_track(const MachineState& state, const std::string& name) {
  for (std::size_t i = 0; i < state.tracks.size(); ++i) {
    if (state.tracks[i].name == name) return static_cast<std::int64_t>(i);
  }
  return -1;
}

std::int64_t add(MachineState& state, SignalTrack track) {
  const std::size_t index = state.tracks.size();
  for (DeclaredTracks& declared : state.declared) {
    if (declared.name == track.declared) declared.tracks.push_back(index);
  }
  state.tracks.push_back(std::move(track));
  return static_cast<std::int64_t>(index);
}

// A declared signal or one of its canary items.
std::int64_t plain_track(MachineState& state, const wire::Hello& hello, const std::string& signal) {
  const std::int64_t known = find_track(state, signal);
  if (known >= 0) return known;
  std::int64_t item = -1;
  const wire::SignalDecl* declared = find_declared(hello, signal, item);
  if (declared == nullptr) return -1;
  SignalTrack track = track_of(hello, *declared);
  track.name = signal;
  track.form = TrackForm::kItem;
  track.item = item;
  return add(state, std::move(track));
}

std::int64_t vector_track(MachineState& state, const wire::Hello& hello,
                          const wire::SignalDecl& vector, const SourceSpec& source) {
  SignalTrack track = track_of(hello, vector);
  track.name = to_text(source);
  track.form = source.combine == Combine::kMax ? TrackForm::kItemsMax : TrackForm::kItemsMean;
  return add(state, std::move(track));
}

std::vector<std::int64_t> members_of(MachineState& state, const wire::Hello& hello,
                                     const SourceSpec& source) {
  std::vector<std::string> names;
  if (source.is_group()) {
    const std::string prefix = prefix_of(source.signal);
    for (const wire::SignalDecl& declared : hello.signals) {
      if (declared.name.rfind(prefix, 0) == 0) names.push_back(declared.name);
    }
  } else {
    names = {source.signal, source.minus.empty() ? source.over : source.minus};
  }
  std::vector<std::int64_t> members;
  for (const std::string& name : names) members.push_back(plain_track(state, hello, name));
  return members;
}

TrackForm form_of(const SourceSpec& source) {
  if (source.combine == Combine::kMax) return TrackForm::kMax;
  if (source.combine == Combine::kMean) return TrackForm::kMean;
  return source.minus.empty() ? TrackForm::kRatio : TrackForm::kDifference;
}

std::int64_t joining_track(MachineState& state, const wire::Hello& hello,
                           const SourceSpec& source) {
  const Result<SourceFit> fit = fit_source(hello, source);
  if (!fit) return -1;
  SignalTrack track;
  track.name = to_text(source);
  track.unit = fit->unit;
  track.form = form_of(source);
  track.min = fit->min;
  track.max = fit->max;
  wire::widen(hello, track.min, track.max);
  track.every_steps = fit->every_steps;
  track.members = members_of(state, hello, source);
  const std::int64_t index = add(state, std::move(track));
  for (const std::int64_t member : state.tracks[static_cast<std::size_t>(index)].members) {
    SignalTrack& of = state.tracks[static_cast<std::size_t>(member)];
    of.watched = true;
    if (std::find(of.joins.begin(), of.joins.end(), index) == of.joins.end()) {
      of.joins.push_back(index);
    }
  }
  return index;
}

std::int64_t find_or_add(MachineState& state, const wire::Hello& hello, const SourceSpec& source) {
  if (!source.is_derived()) return plain_track(state, hello, source.signal);
  const std::int64_t known = find_track(state, to_text(source));
  if (known >= 0) return known;
  if (source.is_group()) {
    const wire::SignalDecl* vector = find_vector(hello, source.signal);
    if (vector != nullptr) return vector_track(state, hello, *vector, source);
  }
  return joining_track(state, hello, source);
}

}  // namespace

std::int64_t resolve_source(MachineState& state, const wire::Hello& hello, const SourceSpec& source,
                            bool keep_items) {
  const std::int64_t index = find_or_add(state, hello, source);
  if (index < 0) return index;
  SignalTrack& track = state.tracks[static_cast<std::size_t>(index)];
  track.watched = true;
  track.keeps_items = track.keeps_items || keep_items;
  return index;
}

void index_samples(MachineState& state) {
  state.declared.clear();
  state.sample_order = {};
  for (std::size_t i = 0; i < state.tracks.size(); ++i) {
    const std::string& name = state.tracks[i].declared;
    if (name.empty()) continue;
    const auto known = std::find_if(state.declared.begin(), state.declared.end(),
                                    [&](const DeclaredTracks& d) { return d.name == name; });
    if (known != state.declared.end()) {
      known->tracks.push_back(i);
    } else {
      state.declared.push_back({name, {i}});
    }
  }
}

void declare_signals(MachineState& state, const wire::Hello& hello) {
  state.time = wire::kNaN;
  state.elapsed = Elapsed();
  state.sums_time = wire::has_law(hello, wire::Law::kClock);
  state.by_batch = wire::has_law(hello, wire::Law::kBatches);
  state.parts.declare(hello);
  state.tracks.clear();
  state.track_of.clear();
  state.least_points.clear();
  state.n_canaries = static_cast<std::int64_t>(hello.canary_ids.size());
  for (const wire::SignalDecl& signal : hello.signals) {
    state.tracks.push_back(track_of(hello, signal));
  }
  index_samples(state);
  for (std::size_t d = 0; d < state.document.detectors.size(); ++d) {
    const DetectorSpec& spec = state.document.detectors[d];
    const std::int64_t index = resolve_source(state, hello, spec.source);
    state.track_of.push_back(index);  // -1: a later attempt that no longer declares it
    if (index < 0) {
      state.least_points.push_back(-1);
      continue;
    }
    SignalTrack& track = state.tracks[static_cast<std::size_t>(index)];
    track.watchers.push_back(static_cast<std::int64_t>(d));
    state.least_points.push_back(least_points(spec, track.max));
  }
}

}  // namespace phaseguard::policy
