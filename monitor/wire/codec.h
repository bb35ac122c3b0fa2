// Bytes <-> messages of protocol 1.0: one MessagePack map with string keys per message
// (docs/PROTOCOL.md). Used by every room that sends, receives or records; any thread; pure. No
// MessagePack type appears here, and nothing here throws.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "monitor/base/result.h"
#include "monitor/wire/limits.h"
#include "monitor/wire/messages.h"

namespace phaseguard::wire {

// The message as bytes. The order of the keys is fixed and every field is written, so equal
// messages give equal bytes on every machine: the run file's hash chain and `verify` compare them.
// Does not check limits: what a trainer may declare is bounded by what a receiver accepts (see
// fits()).
[[nodiscard]] std::string encode(const Message& message);

// One message from exactly `bytes`. What it allocates in all is at most kDecodedFactor times
// `limits.frame_bytes`, whatever the bytes say. Unknown keys are skipped. Errors:
//   kLimit        a size over `limits`, checked before anything is allocated
//   kUnsupported  another major version, or a kind we do not know (count it and go on)
//   kMalformed    not MessagePack, trailing bytes, ext types, a key twice, a mandatory key missing,
//   a
//                 value of the wrong type or out of its range; names the field and what was found
inline constexpr std::size_t kDecodedFactor = 4;
[[nodiscard]] Result<Message> decode(std::string_view bytes,
                                     const Limits& limits = kTelemetryLimits);

// The envelope's version alone, so that a `reject` can name what the peer speaks even when the rest
// of its message cannot be read. kMalformed when there is none to be found.
[[nodiscard]] Result<Version> peek_version(std::string_view bytes,
                                           const Limits& limits = kTelemetryLimits);

// The envelope's kind alone, "" when there is none to be found: a door that takes one kind decodes
// no other.
[[nodiscard]] std::string peek_kind(std::string_view bytes,
                                    const Limits& limits = kTelemetryLimits);

// Under which topic the feed carries a message: "<run>/<kind>", so that a prefix selects a run.
[[nodiscard]] std::string topic_of(const Message& message);

// Whether a receiver with `limits` would take these bytes: sizes only, no decoding. For senders.
[[nodiscard]] Result<void> fits(std::string_view bytes, const Limits& limits = kTelemetryLimits);

}  // namespace phaseguard::wire
