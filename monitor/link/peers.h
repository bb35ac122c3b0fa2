// The connections of one ROUTER and what waits to be sent to each. Internal to the room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <zmq.hpp>

#include "monitor/link/server.h"

namespace phaseguard::link {

class Peers {
 public:
  // `answered_ms`: a peer's seat is free so long after its answer; 0: it keeps it.
  Peers(zmq::socket_t& router, const ServerOptions& options, ServerCounters& counters,
        std::size_t seats, std::int64_t answered_ms)
      : router_(router),
        options_(options),
        counters_(counters),
        seats_(seats),
        answered_ms_(answered_ms) {}

  struct Heard {
    PeerId peer = 0;
    bool seated = true;
  };
  // The number of the connection libzmq calls `routing_id`; a new one when it is new. Without a
  // seat it is known until drop().
  Heard heard(const std::string& routing_id, const std::string& key, std::int64_t now_ms,
              const std::function<PeerId()>& next_id);

  // As ServerSockets::send.
  bool send(PeerId id, std::string_view bytes, std::int64_t now_ms);
  void flush();
  void keep(PeerId id, bool kept);
  void drop(PeerId id);
  void drop_answered(std::int64_t now_ms);
  // Everybody whose key `takes` does not take.
  void drop_keys(const std::function<bool(const std::string& key)>& takes);

  [[nodiscard]] bool has(PeerId id) const { return peers_.count(id) != 0; }
  [[nodiscard]] std::size_t size() const { return peers_.size(); }
  [[nodiscard]] bool has_unsent() const { return unsent_ > 0; }

 private:
  enum class Sent { kYes, kQueueFull, kGone };
  struct Peer {
    std::string routing_id;
    std::string key;
    std::int64_t heard_ms = 0;
    std::int64_t answered_ms = -1;  // -1: it waits for an answer, or has asked for none
    bool kept = false;
    bool seated = true;
    std::deque<std::string> outbox;
  };
  using Table = std::map<PeerId, Peer>;

  Sent try_send(const Peer& peer, std::string_view bytes);
  bool make_room(const std::string& key);
  template <class Counts>
  bool evict_quietest(std::size_t most, Counts counts);
  Table::iterator forget(Table::iterator peer);

  zmq::socket_t& router_;
  const ServerOptions& options_;
  ServerCounters& counters_;
  std::size_t seats_;
  std::int64_t answered_ms_;
  Table peers_;
  std::map<std::string, PeerId> ids_;  // by routing id
  std::size_t unsent_ = 0;             // frames in all outboxes
};

}  // namespace phaseguard::link
