// The ZAP handler of one libzmq context (RFC 27): asked by libzmq at each CURVE handshake. It is
// served by the thread that polls the sockets, so that it cannot die while they live, and whoever
// knocks while nobody polls waits outside. Internal to the room.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <zmq.hpp>

#include "monitor/link/security.h"

namespace phaseguard::link {

[[nodiscard]] const char* domain_of(Door door);

// Makes a server of the socket: what connects must have a granted key.
void set_server(zmq::socket_t& socket, const Security& security, Door door);

class Gate {
 public:
  Gate(zmq::context_t& context, const Security& security);

  [[nodiscard]] void* handle() { return socket_.handle(); }
  // Answers everybody who waits. How many were turned away.
  std::uint64_t answer();

 private:
  struct Request;
  [[nodiscard]] std::string id_for(const Request& request) const;

  const Security& security_;
  zmq::socket_t socket_;
};

}  // namespace phaseguard::link
