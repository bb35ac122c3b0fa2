// The connections of one ROUTER and what waits to be sent to each. Internal to the room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <zmq.hpp>

#include "monitor/link/server.h"

namespace phaseguard::link {

class Peers {
 public:
  Peers(zmq::socket_t& router, const ServerOptions& options, ServerCounters& counters)
      : router_(router), options_(options), counters_(counters) {}

  // The number of the connection libzmq calls `routing_id`; a new one when it is new. Nothing when
  // the table is full of peers that still speak.
  std::optional<PeerId> heard(const std::string& routing_id, std::int64_t now_ms,
                              const std::function<PeerId()>& next_id);

  // As ServerSockets::send.
  bool send(PeerId id, std::string_view bytes);
  void flush();

  [[nodiscard]] bool has(PeerId id) const { return peers_.count(id) != 0; }
  [[nodiscard]] bool has_unsent() const { return unsent_ > 0; }

 private:
  enum class Sent { kYes, kQueueFull, kGone };
  struct Peer {
    std::string routing_id;
    std::int64_t heard_ms = 0;
    std::deque<std::string> outbox;
  };
  using Table = std::map<PeerId, Peer>;

  Sent try_send(const Peer& peer, std::string_view bytes);
  bool make_room(std::int64_t now_ms);
  Table::iterator forget(Table::iterator peer);

  zmq::socket_t& router_;
  const ServerOptions& options_;
  ServerCounters& counters_;
  Table peers_;
  std::map<std::string, PeerId> ids_;  // by routing id
  std::size_t unsent_ = 0;             // frames in all outboxes
};

}  // namespace phaseguard::link
