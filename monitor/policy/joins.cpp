#include "monitor/policy/joins.h"

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
    default:
      return values[1] == 0.0 ? wire::kNaN : values[0] / values[1];
  }
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
  partial.present.assign(members, 0);
}

// The one of `step`; else a free one or, with none free, the oldest.
PartialJoin& partial_of(SignalTrack& track, Step step) {
  PartialJoin* oldest = &track.partials.front();
  for (PartialJoin& partial : track.partials) {
    if (partial.step == step) return partial;
    if (partial.step < oldest->step) oldest = &partial;
  }
  begin(*oldest, step, track.members.size());
  return *oldest;
}

}  // namespace

void clear_partials(SignalTrack& track) {
  track.partials.resize(kMaxPartials);
  for (PartialJoin& partial : track.partials) partial.step = Step{-1};
}

bool take_member(SignalTrack& track, std::size_t place, Step step, Quality quality, double value,
                 Joined& out) {
  if (step <= track.last) return false;
  PartialJoin& partial = partial_of(track, step);
  if (partial.present[place] != 0) return false;
  partial.present[place] = 1;
  partial.qualities[place] = quality;
  partial.values[place] = value;
  if (++partial.arrived < static_cast<std::int64_t>(track.members.size())) return false;
  out = join(track.form, partial);
  for (PartialJoin& waiting : track.partials) {
    if (waiting.step <= step) waiting.step = Step{-1};
  }
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
