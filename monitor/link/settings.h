// What every socket of ours has in common. Internal to the room: the only headers with libzmq types
// are this one and peers.h.
#pragma once

#include <cstdint>
#include <zmq.hpp>

namespace phaseguard::link {

inline constexpr int kHeartbeatMs = 200;
inline constexpr int kHeartbeatTimeoutMs = 600;
inline constexpr int kHandshakeMs = 2000;
inline constexpr int kBacklog = 64;

// Linger 0: by default a socket with a dead peer would hold up the exit of its process for ever.
// A frame limit: by default one header can claim 8 GiB before the peer is even known.
inline void set_common(zmq::socket_t& socket, std::int64_t max_frame_bytes, int high_water) {
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::maxmsgsize, max_frame_bytes);
  socket.set(zmq::sockopt::handshake_ivl, kHandshakeMs);
  socket.set(zmq::sockopt::heartbeat_ivl, kHeartbeatMs);
  socket.set(zmq::sockopt::heartbeat_timeout, kHeartbeatTimeoutMs);
  socket.set(zmq::sockopt::ipv6, false);
  socket.set(zmq::sockopt::sndhwm, high_water);
  socket.set(zmq::sockopt::rcvhwm, high_water);
}

inline std::string text_of(const zmq::message_t& message) {
  return {static_cast<const char*>(message.data()), message.size()};
}

}  // namespace phaseguard::link
