#include "monitor/policy/engine/tracks/joins.h"

#include <algorithm>
#include <cmath>

namespace phaseguard::policy {

namespace {

double largest(const std::vector<double>& values) {
  return *std::max_element(values.begin(), values.end());
}

double mean(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double combined(TrackForm form, const std::vector<double>& values) {
  switch (form) {
    case TrackForm::kMax:
      return largest(values);
    case TrackForm::kMean:
      return mean(values);
    case TrackForm::kDifference:
      return values[0] - values[1];
    case TrackForm::kRatio:
      return values[1] == 0.0 ? wire::kNaN : values[0] / values[1];
    case TrackForm::kValue:
    case TrackForm::kItem:
    case TrackForm::kItemsMax:
    case TrackForm::kItemsMean:
    case TrackForm::kRows:
      break;  // they join no tracks
  }
  return wire::kNaN;
}

Joined join(TrackForm form, const PartialJoin& partial) {
  Joined out;
  for (const Quality quality : partial.qualities) {
    if (quality == Quality::kGood) continue;
    if (out.members_good || quality == Quality::kBad) out.quality = quality;
    out.members_good = false;
  }
  if (!out.members_good) return out;
  out.value = combined(form, partial.values);
  out.quality = std::isfinite(out.value) ? Quality::kGood : Quality::kBad;
  if (std::isnan(out.value)) out.value = wire::kNaN;
  return out;
}

void begin(PartialJoin& partial, Step step, std::size_t members) {
  partial.step = step;
  partial.arrived = 0;
  partial.qualities.assign(members, Quality::kMissing);
  partial.values.assign(members, wire::kNaN);
}

// The one of `step`; else a new one, for which the one begun first is given up when there is no
// room. Nearly always the newest.
PartialJoin& partial_of(SignalTrack& track, Step step) {
  const auto waiting = static_cast<std::size_t>(track.waiting);
  for (std::size_t i = waiting; i-- > 0;) {
    if (track.partials[i].step == step) return track.partials[i];
  }
  if (waiting == kMaxPartials) {
    std::rotate(track.partials.begin(), track.partials.begin() + 1, track.partials.end());
  } else {
    ++track.waiting;
  }
  PartialJoin& fresh = track.partials[static_cast<std::size_t>(track.waiting) - 1];
  begin(fresh, step, track.members.size());
  return fresh;
}

// Steps up to `done` wait no longer; the others keep their order, and all their memory.
void forget(SignalTrack& track, Step done) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(track.waiting); ++i) {
    if (track.partials[i].step <= done) continue;
    std::swap(track.partials[i], track.partials[kept]);
    ++kept;
  }
  track.waiting = static_cast<std::int64_t>(kept);
}

}  // namespace

void clear_partials(SignalTrack& track) {
  track.partials.resize(kMaxPartials);
  track.waiting = 0;
}

bool take_member(SignalTrack& track, std::size_t place, Step step, Quality quality, double value,
                 Joined& out) {
  if (step <= track.last) return false;
  PartialJoin& partial = partial_of(track, step);
  partial.qualities[place] = quality;
  partial.values[place] = value;
  if (++partial.arrived < static_cast<std::int64_t>(track.members.size())) return false;
  out = join(track.form, partial);
  forget(track, step);
  return true;
}

Joined combine_items(const SignalTrack& track, const std::vector<double>& items) {
  Joined out;
  out.quality = Quality::kBad;
  if (items.empty()) return out;
  for (const double item : items) {
    if (!std::isfinite(item) || item < track.min || item > track.max) return out;
  }
  out.value = track.form == TrackForm::kItemsMax ? largest(items) : mean(items);
  if (std::isfinite(out.value)) out.quality = Quality::kGood;
  return out;
}

}  // namespace phaseguard::policy
