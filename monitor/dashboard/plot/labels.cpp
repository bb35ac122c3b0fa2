#include "monitor/dashboard/plot/labels.h"

#include <algorithm>

namespace phaseguard::plot {
namespace {

struct Box {
  ImVec2 lo;
  ImVec2 hi;
};

bool is_inside(const Box& box, ImVec2 lo, ImVec2 hi) {
  return box.lo.x >= lo.x && box.lo.y >= lo.y && box.hi.x <= hi.x && box.hi.y <= hi.y;
}

bool are_apart(const Box& a, const Box& b) {
  return a.hi.x <= b.lo.x || b.hi.x <= a.lo.x || a.hi.y <= b.lo.y || b.hi.y <= a.lo.y;
}

}  // namespace

std::vector<std::optional<ImVec2>> placed(const std::vector<Label>& labels, ImVec2 lo, ImVec2 hi) {
  std::vector<std::optional<ImVec2>> out(labels.size());
  std::vector<Box> taken;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const ImVec2 size = labels[i].size;
    const auto is_free = [&](ImVec2 at) {
      const Box box{at, {at.x + size.x, at.y + size.y}};
      return is_inside(box, lo, hi) &&
             std::all_of(taken.begin(), taken.end(),
                         [&](const Box& other) { return are_apart(box, other); });
    };
    const auto& places = labels[i].places;
    const auto place = std::find_if(places.begin(), places.end(), is_free);
    if (place == places.end()) continue;
    out[i] = *place;
    taken.push_back({*place, {place->x + size.x, place->y + size.y}});
  }
  return out;
}

}  // namespace phaseguard::plot
