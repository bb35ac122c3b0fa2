// Where this checkout lies, for tests that read its assets and golden data. Compiled once, so that
// no other test depends on the path.
#pragma once

#include <string>

namespace phaseguard::test {

[[nodiscard]] std::string source_dir();  // absolute, without a trailing slash

}  // namespace phaseguard::test
