// Places for the words on a plot's data: none covers another. Pure.
#pragma once

#include <imgui.h>

#include <optional>
#include <string>
#include <vector>

namespace phaseguard::plot {

struct Label {
  std::string text;
  ImU32 colour = 0;
  ImVec2 size;                 // with the room around it
  std::vector<ImVec2> places;  // top left corners that it may have, the best one first
};

// The corner that each gets: the first of its places that is between `lo` and `hi` and free of the
// labels before it. So they come in order of importance, and one without room gets none.
[[nodiscard]] std::vector<std::optional<ImVec2>> placed(const std::vector<Label>& labels, ImVec2 lo,
                                                        ImVec2 hi);

}  // namespace phaseguard::plot
