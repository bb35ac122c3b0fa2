#include "monitor/dashboard/model/items.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace phaseguard::dashboard {
namespace {

constexpr std::size_t kWorst = 5;

std::optional<std::size_t> nearest_point(const run::Series& series, double raw, run::By by) {
  if (series.empty()) return std::nullopt;
  const run::Stretch stretch = series.stretches().back();
  const std::size_t at = series.first_from(stretch, raw, by);
  if (at == stretch.last) return at - 1;
  if (at > stretch.first && raw - series.x_at(at - 1, by) < series.x_at(at, by) - raw)
    return at - 1;
  return at;
}

void add_largest(const run::Series& series, run::By by, ItemStory& story) {
  const run::Stretch stretch = series.stretches().back();
  for (std::size_t i = stretch.first; i < stretch.last; ++i) {
    const double value = series.value_at(i);
    if (std::isnan(value) || value <= story.largest) continue;
    story.largest = value;
    story.largest_at = series.x_at(i, by);
  }
}

}  // namespace

ItemStory story_of(const run::PlotSpec& plan, std::size_t row, double raw, run::By by) {
  ItemStory story;
  const run::Series& series = *plan.items[row].series;
  const auto point = nearest_point(series, raw, by);
  if (!point) return story;
  story.measured = true;
  story.at = series.x_at(*point, by);
  story.value = series.value_at(*point);
  add_largest(series, by, story);
  for (const run::PlotItem& item : plan.items) {
    const auto other = nearest_point(*item.series, raw, by);
    if (!other || std::isnan(item.series->value_at(*other))) continue;
    story.worst.push_back({item.label, item.series->value_at(*other)});
  }
  std::stable_sort(story.worst.begin(), story.worst.end(),
                   [](const ItemValue& a, const ItemValue& b) { return a.value > b.value; });
  story.of = story.worst.size();
  for (std::size_t i = 0; i < story.worst.size() && !std::isnan(story.value); ++i) {
    if (story.worst[i].label == plan.items[row].label) story.place = i + 1;
  }
  if (story.worst.size() > kWorst) story.worst.resize(kWorst);
  return story;
}

}  // namespace phaseguard::dashboard
