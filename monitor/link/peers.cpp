#include "monitor/link/peers.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace phaseguard::link {

std::optional<PeerId> Peers::heard(const std::string& routing_id, std::int64_t now_ms,
                                   const std::function<PeerId()>& next_id) {
  if (const auto known = ids_.find(routing_id); known != ids_.end()) {
    peers_.at(known->second).heard_ms = now_ms;
    return known->second;
  }
  if (!make_room(now_ms)) return std::nullopt;
  const PeerId id = next_id();
  ids_.emplace(routing_id, id);
  peers_.emplace(id, Peer{routing_id, now_ms, {}});
  return id;
}

bool Peers::make_room(std::int64_t now_ms) {
  if (peers_.size() < options_.max_peers) return true;
  const auto quietest = std::min_element(
      peers_.begin(), peers_.end(),
      [](const auto& a, const auto& b) { return a.second.heard_ms < b.second.heard_ms; });
  if (quietest == peers_.end() || now_ms - quietest->second.heard_ms < options_.peer_idle_ms)
    return false;
  forget(quietest);
  return true;
}

Peers::Table::iterator Peers::forget(Table::iterator peer) {
  unsent_ -= peer->second.outbox.size();
  ids_.erase(peer->second.routing_id);
  return peers_.erase(peer);
}

Peers::Sent Peers::try_send(const Peer& peer, std::string_view bytes) {
  try {
    const auto to = router_.send(zmq::const_buffer(peer.routing_id.data(), peer.routing_id.size()),
                                 zmq::send_flags::sndmore | zmq::send_flags::dontwait);
    if (!to) return Sent::kQueueFull;
    // The queue has taken the first part, so the second cannot be refused for want of room.
    (void)router_.send(zmq::const_buffer(bytes.data(), bytes.size()), zmq::send_flags::dontwait);
  } catch (const zmq::error_t& e) {
    return e.num() == EHOSTUNREACH ? Sent::kGone : Sent::kQueueFull;
  }
  ++counters_.frames_out;
  return Sent::kYes;
}

bool Peers::send(PeerId id, std::string_view bytes) {
  const auto peer = peers_.find(id);
  if (peer == peers_.end()) return false;
  auto& outbox = peer->second.outbox;
  if (outbox.empty()) {
    const Sent sent = try_send(peer->second, bytes);
    if (sent == Sent::kYes) return true;
    if (sent == Sent::kGone) {
      ++counters_.peers_gone;
      forget(peer);
      return false;
    }
  }
  // The newest state matters most, and everything that must arrive is sent again until confirmed.
  if (outbox.size() >= options_.outbox_frames) {
    outbox.pop_front();
    --unsent_;
    ++counters_.frames_dropped;
  }
  outbox.emplace_back(bytes);
  ++unsent_;
  return true;
}

void Peers::flush() {
  if (unsent_ == 0) return;
  for (auto peer = peers_.begin(); peer != peers_.end();) {
    auto& outbox = peer->second.outbox;
    Sent sent = Sent::kYes;
    while (!outbox.empty() && (sent = try_send(peer->second, outbox.front())) == Sent::kYes) {
      outbox.pop_front();
      --unsent_;
    }
    if (sent == Sent::kGone) {
      ++counters_.peers_gone;
      peer = forget(peer);
    } else {
      ++peer;
    }
  }
}

}  // namespace phaseguard::link
