#include "monitor/link/server.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>
#include <zmq.hpp>

#include "monitor/link/directory.h"
#include "monitor/link/peers.h"
#include "monitor/link/settings.h"
#include "monitor/wire/limits.h"

namespace phaseguard::link {

namespace {

// How soon poll() looks again at a peer whose queue was full.
constexpr int kRetryMs = 20;
// Viewers send subscriptions, which are a topic's prefix long.
constexpr std::int64_t kSubscriptionBytes = 1024;

std::int64_t monotonic_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<EndpointLock> prepare(const Endpoint& endpoint) {
  if (auto allowed = check_endpoint(endpoint); !allowed)
    return tl::unexpected<Error>(allowed.error());
  if (endpoint.transport == Endpoint::Transport::kIpc)
    if (auto ready = prepare_directory(directory_of(endpoint.path)); !ready)
      return tl::unexpected<Error>(ready.error());
  return EndpointLock::take(endpoint);
}

Result<void> bind_one(zmq::socket_t& socket, Endpoint& endpoint) {
  try {
    socket.bind(endpoint.text());
    if (endpoint.transport == Endpoint::Transport::kTcp)
      if (auto bound = parse_endpoint(socket.get(zmq::sockopt::last_endpoint)))
        endpoint.port = bound->port;
    return {};
  } catch (const zmq::error_t& e) {
    const bool taken = e.num() == EADDRINUSE;
    return fail(taken ? Errc::kConflict : Errc::kIo,
                "endpoint " + endpoint.text() + ": " +
                    (taken ? "in use by another process; stop it or choose another port"
                           : std::string("cannot be bound: ") + e.what()));
  }
}

}  // namespace

struct ServerSockets::Impl {
  explicit Impl(const ServerOptions& chosen)
      : options(chosen),
        context(1),
        telemetry(context, zmq::socket_type::router),
        operators(context, zmq::socket_type::router),
        feed(context, zmq::socket_type::xpub) {
    set_router(telemetry);
    set_router(operators);
    set_common(feed, kSubscriptionBytes, options.feed_high_water_frames);
    feed.set(zmq::sockopt::backlog, kBacklog);
  }

  void set_router(zmq::socket_t& socket) {
    set_common(socket, static_cast<std::int64_t>(kReadFactor * wire::kTelemetryLimits.frame_bytes),
               options.high_water_frames);
    socket.set(zmq::sockopt::backlog, kBacklog);
    // Mandatory: a frame for a peer that is gone is told, not lost in silence. No handover: a
    // second connection cannot take over a routing id and what is sent to it.
    socket.set(zmq::sockopt::router_mandatory, true);
    socket.set(zmq::sockopt::router_handover, false);
  }

  Result<void> bind() {
    const std::array<std::pair<zmq::socket_t*, Endpoint*>, 3> all{
        {{&telemetry, &options.endpoints.telemetry},
         {&operators, &options.endpoints.operators},
         {&feed, &options.endpoints.feed}}};
    for (std::size_t i = 0; i < all.size(); ++i) {
      auto lock = prepare(*all[i].second);
      if (!lock) return tl::unexpected<Error>(lock.error());
      locks[i] = std::move(*lock);
    }
    for (const auto& [socket, endpoint] : all)
      if (auto bound = bind_one(*socket, *endpoint); !bound) return bound;
    return {};
  }

  void drain(Door door, std::vector<Incoming>& incoming) {
    zmq::socket_t& socket = door == Door::kTelemetry ? telemetry : operators;
    Peers& peers = door == Door::kTelemetry ? telemetry_peers : operator_peers;
    const std::int64_t now_ms = monotonic_ms();
    for (std::size_t i = 0; i < options.frames_per_poll; ++i) {
      zmq::message_t from;
      zmq::message_t frame;
      if (!socket.recv(from, zmq::recv_flags::dontwait)) return;
      std::size_t parts = 0;
      for (bool more = from.more(); more; more = frame.more()) {
        (void)socket.recv(frame, zmq::recv_flags::dontwait);
        ++parts;
      }
      if (parts != 1) {
        ++counters.frames_misshapen;
        continue;
      }
      const Peers::Heard heard = peers.heard(text_of(from), now_ms, [this] { return ++last_peer; });
      ++(heard.seated ? counters.frames_in : counters.peers_refused);
      incoming.push_back({door, heard.peer, text_of(frame), heard.seated});
    }
  }

  // Subscriptions take effect inside libzmq; reading them keeps its list of news short.
  void drain_subscriptions() {
    zmq::message_t news;
    while (feed.recv(news, zmq::recv_flags::dontwait)) has_viewers = true;
  }

