// What a call that can fail gives back. C++17-clean; used by every room.
//
// Three kinds of failure: our own bug (PHASEGUARD_CHECK, check.h), the world's fault (Result,
// here), a third party's exception (caught in the room that includes that library, turned into an
// Error).
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace phaseguard {

enum class Errc {
  kInvalidArgument,  // the caller's value is outside what the function takes
  kMalformed,        // bytes or text that do not follow their format
  kUnsupported,      // well formed, but of a version or kind we do not speak
  kLimit,            // larger, longer or deeper than the protocol allows
  kNotFound,
  kConflict,  // already in use, or changed by somebody else meanwhile
  kRefused,   // understood and not allowed
  kTimeout,
  kIo,  // file system, database or socket
};

// `message` says what was expected, what was found, where, and what to do; one sentence or two, no
// trailing newline.
struct Error {
  Errc code = Errc::kInvalidArgument;
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(Errc code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace phaseguard
