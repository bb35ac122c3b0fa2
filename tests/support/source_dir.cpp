#include "tests/support/source_dir.h"

namespace phaseguard::test {

std::string source_dir() { return PHASEGUARD_SOURCE_DIR; }

}  // namespace phaseguard::test