  bool poll(int timeout_ms, int wake_fd, std::vector<Incoming>& incoming) {
    telemetry_peers.flush();
    operator_peers.flush();
    operator_peers.drop_answered(monotonic_ms());
    if (telemetry_peers.has_unsent() || operator_peers.has_unsent())
      timeout_ms = std::min(timeout_ms, kRetryMs);
    std::array<zmq::pollitem_t, 4> items{{{telemetry.handle(), 0, ZMQ_POLLIN, 0},
                                          {operators.handle(), 0, ZMQ_POLLIN, 0},
                                          {feed.handle(), 0, ZMQ_POLLIN, 0},
                                          {nullptr, wake_fd, ZMQ_POLLIN, 0}}};
    zmq::poll(items.data(), wake_fd >= 0 ? 4 : 3,
              std::chrono::milliseconds(std::max(0, timeout_ms)));
    if ((items[1].revents & ZMQ_POLLIN) != 0) drain(Door::kOperator, incoming);
    if ((items[0].revents & ZMQ_POLLIN) != 0) drain(Door::kTelemetry, incoming);
    if ((items[2].revents & ZMQ_POLLIN) != 0) drain_subscriptions();
    return wake_fd >= 0 && (items[3].revents & ZMQ_POLLIN) != 0;
  }

  // The order matters: sockets are closed before the context ends, locks are let go last.
  std::array<EndpointLock, 3> locks;
  ServerOptions options;
  ServerCounters counters;
  PeerId last_peer = 0;
  bool has_viewers = false;
  zmq::context_t context;
  zmq::socket_t telemetry;
  zmq::socket_t operators;
  zmq::socket_t feed;
  Peers telemetry_peers{telemetry, options, counters, options.trainer_seats, 0};
  Peers operator_peers{operators, options, counters, options.operator_seats, options.answered_ms};
};

ServerSockets::ServerSockets(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ServerSockets::ServerSockets(ServerSockets&&) noexcept = default;
ServerSockets& ServerSockets::operator=(ServerSockets&&) noexcept = default;
ServerSockets::~ServerSockets() = default;

Result<ServerSockets> ServerSockets::bind(const ServerOptions& options) {
  try {
    auto impl = std::make_unique<Impl>(options);
    if (auto bound = impl->bind(); !bound) return tl::unexpected<Error>(bound.error());
    return ServerSockets(std::move(impl));
  } catch (const zmq::error_t& e) {
    return fail(Errc::kIo, std::string("sockets: cannot be made: ") + e.what());
  }
}

const Endpoints& ServerSockets::endpoints() const { return impl_->options.endpoints; }

bool ServerSockets::poll(int timeout_ms, int wake_fd, std::vector<Incoming>& incoming) {
  try {
    return impl_->poll(timeout_ms, wake_fd, incoming);
  } catch (const zmq::error_t&) {
    return false;  // a signal came: the caller's loop looks and polls again
  }
}

bool ServerSockets::send(PeerId peer, std::string_view bytes) {
  Peers& peers = impl_->telemetry_peers.has(peer) ? impl_->telemetry_peers : impl_->operator_peers;
  return peers.send(peer, bytes, monotonic_ms());
}

void ServerSockets::keep(PeerId peer, bool kept) { impl_->telemetry_peers.keep(peer, kept); }

void ServerSockets::drop(PeerId peer) {
  impl_->telemetry_peers.drop(peer);
  impl_->operator_peers.drop(peer);
}

void ServerSockets::publish(std::string_view topic, std::string_view bytes) {
  try {
    if (impl_->feed.send(zmq::const_buffer(topic.data(), topic.size()),
                         zmq::send_flags::sndmore | zmq::send_flags::dontwait))
      (void)impl_->feed.send(zmq::const_buffer(bytes.data(), bytes.size()),
                             zmq::send_flags::dontwait);
  } catch (const zmq::error_t&) {
    // The feed is a view: whoever misses an event sees the gap in seq and asks for it.
  }
}

bool ServerSockets::has_viewers() const { return impl_->has_viewers; }

std::size_t ServerSockets::taken(Door door) const {
  return door == Door::kTelemetry ? impl_->telemetry_peers.size() : impl_->operator_peers.size();
}

bool ServerSockets::knows(PeerId peer) const {
  return impl_->telemetry_peers.has(peer) || impl_->operator_peers.has(peer);
}

const ServerCounters& ServerSockets::counters() const { return impl_->counters; }

}  // namespace phaseguard::link
