// Where in a policy file something stands.
#pragma once

#include <cstdint>

namespace phaseguard::policy {

// Where in the file, from 1; what concerns the file as a whole is at 1:1. Columns count code
// points.
struct Place {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

}  // namespace phaseguard::policy
