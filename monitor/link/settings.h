// What every socket of ours has in common. Internal to the room: the only headers with libzmq types
// are this one and peers.h.
#pragma once

#include <cstdint>
#include <zmq.hpp>

namespace phaseguard::link {

inline constexpr int kHandshakeMs = 2000;
// A tcp peer whose machine is gone is noticed after 25 s: 10 s of silence, then 3 probes 5 s apart,
// or as long without an acknowledgement of what was sent.
inline constexpr int kKeepaliveIdleS = 10;
inline constexpr int kKeepaliveProbes = 3;
inline constexpr int kKeepaliveEveryS = 5;
inline constexpr int kUnacknowledgedMs = 25'000;
inline constexpr int kBacklog = 64;

// No heartbeats of ZMTP: with a high-water mark they abort the process in libzmq 4.3.4 when a peer
// that floods is killed (assertions _input_stopped and _io_error). The protocol has heartbeats of
// its own, and the kernel finds dead machines.
// Linger 0: by default a socket with a dead peer would hold up the exit of its process for ever.
// A frame limit: by default one header can claim 8 GiB before the peer is even known.
inline void set_common(zmq::socket_t& socket, std::int64_t max_frame_bytes, int high_water) {
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::maxmsgsize, max_frame_bytes);
  socket.set(zmq::sockopt::handshake_ivl, kHandshakeMs);
  socket.set(zmq::sockopt::tcp_keepalive, 1);
  socket.set(zmq::sockopt::tcp_keepalive_idle, kKeepaliveIdleS);
  socket.set(zmq::sockopt::tcp_keepalive_cnt, kKeepaliveProbes);
  socket.set(zmq::sockopt::tcp_keepalive_intvl, kKeepaliveEveryS);
  socket.set(zmq::sockopt::tcp_maxrt, kUnacknowledgedMs);
  socket.set(zmq::sockopt::ipv6, false);
  socket.set(zmq::sockopt::sndhwm, high_water);
  socket.set(zmq::sockopt::rcvhwm, high_water);
}

inline std::string text_of(const zmq::message_t& message) {
  return {static_cast<const char*>(message.data()), message.size()};
}

}  // namespace phaseguard::link
