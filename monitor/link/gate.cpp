#include "monitor/link/gate.h"

#include <optional>
#include <vector>

#include "monitor/keys/key.h"
#include "monitor/link/settings.h"

namespace phaseguard::link {

namespace {

constexpr const char* kZap = "inproc://zeromq.zap.01";
constexpr const char* kZapVersion = "1.0";
// ZMQ_ZAP_ENFORCE_DOMAIN: the library takes it, its header names it in draft builds alone.
constexpr int kZapEnforceDomain = 93;
constexpr std::array<Door, 4> kDoors{Door::kTelemetry, Door::kOperator, Door::kQuery, Door::kFeed};
// Frames of a request: version, id, domain, address, routing id, mechanism, credentials.
constexpr std::size_t kRequestFrames = 7;

std::optional<Door> door_of(const std::string& domain) {
  for (const Door door : kDoors) {
    if (domain == domain_of(door)) return door;
  }
  return std::nullopt;
}

}  // namespace

const char* domain_of(Door door) {
  static constexpr std::array<const char*, 4> kDomains{"telemetry", "operator", "query", "feed"};
  return kDomains.at(static_cast<std::size_t>(door));
}

void set_server(zmq::socket_t& socket, const Security& security, Door door) {
  socket.set(zmq::sockopt::curve_server, true);
  socket.set(zmq::sockopt::curve_secretkey, security.secret_key);
  socket.set(zmq::sockopt::zap_domain, domain_of(door));
  // Without this a context that has no handler lets every key in.
  const int enforced = 1;
  if (::zmq_setsockopt(socket.handle(), kZapEnforceDomain, &enforced, sizeof enforced) != 0)
    throw zmq::error_t();
}

struct Gate::Request {
  std::vector<std::string> frames;

  [[nodiscard]] bool is_whole() const {
    return frames.size() == kRequestFrames && frames[0] == kZapVersion && frames[5] == "CURVE";
  }
};

Gate::Gate(zmq::context_t& context, const Security& security)
    : security_(security), socket_(context, zmq::socket_type::rep) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.bind(kZap);
}

std::string Gate::id_for(const Request& request) const {
  if (!request.is_whole()) return "";
  const auto door = door_of(request.frames[2]);
  return door ? security_.admit(*door, keys::text_of(request.frames[6])) : "";
}

std::uint64_t Gate::answer() {
  std::uint64_t turned_away = 0;
  while (true) {
    Request request;
    zmq::message_t frame;
    do {
      if (!socket_.recv(frame, zmq::recv_flags::dontwait)) return turned_away;
      request.frames.push_back(text_of(frame));
    } while (frame.more());
    const std::string id = id_for(request);
    turned_away += id.empty() ? 1 : 0;
    const std::string number = request.frames.size() > 1 ? request.frames[1] : "";
    const std::array<std::string, 6> reply{kZapVersion,
                                           number,
                                           id.empty() ? "400" : "200",
                                           id.empty() ? "this key is not granted here" : "OK",
                                           id,
                                           ""};
    for (std::size_t i = 0; i < reply.size(); ++i) {
      const auto more = i + 1 < reply.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
      (void)socket_.send(zmq::const_buffer(reply[i].data(), reply[i].size()),
                         more | zmq::send_flags::dontwait);
    }
  }
}

}  // namespace phaseguard::link
