// Where a socket is: parsing, checking and the defaults. Pure; the file system's part is in
// directory.h. Used by daemon, command line, dashboard and the trainer's reporter. C++17-clean.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "monitor/base/result.h"

namespace phaseguard::link {

struct Endpoint {
  enum class Transport { kIpc, kTcp };
  Transport transport = Transport::kIpc;
  std::string path;        // ipc: absolute, at most 107 bytes
  std::string host;        // tcp: as written, "localhost" becomes 127.0.0.1
  std::uint16_t port = 0;  // tcp: 0 asks a bind for any free port

  [[nodiscard]] std::string text() const;  // "ipc:///run/user/1000/phaseguard/feed"
};

// "ipc:///absolute/path" or "tcp://host:port"; a port of "*" is 0. Any other transport, a relative
// path, a path too long for a Unix socket: kInvalidArgument.
[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view text);

// Whether a daemon may open the endpoint for others: ipc always, tcp only to holders of keys, or on
// 127.0.0.0/8 where it was said that every user of this machine may come in. Else kRefused, and no
// flag goes round it beyond loopback.
enum class LocalTcp { kNeedsKeys, kOpen };
[[nodiscard]] Result<void> check_bind(const Endpoint& endpoint, bool has_keys, LocalTcp local);

// Whether a client may connect: without a key not beyond loopback, where strangers would read what
// is sent and could answer in the daemon's place. kRefused.
[[nodiscard]] Result<void> check_connect(const Endpoint& endpoint, bool has_key);

// The daemon's doors.
struct Endpoints {
  Endpoint telemetry;
  Endpoint operators;
  Endpoint query;
  Endpoint feed;
};

// ipc sockets "telemetry", "operator", "query" and "feed" in `directory`.
[[nodiscard]] Endpoints endpoints_in(const std::string& directory);

// `<xdg_runtime_dir>/phaseguard`, or /tmp/phaseguard-<uid> when that variable is unset or not
// absolute. Takes the environment as arguments; default_directory() of directory.h reads it.
[[nodiscard]] std::string directory_for(std::string_view xdg_runtime_dir, std::uint32_t uid);

}  // namespace phaseguard::link
