#include "monitor/link/client.h"

#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <utility>
#include <zmq.hpp>

#include "monitor/link/endpoint.h"
#include "monitor/link/settings.h"

namespace phaseguard::link {

namespace {

constexpr int kReconnectMs = 100;
constexpr int kReconnectMaxMs = 5000;

// What libzmq says of the handshakes of one socket.
class HandshakeMonitor {
 public:
  HandshakeMonitor(zmq::context_t& context, zmq::socket_t& watched)
      : news_(context, zmq::socket_type::pair) {
    constexpr const char* kPlace = "inproc://handshakes";
    constexpr int kWanted = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                            ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                            ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;
    news_.set(zmq::sockopt::linger, 0);
    if (::zmq_socket_monitor(watched.handle(), kPlace, kWanted) == 0) news_.connect(kPlace);
  }

  // Of the newest handshake.
  std::optional<HandshakeFailure> failure(bool has_key) {
    zmq::message_t event;
    zmq::message_t address;
    while (news_.recv(event, zmq::recv_flags::dontwait)) {
      std::uint16_t what = 0;
      if (event.size() >= sizeof what) std::memcpy(&what, event.data(), sizeof what);
      if (event.more()) (void)news_.recv(address, zmq::recv_flags::dontwait);
      what_ = what;
    }
    if (what_ == 0 || what_ == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) return std::nullopt;
    if (what_ == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
      return HandshakeFailure{
          "the daemon refused this key: it is not granted for this, or was revoked", true};
    }
    return HandshakeFailure{has_key ? "no handshake: the daemon's key is not the one in the key "
                                      "file, or it asks for no keys"
                                    : "no handshake: the daemon there asks for a key (--key FILE, "
                                      "or PHASEGUARD_KEY)",
                            false};
  }

 private:
  zmq::socket_t news_;
  int what_ = 0;
};

// A context and its one socket, with the choices that outlive a reopen().
class Connection {
 public:
  Connection(zmq::socket_type type, Endpoint endpoint, std::vector<std::string> topics,
             const ClientOptions& options)
      : type_(type),
        endpoint_(std::move(endpoint)),
        topics_(std::move(topics)),
        options_(options),
        owner_(::getpid()),
        context_(std::make_unique<zmq::context_t>(1)) {
    open();
  }

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { close(0); }

  void open() {
    auto socket = std::make_unique<zmq::socket_t>(*context_, type_);
    set_common(*socket, static_cast<std::int64_t>(options_.max_frame_bytes),
               options_.high_water_frames);
    if (options_.key) {
      socket->set(zmq::sockopt::curve_serverkey, options_.key->server_key);
      socket->set(zmq::sockopt::curve_publickey, options_.key->public_key);
      socket->set(zmq::sockopt::curve_secretkey, options_.key->secret_key);
    }
    socket->set(zmq::sockopt::reconnect_ivl, kReconnectMs);
    socket->set(zmq::sockopt::reconnect_ivl_max, kReconnectMaxMs);
    if (type_ == zmq::socket_type::dealer) {
      // Queue for a peer that is there, not for one that may come: what is not sent stays the
      // caller's, to be kept in order and not twice.
      socket->set(zmq::sockopt::immediate, true);
    }
    for (const std::string& topic : topics_) socket->set(zmq::sockopt::subscribe, topic);
    monitor_ = std::make_unique<HandshakeMonitor>(*context_, *socket);
    socket->connect(endpoint_.text());
    socket_ = std::move(socket);
  }

  void reopen() {
    monitor_.reset();
    socket_.reset();
    open();
  }

  std::optional<HandshakeFailure> handshake_failure() {
    if (!monitor_) return std::nullopt;
    auto failure = monitor_->failure(options_.key.has_value());
    if (failure) failure->why = endpoint_.text() + ": " + failure->why;
    return failure;
  }

  void close(int flush_ms) noexcept {
    if (!context_) return;
    if (::getpid() != owner_) {
      // A forked child: closing would wait for threads that only the parent has.
      (void)monitor_.release();
      (void)socket_.release();
      (void)context_.release();
      return;
    }
    try {
      if (socket_) socket_->set(zmq::sockopt::linger, std::max(0, flush_ms));
    } catch (const zmq::error_t&) {
      // Then it keeps linger 0.
    }
    monitor_.reset();
    socket_.reset();
    context_.reset();
  }

  void wait(int fd, int timeout_ms) {
    std::array<zmq::pollitem_t, 2> items{};
    std::size_t n = 0;
    if (socket_) items[n++] = {socket_->handle(), 0, ZMQ_POLLIN, 0};
    if (fd >= 0) items[n++] = {nullptr, fd, ZMQ_POLLIN, 0};
    try {
      zmq::poll(items.data(), n, std::chrono::milliseconds(std::max(0, timeout_ms)));
    } catch (const zmq::error_t&) {
      // A signal came: the caller looks and waits again.
    }
  }

