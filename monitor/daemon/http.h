// `/metrics` (Prometheus text), `/-/healthy` and `/-/ready` on loopback, in a thread of its own
// that only ever reads a string handed over by the loop.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/daemon/engine/engine.h"

namespace phaseguard::daemon {

class HttpServer {
 public:
  // `address`: "127.0.0.1:9091"; another host is refused. Errors: kInvalidArgument, kRefused,
  // kConflict (port in use).
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> start(const std::string& address);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // `fault`: why the record cannot be written; the daemon is not ready then. Empty: it can.
  void set_metrics(const EngineCounters& counters, const std::vector<wire::Message>& statuses,
                   const std::string& fault);

 private:
  HttpServer();
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// The exposition text.
[[nodiscard]] std::string metrics_text(const EngineCounters& counters,
                                       const std::vector<wire::Message>& statuses,
                                       const std::string& fault);

}  // namespace phaseguard::daemon
