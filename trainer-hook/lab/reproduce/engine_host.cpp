#include "trainer-hook/lab/reproduce/engine_host.h"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "monitor/check/desk.h"
#include "monitor/link/server.h"

namespace phaseguard::lab::reproduce {

namespace {

constexpr int kPollMs = 5;
constexpr std::int64_t kLeaseMs = 10'000;  // as the daemon's default

Now now_of_this_host() {
  using namespace std::chrono;
  return {duration<double>(system_clock::now().time_since_epoch()).count(),
          Nanos{duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count()}};
}

void serve(link::ServerSockets& sockets, check::Desk& desk, const std::atomic<bool>& stop) {
  std::vector<link::Incoming> incoming;
  while (!stop.load()) {
    incoming.clear();
    (void)sockets.poll(kPollMs, -1, incoming);
    const Now now = now_of_this_host();
    for (const link::Incoming& frame : incoming) {
      if (frame.door == link::Door::kTelemetry) desk.deliver(frame.peer, frame.bytes, now);
    }
    desk.tick(now);
    for (check::Out& out : desk.take_out()) {
      const daemon::PeerId peer = out.peer;
      sockets.send(peer, desk.encode(out));
    }
  }
}

}  // namespace

Result<SocketFolder> SocketFolder::make() {
  std::string path = "/tmp/phaseguard-lab-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr)
    return fail(Errc::kIo, path + " cannot be made: " + std::strerror(errno));
  return SocketFolder(std::move(path));
}

SocketFolder::~SocketFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

Result<std::unique_ptr<EngineHost>> EngineHost::start(policy::Document policy) {
  auto folder = SocketFolder::make();
  if (!folder) return tl::unexpected(folder.error());
  std::unique_ptr<EngineHost> host(new EngineHost(std::move(*folder)));
  link::ServerOptions options;
  options.endpoints = link::endpoints_in(host->folder_.path());
  auto sockets = link::ServerSockets::bind(options);
  if (!sockets) return tl::unexpected(sockets.error());
  host->endpoint_ = sockets->endpoints().telemetry.text();
  host->thread_ = std::thread(
      [host = host.get(), sockets = std::move(*sockets), policy = std::move(policy)]() mutable {
        check::DeskTimes times;
        times.lease_ms = kLeaseMs;
        check::Desk desk(
            times, [host](const wire::Message& message) { host->recorded_.push_back(message); },
            std::move(policy));
        serve(sockets, desk, host->stop_);
      });
  return host;
}

EngineHost::~EngineHost() { (void)stop(); }

std::vector<wire::Message> EngineHost::stop() {
  stop_.store(true);
  if (thread_.joinable()) thread_.join();
  return std::move(recorded_);
}

}  // namespace phaseguard::lab::reproduce
