#include "monitor/link/server.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>
#include <zmq.hpp>

#include "monitor/link/directory.h"
#include "monitor/link/gate.h"
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

Result<EndpointLock> prepare(const Endpoint& endpoint, const ServerOptions& options) {
  if (auto allowed = check_bind(endpoint, options.security.has_value(), options.local_tcp);
      !allowed)
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

// The feed in a context of its own: ending that waits until its socket is closed, and only then
// may the same ipc path be bound again, since a socket that closes later takes the file away.
struct Feed {
  explicit Feed(const ServerOptions& options)
      : context(1), socket(context, zmq::socket_type::xpub) {
    if (options.security) {
      gate.emplace(context, *options.security);
      set_server(socket, *options.security, Door::kFeed);
    }
    set_common(socket, kSubscriptionBytes, options.feed_high_water_frames);
    socket.set(zmq::sockopt::backlog, kBacklog);
  }

  zmq::context_t context;
  std::optional<Gate> gate;
  zmq::socket_t socket;
};

struct ServerSockets::Impl {
  explicit Impl(const ServerOptions& chosen)
      : options(chosen),
        context(1),
        telemetry(context, zmq::socket_type::router),
        operators(context, zmq::socket_type::router),
        query(context, zmq::socket_type::router),
        feed(std::make_unique<Feed>(options)) {
    if (options.security) gate.emplace(context, *options.security);
    set_router(telemetry, Door::kTelemetry);
    set_router(operators, Door::kOperator);
    set_router(query, Door::kQuery);
  }

  void set_router(zmq::socket_t& socket, Door door) {
    if (options.security) set_server(socket, *options.security, door);
    set_common(socket, static_cast<std::int64_t>(kReadFactor * wire::kTelemetryLimits.frame_bytes),
               options.high_water_frames);
    socket.set(zmq::sockopt::backlog, kBacklog);
    // Mandatory: a frame for a peer that is gone is told, not lost in silence. No handover: a
    // second connection cannot take over a routing id and what is sent to it.
    socket.set(zmq::sockopt::router_mandatory, true);
    socket.set(zmq::sockopt::router_handover, false);
  }

  Result<void> bind() {
    const std::array<std::pair<zmq::socket_t*, Endpoint*>, 4> all{
        {{&telemetry, &options.endpoints.telemetry},
         {&operators, &options.endpoints.operators},
         {&query, &options.endpoints.query},
         {&feed->socket, &options.endpoints.feed}}};
    for (std::size_t i = 0; i < all.size(); ++i) {
      auto lock = prepare(*all[i].second, options);
      if (!lock) return tl::unexpected<Error>(lock.error());
      locks[i] = std::move(*lock);
    }
    for (const auto& [socket, endpoint] : all)
      if (auto bound = bind_one(*socket, *endpoint); !bound) return bound;
    return {};
  }

  // What could not be made or bound, out of descriptors say, is tried again by the next poll().
  void bind_feed_anew() {
    feed.reset();
    is_feed_bound = false;
    try {
      feed = std::make_unique<Feed>(options);
      is_feed_bound = bind_one(feed->socket, options.endpoints.feed).has_value();
    } catch (const zmq::error_t&) {
      feed.reset();
    }
  }

  // Whose frame it is, as the handshake found; "" without keys.
  static std::string key_of(zmq::message_t& frame) {
    const char* key = ::zmq_msg_gets(frame.handle(), "User-Id");
    return key == nullptr ? "" : key;
  }

  [[nodiscard]] bool takes(Door door, const std::string& key) const {
    return !options.security || options.security->takes(door, key);
  }

  zmq::socket_t& socket_of(Door door) {
    return door == Door::kTelemetry ? telemetry : door == Door::kOperator ? operators : query;
  }
  Peers& peers_of(Door door) {
    return door == Door::kTelemetry  ? telemetry_peers
           : door == Door::kOperator ? operator_peers
                                     : query_peers;
  }

  void drain(Door door, std::vector<Incoming>& incoming) {
    zmq::socket_t& socket = socket_of(door);
    Peers& peers = peers_of(door);
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
      std::string key = key_of(frame);
      if (!takes(door, key)) {
        ++counters.frames_refused;
        continue;
      }
      const Peers::Heard heard =
          peers.heard(text_of(from), key, now_ms, [this] { return ++last_peer; });
      ++(heard.seated ? counters.frames_in : counters.peers_refused);
      incoming.push_back({door, heard.peer, text_of(frame), heard.seated, std::move(key)});
    }
  }

  // Subscriptions take effect inside libzmq; reading them keeps its list of news short.
  void drain_subscriptions() {
    zmq::message_t news;
    while (feed && feed->socket.recv(news, zmq::recv_flags::dontwait)) has_viewers = true;
  }

  bool has_unsent() const {
    return telemetry_peers.has_unsent() || operator_peers.has_unsent() || query_peers.has_unsent();
  }

  bool poll(int timeout_ms, int wake_fd, std::vector<Incoming>& incoming) {
    if (!is_feed_bound) bind_feed_anew();
    for (const Door door : kRouters) {
      peers_of(door).flush();
      peers_of(door).drop_answered(monotonic_ms());
    }
    if (has_unsent() || !is_feed_bound) timeout_ms = std::min(timeout_ms, kRetryMs);
    std::vector<void*> handles{operators.handle(), query.handle(), telemetry.handle()};
    if (gate) handles.push_back(gate->handle());
    if (feed) handles.push_back(feed->socket.handle());
    if (feed && feed->gate) handles.push_back(feed->gate->handle());
    std::vector<zmq::pollitem_t> items;
    for (void* handle : handles) items.push_back({handle, 0, ZMQ_POLLIN, 0});
    if (wake_fd >= 0) items.push_back({nullptr, wake_fd, ZMQ_POLLIN, 0});
    zmq::poll(items.data(), items.size(), std::chrono::milliseconds(std::max(0, timeout_ms)));
    if (gate) counters.keys_refused += gate->answer();
    if (feed && feed->gate) counters.keys_refused += feed->gate->answer();
    const auto has_news = [&](std::size_t i) { return (items[i].revents & ZMQ_POLLIN) != 0; };
    if (has_news(0)) drain(Door::kOperator, incoming);
    if (has_news(1)) drain(Door::kQuery, incoming);
    if (has_news(2)) drain(Door::kTelemetry, incoming);
    drain_subscriptions();
    return wake_fd >= 0 && has_news(items.size() - 1);
  }

  void on_rights_taken() {
    for (const Door door : kRouters)
      peers_of(door).drop_keys([&](const std::string& key) { return takes(door, key); });
    bind_feed_anew();
  }

  static constexpr std::array<Door, 3> kRouters{Door::kTelemetry, Door::kOperator, Door::kQuery};

  // The order matters: sockets are closed before the context ends, locks are let go last.
  std::array<EndpointLock, 4> locks;
  ServerOptions options;
  ServerCounters counters;
  PeerId last_peer = 0;
  bool has_viewers = false;
  bool is_feed_bound = true;
  zmq::context_t context;
  std::optional<Gate> gate;
  zmq::socket_t telemetry;
  zmq::socket_t operators;
  zmq::socket_t query;
  std::unique_ptr<Feed> feed;
  Peers telemetry_peers{telemetry, options, counters, options.trainer_seats, 0};
  Peers operator_peers{operators, options, counters, options.operator_seats, options.answered_ms};
  Peers query_peers{query, options, counters, options.operator_seats, options.answered_ms};
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
  for (const Door door : Impl::kRouters) {
    if (impl_->peers_of(door).has(peer))
      return impl_->peers_of(door).send(peer, bytes, monotonic_ms());
  }
  return false;
}

