// Series that a detector watches and no trainer sends as such: the difference or the ratio of two
// signals, the largest or the mean of a group (docs/POLICY.md, Sources). The fold makes them beside
// the signals themselves, from the moment the policy is known, so that a view can draw what a
// threshold belongs to. Pure; part of RunState.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "monitor/run/series.h"
#include "monitor/wire/messages.h"

namespace phaseguard::run {

struct Derived {
  enum class Form : std::uint8_t { kLargest, kMean, kDifference, kRatio };
  Form form = Form::kDifference;
  std::vector<std::string> members;  // signals; `of_items`: the one whose items are combined
  bool of_items = false;
  std::string unit;                                       // "": its members' units differ
  double min = -std::numeric_limits<double>::infinity();  // what its values can be
  double max = std::numeric_limits<double>::infinity();
  Series series;

  // A step that waits for its last member.
  struct Waiting {
    Step step;
    std::vector<std::optional<Quality>> qualities;  // nothing: not there yet
    std::vector<double> values;
  };
  std::deque<Waiting> waiting;  // at most 64; then the one begun first is given up
  Step last{-1};                // newest step of this segment; an earlier one is not taken
};

// What `source`, a DetectorInfo::signal, derives from signals that `hello` declares; nothing when
// it is the name of a signal, or of nothing that was declared.
[[nodiscard]] std::optional<Derived> derived_from(const std::string& source,
                                                  const wire::Hello& hello);

// One value of `signal` arrived at `step`.
void take_value(Derived& derived, const std::string& signal, Step step, double t, Quality quality,
                double value);

// The items of a sample of `signal` arrived. `declared` gives their range.
void take_items(Derived& derived, const wire::SignalDecl& declared, const wire::Sample& sample,
                Step step, double t);

// A new attempt, or a rollback: what waited is forgotten, the series starts a new stretch.
void begin_segment(Derived& derived);

}  // namespace phaseguard::run
