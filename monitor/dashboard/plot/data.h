// What a plot draws: anything that can reduce itself to about two vertices per pixel column. The
// plots know only this interface, so that ten million recorded points and ten live ones cost the
// same to draw. Owned by the caller and constant during a frame. Pure.
#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "monitor/dashboard/plot/along.h"
#include "monitor/dashboard/plot/axis.h"
#include "monitor/run/series.h"

namespace phaseguard::plot {

class Smoothed;

// One drawn place: a single value (lo == hi), or the extent of all values of one pixel column.
struct Vertex {
  double x = 0.0;
  double lo = 0.0;
  double hi = 0.0;
  std::size_t bad = 0;  // values here that could not be computed or did not come: always marked
  bool starts = false;  // nothing connects it with the vertex before: a gap, or the first one
  bool hole = false;    // there is no other value here: nothing to draw but the mark
  bool old = false;     // of a stretch that a rollback or a resume has superseded
};

struct Extent {
  double lo = std::numeric_limits<double>::infinity();
  double hi = -std::numeric_limits<double>::infinity();
  [[nodiscard]] bool empty() const { return lo > hi; }
};

struct Nearest {
  double x = 0.0;
  double y = 0.0;  // NaN: a hole
};

// Which data a drawing was made from: equal stamps give equal vertices for the same range.
struct Stamp {
  const void* of = nullptr;
  std::size_t points = 0;
  double until = 0.0;
  std::size_t smoothed = 0;
  Along along;
  friend bool operator==(const Stamp& a, const Stamp& b) {
    return a.of == b.of && a.points == b.points && a.until == b.until && a.smoothed == b.smoothed &&
           a.along == b.along;
  }
};

class Data {
 public:
  virtual ~Data() = default;
  [[nodiscard]] virtual Stamp stamp() const = 0;
  // Appends the vertices that show `x` in `columns` pixel columns: at most two per column, and one
  // on either side of the range so that a line leaves the picture at the right slope. Every
  // extremum of a column is inside its vertex, and every bad value is counted in one.
  virtual void vertices(Range x, int columns, std::vector<Vertex>& out) const = 0;
  [[nodiscard]] virtual Extent extent(Range x) const = 0;
  // How many values in `x` lie outside `y`.
  [[nodiscard]] virtual run::Beyond beyond(Range x, Range y) const = 0;
  // The value whose x is nearest to `x`; nothing when there is none.
  [[nodiscard]] virtual std::optional<Nearest> nearest(double x) const = 0;
};

// A series of the run with its pyramid. `max_gap`: two values further apart in steps are not joined
// (missing measurements are a gap, never a line). `smoothed`: its values in place of the series'.
class SeriesData final : public Data {
 public:
  explicit SeriesData(const run::Series& series,
                      double max_gap = std::numeric_limits<double>::infinity(), Along along = {},
                      const Smoothed* smoothed = nullptr)
      : series_(&series), max_gap_(max_gap), along_(along), smoothed_(smoothed) {}
  // Smallest and largest value of the last stretch: what no rollback or resume has superseded.
  [[nodiscard]] Extent present_extent() const;
  [[nodiscard]] Stamp stamp() const override;
  void vertices(Range x, int columns, std::vector<Vertex>& out) const override;
  // Those of one stretch.
  void add_stretch(const run::Stretch& stretch, bool old, Range x, int columns,
                   std::vector<Vertex>& out) const;
  [[nodiscard]] Extent extent(Range x) const override;
  [[nodiscard]] run::Beyond beyond(Range x, Range y) const override;
  [[nodiscard]] std::optional<Nearest> nearest(double x) const override;

 private:
  [[nodiscard]] std::vector<run::Stretch> stretches() const;
  [[nodiscard]] run::Stretch inside(const run::Stretch& stretch, Range x) const;
  void widen(const run::Stretch& slice, Extent& extent) const;

  const run::Series* series_;
  double max_gap_;
  Along along_;
  const Smoothed* smoothed_;
};

// The largest of several series measured together (one per canary prompt), place by place.
class MaxData final : public Data {
 public:
  explicit MaxData(std::vector<const run::Series*> series, Along along = {})
      : series_(std::move(series)), along_(along) {}
  [[nodiscard]] Stamp stamp() const override;
  void vertices(Range x, int columns, std::vector<Vertex>& out) const override;
  [[nodiscard]] Extent extent(Range x) const override;
  [[nodiscard]] run::Beyond beyond(Range x, Range y) const override;  // counts each series
  [[nodiscard]] std::optional<Nearest> nearest(double x) const override;

 private:
  std::vector<const run::Series*> series_;
  Along along_;
};

// A staircase: each value of the series holds until the next one (a knob), the last one until the
// x `until`.
class HeldData final : public Data {
 public:
  HeldData(const run::Series& series, double until, Along along = {})
      : series_(&series), until_(until), along_(along) {}
  [[nodiscard]] Stamp stamp() const override {
    return {series_, series_->size(), until_, 0, along_};
  }
  void vertices(Range x, int columns, std::vector<Vertex>& out) const override;
  [[nodiscard]] Extent extent(Range x) const override;
  [[nodiscard]] run::Beyond beyond(Range x, Range y) const override;
  [[nodiscard]] std::optional<Nearest> nearest(double x) const override;

 private:
  const run::Series* series_;
  double until_;
  Along along_;
};

}  // namespace phaseguard::plot
