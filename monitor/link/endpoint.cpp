#include "monitor/link/endpoint.h"

#include <array>
#include <charconv>
#include <optional>

#include "monitor/base/text.h"

namespace phaseguard::link {

namespace {

constexpr std::string_view kIpc = "ipc://";
constexpr std::string_view kTcp = "tcp://";
constexpr std::size_t kMaxPath = 107;  // sockaddr_un, less the final zero

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

std::optional<unsigned> whole_number(std::string_view text, unsigned max) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > max) return std::nullopt;
  return value;
}

bool is_loopback(std::string_view host) {
  std::array<unsigned, 4> parts{};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t dot = i < 3 ? host.find('.') : host.size();
    if (dot == std::string_view::npos) return false;
    const auto part = whole_number(host.substr(0, dot), 255);
    if (!part) return false;
    parts[i] = *part;
    host = host.substr(i < 3 ? dot + 1 : dot);
  }
  return parts[0] == 127;
}

Result<Endpoint> parse_ipc(std::string_view text, std::string_view path) {
  if (path.empty() || path.front() != '/')
    return fail(Errc::kInvalidArgument, "endpoint " + quoted(text) +
                                            ": expected an absolute path after ipc://, found " +
                                            quoted(path));
  if (path.size() > kMaxPath || path.back() == '/')
    return fail(Errc::kInvalidArgument,
                "endpoint " + quoted(text) + ": expected the path of a socket, of at most " +
                    std::to_string(kMaxPath) + " bytes, found " + std::to_string(path.size()) +
                    " bytes" +
                    (path.back() == '/' ? " ending in /" : "; choose a shorter directory"));
  return Endpoint{Endpoint::Transport::kIpc, std::string(path), "", 0};
}

Result<Endpoint> parse_tcp(std::string_view text, std::string_view address) {
  const std::size_t colon = address.rfind(':');
  const std::string_view port =
      colon == std::string_view::npos ? std::string_view() : address.substr(colon + 1);
  const auto number = port == "*" ? std::optional<unsigned>(0) : whole_number(port, 65535);
  if (colon == std::string_view::npos || colon == 0 || !number)
    return fail(Errc::kInvalidArgument,
                "endpoint " + quoted(text) +
                    ": expected host:port after tcp://, with a port in 0..65535, found " +
                    quoted(address));
  const std::string_view host = address.substr(0, colon);
  return Endpoint{Endpoint::Transport::kTcp, "",
                  std::string(host == "localhost" ? "127.0.0.1" : host),
                  static_cast<std::uint16_t>(*number)};
}

}  // namespace

std::string Endpoint::text() const {
  if (transport == Transport::kIpc) return std::string(kIpc) + path;
  return std::string(kTcp) + host + ":" + std::to_string(port);
}

Result<Endpoint> parse_endpoint(std::string_view text) {
  if (text.find('\0') == std::string_view::npos) {
    if (starts_with(text, kIpc)) return parse_ipc(text, text.substr(kIpc.size()));
    if (starts_with(text, kTcp)) return parse_tcp(text, text.substr(kTcp.size()));
  }
  return fail(
      Errc::kInvalidArgument,
      "endpoint: expected ipc:///absolute/path or tcp://127.0.0.1:port, found " + quoted(text));
}

Result<void> check_bind(const Endpoint& endpoint, bool has_keys, LocalTcp local) {
  if (endpoint.transport == Endpoint::Transport::kIpc || has_keys) return {};
  const std::string where = "endpoint " + quoted(endpoint.text()) + ": ";
  if (!is_loopback(endpoint.host)) {
    return fail(Errc::kRefused,
                where +
                    "expected keys for an address that is not loopback, found none; make some "
                    "with `phaseguard keys new` and name their folder with --keys, or use ipc "
                    "or a tunnel such as ssh -L");
  }
  if (local == LocalTcp::kOpen) return {};
  return fail(Errc::kRefused,
              where +
                  "every user of this machine could send commands there; give the daemon keys "
                  "(`phaseguard keys new`, --keys), use ipc, or say --allow-local-tcp");
}

Result<void> check_connect(const Endpoint& endpoint, bool has_key) {
  if (endpoint.transport == Endpoint::Transport::kIpc || has_key || is_loopback(endpoint.host))
    return {};
  return fail(Errc::kRefused,
              "endpoint " + quoted(endpoint.text()) +
                  ": expected a key for an address that is not loopback, found none; the daemon's "
                  "administrator gives you a key file (--key FILE, or PHASEGUARD_KEY)");
}

Endpoints endpoints_in(const std::string& directory) {
  const auto at = [&](const char* name) {
    return Endpoint{Endpoint::Transport::kIpc, directory + "/" + name, "", 0};
  };
  return Endpoints{at("telemetry"), at("operator"), at("query"), at("feed")};
}

std::string directory_for(std::string_view xdg_runtime_dir, std::uint32_t uid) {
  if (!xdg_runtime_dir.empty() && xdg_runtime_dir.front() == '/')
    return std::string(xdg_runtime_dir) + "/phaseguard";
  return "/tmp/phaseguard-" + std::to_string(uid);
}

}  // namespace phaseguard::link
