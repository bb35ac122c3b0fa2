// What a program printed, at its end. Touches standard output. C++17-clean.
#pragma once

namespace phaseguard {

// `code`, or 1 with a sentence on standard error when standard output could not be written whole:
// what is asked for and not there is a failure (a full disk shows when the rest is written). The
// last call of main().
[[nodiscard]] int exit_code_of(int code, const char* program);

}  // namespace phaseguard
