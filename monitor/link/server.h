// The daemon's bound sockets behind one poll: `telemetry`, `operator` and `query` (ROUTER) and
// `feed` (XPUB), with the settings docs/PROTOCOL.md names. Owned and used by the daemon's one
// thread. Nothing throws; no libzmq type appears here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/link/endpoint.h"
#include "monitor/link/security.h"

namespace phaseguard::link {

// Frames up to so many times the protocol's limit are read, so that who sends one is told in words;
// of a larger one the connection is closed.
inline constexpr std::size_t kReadFactor = 4;

// A connection, for as long as it lasts. Numbers are never used twice by one ServerSockets.
using PeerId = std::uint64_t;

struct Incoming {
  Door door = Door::kTelemetry;
  PeerId peer = 0;
  std::string bytes;
  bool seated = true;  // false: every seat is taken; answer in words, then drop(peer)
  std::string key;     // id of the connection's key, as Security::admit gave it; "": no keys
};

struct ServerOptions {
  Endpoints endpoints;
  std::optional<Security> security;  // none: whoever can reach a socket may use it
  LocalTcp local_tcp = LocalTcp::kNeedsKeys;
  std::size_t frames_per_poll = 256;  // drained from each door before poll() returns
  std::size_t outbox_frames = 256;    // kept for a peer that does not read; then oldest first
  std::size_t trainer_seats = 1024;   // connections at `telemetry`
  std::size_t operator_seats = 64;    // at `operator`, and as many at `query`
  std::int64_t answered_ms = 2000;    // an operator's seat is free so long after its answer
  // libzmq's own queue, per peer and direction. Frames of a peer that was killed stay until they
  // are read, so that this bounds what a crowd that comes and goes can pile up.
  int high_water_frames = 100;
  int feed_high_water_frames = 2000;  // per viewer; what does not fit is lost to that viewer
};

struct ServerCounters {
  std::uint64_t frames_in = 0;
  std::uint64_t frames_out = 0;
  std::uint64_t frames_dropped = 0;    // outbox overflow
  std::uint64_t peers_gone = 0;        // found gone when something was to be sent
  std::uint64_t peers_evicted = 0;     // the longest silent ones, for newcomers
  std::uint64_t peers_refused = 0;     // frames of peers for whom there was no seat
  std::uint64_t frames_misshapen = 0;  // messages of more or fewer than one frame
  std::uint64_t keys_refused = 0;      // handshakes of keys that are not granted at that door
  std::uint64_t frames_refused = 0;    // of keys that were granted, and are no longer
};

class ServerSockets {
 public:
  // Prepares the ipc directories, takes the locks, binds. Errors name the endpoint: kRefused (not
  // loopback, directory open to others), kConflict (in use), kIo.
  [[nodiscard]] static Result<ServerSockets> bind(const ServerOptions& options);
  ServerSockets(ServerSockets&&) noexcept;
  ServerSockets& operator=(ServerSockets&&) noexcept;
  ~ServerSockets();

  // The endpoints as bound, with the port that a tcp port of 0 became.
  [[nodiscard]] const Endpoints& endpoints() const;

  // Waits at most `timeout_ms` for a frame, or for `wake_fd` (a signalfd or eventfd; -1: none) to
  // be readable, sends what the outboxes hold, and appends what came to `incoming`. True when
  // `wake_fd` was readable: reading it is the caller's.
  bool poll(int timeout_ms, int wake_fd, std::vector<Incoming>& incoming);

  // Sends without waiting; a frame that cannot go now is kept in the peer's outbox. False: the peer
  // is not there any more.
  bool send(PeerId peer, std::string_view bytes);

  // Whom a newcomer never takes the seat of: a trainer that has a run. A newcomer takes that of the
  // longest silent other one; when there is none, its frames come with `seated` = false.
  void keep(PeerId peer, bool kept);
  // Frees its seat; when it speaks again it is a newcomer.
  void drop(PeerId peer);

  // Rights were taken away: whose key is no longer taken at its door is sent nothing from here on.
  // Subscriptions cannot be ended one by one, so the feed is closed and bound anew: viewers come
  // back within a second or so, and those without a right are turned away.
  void on_rights_taken();

  // To every viewer whose subscription is a prefix of `topic`. Never waits; see
  // feed_high_water_frames.
  void publish(std::string_view topic, std::string_view bytes);

  // Whether anybody has subscribed to anything so far. Until then nothing need be published.
  [[nodiscard]] bool has_viewers() const;

  // Whether the peer of a door is still known. One that left without a word is known until
  // something is sent to it.
  [[nodiscard]] bool knows(PeerId peer) const;
  // Connections of a door that are known.
  [[nodiscard]] std::size_t taken(Door door) const;
  [[nodiscard]] const ServerCounters& counters() const;

 private:
  struct Impl;
  explicit ServerSockets(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace phaseguard::link
