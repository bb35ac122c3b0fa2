// What a server needs to let in nobody but holders of granted keys: CURVE on every socket, with a
// ZAP handler behind it (docs/SECURITY.md). C++17-clean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace phaseguard::link {

// Each is a socket with a ZAP domain of its own.
enum class Door : std::uint8_t {
  kTelemetry,  // trainers
  kOperator,   // commands and questions
  kQuery,      // questions alone
  kFeed,       // subscriptions
};

struct Security {
  std::string secret_key;  // the server's, Z85
  // At each handshake, in the thread of ServerSockets::poll(): the id under which connections with
  // this public key (Z85) are known at that door; "": it is turned away.
  std::function<std::string(Door door, const std::string& public_key)> admit;
  // Before each frame is handed over: whether that id may still speak there. Otherwise the frame
  // is passed over, unread.
  std::function<bool(Door door, const std::string& id)> takes;
  // Of one key at one door; one more takes the seat of the longest silent one of that key.
  std::size_t connections_of_a_key = 8;
};

}  // namespace phaseguard::link
