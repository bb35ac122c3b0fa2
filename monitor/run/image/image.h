// A RunState as bytes and back: all that the fold made of a record, so that it can go on from there
// without the record's beginning. For this machine and this version alone: a cache, not a format to
// keep things in. Pure.
#pragma once

#include <cstdint>
#include <memory_resource>

#include "monitor/run/pyramid/bytes.h"
#include "monitor/run/state.h"

namespace phaseguard::run {

// To be raised whenever the fold makes something else of the same messages, or a field changes its
// meaning: what was kept before is then made anew. tests/run/image_test.cpp notices both.
inline constexpr std::uint32_t kImageVersion = 1;

// All but `run`, `memory` and what a live daemon said last (`status`).
void put_image(const RunState& state, ByteSink& sink);

// Into a state that has folded nothing; its points come from state.memory. False: the bytes are not
// such an image, and the state is to be thrown away. Whatever they are, no memory is taken for what
// is not there, and what was taken can be folded on and drawn.
[[nodiscard]] bool take_image(ByteSource& source, RunState& state);

}  // namespace phaseguard::run
