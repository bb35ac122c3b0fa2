// `/metrics` (Prometheus text), `/-/healthy` and `/-/ready` on loopback. One thread of its own
// serves all clients, and only ever reads a text handed over by the loop; what a client can take of
// memory, places and time is bounded (by no setting of cpp-httplib, so it is not used here).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "monitor/base/result.h"

namespace phaseguard::daemon {

// Request line and header lines together; nothing here needs more, nor a body.
inline constexpr std::size_t kMostHeadBytes = 8192;

class HttpServer {
 public:
  // `address`: "127.0.0.1:9091"; another host is refused. Errors: kInvalidArgument, kRefused,
  // kConflict (port in use), kIo.
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> start(const std::string& address);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // `fault`: why the record cannot be written; the daemon is not ready then. Empty: it can.
  void set_answers(std::string metrics, std::string fault);

  // Requests refused in words, and those that did not come in time.
  [[nodiscard]] std::uint64_t refused() const;

 private:
  HttpServer();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace phaseguard::daemon
