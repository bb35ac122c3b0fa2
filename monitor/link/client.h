// The connecting ends of the sockets (docs/PROTOCOL.md, "Sockets"). Each client has a libzmq
// context of its own and belongs to one thread. Nothing throws; no libzmq type appears here.
// C++17-clean: the trainer's reporter uses it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/keys/key_file.h"
#include "monitor/wire/limits.h"

namespace phaseguard::link {

struct ClientOptions {
  // Frames larger than this are not accepted: libzmq then drops the connection and makes a new one.
  std::size_t max_frame_bytes = wire::kFeedLimits.frame_bytes;
  int high_water_frames = 1000;  // queued in either direction; for a subscriber, received ones
  std::optional<keys::ClientKey> key;  // of a daemon that asks for keys
};

struct HandshakeFailure {
  std::string why;          // for a person
  bool is_refused = false;  // the key was: it is not tried again until reopen()
};

// Trainer side of `telemetry`, operator side of `operator` and viewer side of `query`.
class DealerClient {
 public:
  // Connects in the background: succeeds with nobody at the other end, and goes on trying every
  // 0.1 s to 5 s. Errors: an endpoint that parse_endpoint or check_connect refuses; kIo.
  [[nodiscard]] static Result<DealerClient> connect(std::string_view endpoint,
                                                    const ClientOptions& options = {});
  DealerClient(DealerClient&&) noexcept;
  DealerClient& operator=(DealerClient&&) noexcept;
  ~DealerClient();  // close(0)

  // Hands one frame to libzmq without waiting. False: nobody is connected, or the queue is full;
  // keep the frame. True is no promise that it arrives: the protocol's acknowledgements are.
  [[nodiscard]] bool send(std::string_view frame);

  // The next frame, waiting for it at most `timeout_ms`. Messages of more than one frame are
  // dropped.
  [[nodiscard]] std::optional<std::string> receive(int timeout_ms = 0);

  // Returns when a frame has come, `fd` is readable (-1: none) or the time is up.
  void wait(int fd, int timeout_ms);

  // Of the newest handshake; nothing: it did not fail, or there was none.
  [[nodiscard]] std::optional<HandshakeFailure> handshake_failure();

  // Drops connection and queues and connects afresh, at once: a peer that refused us, or one that
  // hangs, is not retried by libzmq itself.
  void reopen();

  // Ends the connection, giving frames on their way at most `flush_ms`. In a forked child it only
  // forgets the socket: the parent's libzmq threads do not exist there.
  void close(int flush_ms);

 private:
  struct Impl;
  explicit DealerClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct FeedFrame {
  std::string topic;
  std::string bytes;  // one encoded message
};

// Viewer side of `feed`. Frames that do not fit the queue are lost; the sequence numbers inside
// tell.
class SubscriberClient {
 public:
  // `topics`: prefixes of the feed's topics ("<run>/<kind>"); {""} takes everything.
  [[nodiscard]] static Result<SubscriberClient> connect(std::string_view endpoint,
                                                        const std::vector<std::string>& topics,
                                                        const ClientOptions& options = {});
  SubscriberClient(SubscriberClient&&) noexcept;
  SubscriberClient& operator=(SubscriberClient&&) noexcept;
  ~SubscriberClient();

  [[nodiscard]] std::optional<FeedFrame> receive(int timeout_ms = 0);
  void wait(int fd, int timeout_ms);
  // Connects afresh, with the same subscriptions.
  void reopen();

 private:
  struct Impl;
  explicit SubscriberClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace phaseguard::link
