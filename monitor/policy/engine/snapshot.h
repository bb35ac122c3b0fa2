// A MachineState as bytes. Private to the policy room.
//
// Form: "phaseguard-machine 6\n", the policy's digest, the fields in the order of snapshot.cpp
// (integers and the bits of doubles as 8 bytes little-endian, strings and lists after their count),
// then the SHA-256 of all before it.
#pragma once

#include <string>
#include <string_view>

#include "monitor/policy/engine/machine_state.h"

namespace phaseguard::policy {

[[nodiscard]] std::string encode_state(MachineState state);  // by value: fields are visited mutably

// `state` holds the same policy; it is left alone on errors.
[[nodiscard]] Result<void> decode_state(std::string_view bytes, MachineState& state);

}  // namespace phaseguard::policy