  // One message of exactly `n` frames; nothing when none comes in time. Others are passed over.
  template <std::size_t n>
  std::optional<std::array<std::string, n>> receive(int timeout_ms) {
    if (!socket_) return std::nullopt;
    if (timeout_ms > 0) wait(-1, timeout_ms);
    try {
      while (true) {
        std::array<std::string, n> frames;
        std::size_t found = 0;
        bool more = true;
        while (more) {
          zmq::message_t frame;
          if (!socket_->recv(frame, zmq::recv_flags::dontwait)) return std::nullopt;
          if (found < n) frames[found] = text_of(frame);
          ++found;
          more = frame.more();
        }
        if (found == n) return frames;
      }
    } catch (const zmq::error_t&) {
      return std::nullopt;
    }
  }

  bool send(std::string_view frame) {
    if (!socket_) return false;
    try {
      return socket_->send(zmq::const_buffer(frame.data(), frame.size()), zmq::send_flags::dontwait)
          .has_value();
    } catch (const zmq::error_t&) {
      return false;
    }
  }

 private:
  zmq::socket_type type_;
  Endpoint endpoint_;
  std::vector<std::string> topics_;
  ClientOptions options_;
  ::pid_t owner_;
  std::unique_ptr<zmq::context_t> context_;
  std::unique_ptr<zmq::socket_t> socket_;
  std::unique_ptr<HandshakeMonitor> monitor_;
};

Result<Endpoint> checked(std::string_view text, bool has_key) {
  auto endpoint = parse_endpoint(text);
  if (!endpoint) return endpoint;
  if (auto allowed = check_connect(*endpoint, has_key); !allowed)
    return tl::unexpected<Error>(allowed.error());
  return endpoint;
}

template <class Impl>
Result<std::unique_ptr<Impl>> open_connection(zmq::socket_type type, std::string_view text,
                                              const std::vector<std::string>& topics,
                                              const ClientOptions& options) {
  auto endpoint = checked(text, options.key.has_value());
  if (!endpoint) return tl::unexpected<Error>(endpoint.error());
  try {
    return std::make_unique<Impl>(type, *endpoint, topics, options);
  } catch (const zmq::error_t& e) {
    return fail(Errc::kIo, "endpoint " + endpoint->text() + ": cannot be connected: " + e.what());
  }
}

}  // namespace

struct DealerClient::Impl : Connection {
  using Connection::Connection;
};

DealerClient::DealerClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DealerClient::DealerClient(DealerClient&&) noexcept = default;
DealerClient& DealerClient::operator=(DealerClient&&) noexcept = default;
DealerClient::~DealerClient() = default;

Result<DealerClient> DealerClient::connect(std::string_view endpoint,
                                           const ClientOptions& options) {
  return open_connection<Impl>(zmq::socket_type::dealer, endpoint, {}, options)
      .map([](std::unique_ptr<Impl> impl) { return DealerClient(std::move(impl)); });
}

bool DealerClient::send(std::string_view frame) { return impl_->send(frame); }

std::optional<std::string> DealerClient::receive(int timeout_ms) {
  auto frames = impl_->receive<1>(timeout_ms);
  if (!frames) return std::nullopt;
  return std::move((*frames)[0]);
}

void DealerClient::wait(int fd, int timeout_ms) { impl_->wait(fd, timeout_ms); }

std::optional<HandshakeFailure> DealerClient::handshake_failure() {
  try {
    return impl_->handshake_failure();
  } catch (const zmq::error_t&) {
    return std::nullopt;
  }
}

void DealerClient::reopen() {
  try {
    impl_->reopen();
  } catch (const zmq::error_t&) {
    // Out of file descriptors: without a socket, send() says no and the caller tries again later.
  }
}

void DealerClient::close(int flush_ms) { impl_->close(flush_ms); }

struct SubscriberClient::Impl : Connection {
  using Connection::Connection;
};

SubscriberClient::SubscriberClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SubscriberClient::SubscriberClient(SubscriberClient&&) noexcept = default;
SubscriberClient& SubscriberClient::operator=(SubscriberClient&&) noexcept = default;
SubscriberClient::~SubscriberClient() = default;

Result<SubscriberClient> SubscriberClient::connect(std::string_view endpoint,
                                                   const std::vector<std::string>& topics,
                                                   const ClientOptions& options) {
  return open_connection<Impl>(zmq::socket_type::sub, endpoint, topics, options)
      .map([](std::unique_ptr<Impl> impl) { return SubscriberClient(std::move(impl)); });
}

std::optional<FeedFrame> SubscriberClient::receive(int timeout_ms) {
  auto frames = impl_->receive<2>(timeout_ms);
  if (!frames) return std::nullopt;
  return FeedFrame{std::move((*frames)[0]), std::move((*frames)[1])};
}

void SubscriberClient::wait(int fd, int timeout_ms) { impl_->wait(fd, timeout_ms); }

void SubscriberClient::reopen() {
  try {
    impl_->reopen();
  } catch (const zmq::error_t&) {
    // As of DealerClient: nothing comes until it is tried again.
  }
}

}  // namespace phaseguard::link
