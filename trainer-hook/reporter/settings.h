// Settings by the name of their knob. C++17-clean, pure.
#pragma once

#include <string>

namespace phaseguard::reporter {

// Null: none is of that knob.
template <class Settings>
[[nodiscard]] auto find_knob(Settings& settings, const std::string& knob)
    -> decltype(settings.data()) {
  for (auto& setting : settings) {
    if (setting.knob == knob) return &setting;
  }
  return nullptr;
}

}  // namespace phaseguard::reporter
