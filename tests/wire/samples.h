// One message of every kind with every field away from its default, so that a field the codec
// forgets shows. The golden files are these messages.
#pragma once

#include <string>
#include <vector>

#include "monitor/wire/messages.h"

namespace phaseguard::wire {

[[nodiscard]] std::vector<Message> samples();

// A golden file as a person reads it: the frame through nlohmann's MessagePack reader, which shares
// no code with ours. Non-finite floats become {"$float": "NaN"}, bin {"$text": ...} or, when it is
// not printable ASCII, {"$hex": ...}.
[[nodiscard]] std::string readable(const std::string& frame);

}  // namespace phaseguard::wire
