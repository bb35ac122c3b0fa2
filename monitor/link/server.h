// The daemon's three bound sockets behind one poll: `telemetry` and `operator` (ROUTER) and `feed`
// (XPUB), with the settings docs/PROTOCOL.md names. Owned and used by the daemon's one thread.
// Nothing throws; no libzmq type appears here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/link/endpoint.h"

namespace phaseguard::link {

// Frames up to so many times the protocol's limit are read, so that who sends one is told in words;
// of a larger one the connection is closed.
inline constexpr std::size_t kReadFactor = 4;

enum class Door : std::uint8_t { kTelemetry, kOperator };

// A connection, for as long as it lasts. Numbers are never used twice by one ServerSockets.
using PeerId = std::uint64_t;

struct Incoming {
  Door door = Door::kTelemetry;
  PeerId peer = 0;
  std::string bytes;
  bool seated = true;  // false: every seat is taken; answer in words, then drop(peer)
};

struct ServerOptions {
  Endpoints endpoints;
  std::size_t frames_per_poll = 256;  // drained from each door before poll() returns
  std::size_t outbox_frames = 256;    // kept for a peer that does not read; then oldest first
  std::size_t trainer_seats = 1024;   // connections at `telemetry`
  std::size_t operator_seats = 64;    // at `operator`
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
