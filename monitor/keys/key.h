// Keys of CURVE (Curve25519; RFC 26 of ZeroMQ): 32 bytes, written in Z85 as 40 characters. Any
// thread; pure but for the random numbers of make_pair(). C++17-clean.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "monitor/base/result.h"

namespace phaseguard::keys {

inline constexpr std::size_t kKeyLength = 40;  // characters of Z85

struct Pair {
  std::string public_key;
  std::string secret_key;
};

// Error kUnsupported: this libzmq was built without CURVE.
[[nodiscard]] Result<Pair> make_pair();

// 40 characters of Z85 that stand for 32 bytes.
[[nodiscard]] bool is_key(std::string_view text);

// Z85 of the 32 bytes that a ZAP request carries; "": they are not 32.
[[nodiscard]] std::string text_of(std::string_view bytes);

// The public key that belongs to a secret one. Error kMalformed: it is no key.
[[nodiscard]] Result<std::string> public_of(const std::string& secret_key);

// 1 to 32 characters of A-Z a-z 0-9 . _ -
[[nodiscard]] bool is_name(std::string_view text);
// What is expected of one, for messages.
inline constexpr const char* kNameText = "1 to 32 characters of A-Z a-z 0-9 . _ -";

// How a key is called in logs and records: its name and the start of its public key's SHA-256,
// "ann#3f2a91c0". Another key of the same name has another id.
[[nodiscard]] std::string id_of(std::string_view name, std::string_view public_key);

}  // namespace phaseguard::keys