void ServerSockets::keep(PeerId peer, bool kept) { impl_->telemetry_peers.keep(peer, kept); }

void ServerSockets::drop(PeerId peer) {
  for (const Door door : Impl::kRouters) impl_->peers_of(door).drop(peer);
}

void ServerSockets::on_rights_taken() { impl_->on_rights_taken(); }

void ServerSockets::publish(std::string_view topic, std::string_view bytes) {
  if (!impl_->feed) return;
  try {
    if (impl_->feed->socket.send(zmq::const_buffer(topic.data(), topic.size()),
                                 zmq::send_flags::sndmore | zmq::send_flags::dontwait))
      (void)impl_->feed->socket.send(zmq::const_buffer(bytes.data(), bytes.size()),
                                     zmq::send_flags::dontwait);
  } catch (const zmq::error_t&) {
    // The feed is a view: whoever misses an event sees the gap in seq and asks for it.
  }
}

bool ServerSockets::has_viewers() const { return impl_->has_viewers; }

std::size_t ServerSockets::taken(Door door) const {
  return door == Door::kFeed ? 0 : impl_->peers_of(door).size();
}

bool ServerSockets::knows(PeerId peer) const {
  return std::any_of(Impl::kRouters.begin(), Impl::kRouters.end(),
                     [&](Door door) { return impl_->peers_of(door).has(peer); });
}

const ServerCounters& ServerSockets::counters() const { return impl_->counters; }

}  // namespace phaseguard::link
