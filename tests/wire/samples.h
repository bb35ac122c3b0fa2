// One message of every kind of protocol 1.0 with every field away from its default, so that a field
// the codec forgets shows. The golden files are these messages.
#pragma once

#include <string>
#include <vector>

#include "monitor/wire/messages.h"

namespace phaseguard::wire {

[[nodiscard]] std::vector<Message> samples();

// Of the kinds that gained keys in 1.1, with those keys.
[[nodiscard]] std::vector<Message> samples_of_1_1();

// Of the kinds of 1.1 that say what a trainer holds and what a daemon makes of it.
[[nodiscard]] std::vector<Message> samples_of_held();
[[nodiscard]] std::vector<Message> samples_of_parts();

// A golden file as a person reads it: the frame through nlohmann's MessagePack reader, which shares
// no code with ours. Non-finite floats become {"$float": "NaN"}, bin {"$text": ...} or, when it is
// not printable ASCII, {"$hex": ...}.
[[nodiscard]] std::string readable(const std::string& frame);

}  // namespace phaseguard::wire
