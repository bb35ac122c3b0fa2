#include "monitor/link/peers.h"

#include <cerrno>
#include <iterator>
#include <utility>

namespace phaseguard::link {

Peers::Heard Peers::heard(const std::string& routing_id, const std::string& key,
                          std::int64_t now_ms, const std::function<PeerId()>& next_id) {
  if (const auto known = ids_.find(routing_id); known != ids_.end()) {
    Peer& peer = peers_.at(known->second);
    peer.heard_ms = now_ms;
    peer.answered_ms = -1;
    return {known->second, peer.seated};
  }
  const bool seated = make_room(key);
  const PeerId id = next_id();
  ids_.emplace(routing_id, id);
  peers_.emplace(id, Peer{routing_id, key, now_ms, -1, false, seated, {}});
  return {id, seated};
}

// First among those of its own key, so that one key cannot take everybody's seats.
bool Peers::make_room(const std::string& key) {
  const bool has_own = key.empty() || !options_.security ||
                       evict_quietest(options_.security->connections_of_a_key,
                                      [&](const Peer& peer) { return peer.key == key; });
  return has_own && evict_quietest(seats_, [](const Peer&) { return true; });
}

// Of those that count: whether there are fewer than `most`, once the longest silent one has gone.
template <class Counts>
bool Peers::evict_quietest(std::size_t most, Counts counts) {
  std::size_t there = 0;
  auto quietest = peers_.end();
  for (auto peer = peers_.begin(); peer != peers_.end(); ++peer) {
    if (!counts(peer->second)) continue;
    ++there;
    if (peer->second.kept) continue;
    const bool quieter =
        quietest == peers_.end() || peer->second.heard_ms < quietest->second.heard_ms;
    if (quieter) quietest = peer;
  }
  if (there < most) return true;
  if (quietest == peers_.end()) return false;
  ++counters_.peers_evicted;
  forget(quietest);
  return true;
}

void Peers::drop_keys(const std::function<bool(const std::string& key)>& takes) {
  for (auto peer = peers_.begin(); peer != peers_.end();)
    peer = takes(peer->second.key) ? std::next(peer) : forget(peer);
}

void Peers::keep(PeerId id, bool kept) {
  if (const auto peer = peers_.find(id); peer != peers_.end()) peer->second.kept = kept;
}

void Peers::drop(PeerId id) {
  if (const auto peer = peers_.find(id); peer != peers_.end()) forget(peer);
}

void Peers::drop_answered(std::int64_t now_ms) {
  if (answered_ms_ == 0) return;
  for (auto peer = peers_.begin(); peer != peers_.end();) {
    const std::int64_t since = peer->second.answered_ms;
    const bool done = since >= 0 && now_ms - since >= answered_ms_ && peer->second.outbox.empty();
    peer = done ? forget(peer) : std::next(peer);
  }
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

bool Peers::send(PeerId id, std::string_view bytes, std::int64_t now_ms) {
  const auto peer = peers_.find(id);
  if (peer == peers_.end()) return false;
  peer->second.answered_ms = now_ms;
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
