#include "trainer-hook/lab/reproduce/daemon_process.h"

#include <chrono>
#include <thread>

#include "monitor/base/file.h"
#include "monitor/base/text.h"
#include "monitor/link/endpoint.h"
#include "trainer-hook/lab/reproduce/pool.h"

namespace phaseguard::lab::reproduce {

namespace {

namespace fs = std::filesystem;

constexpr auto kTurn = std::chrono::milliseconds(10);
constexpr int kTurns = 1000;  // ten seconds

std::string config_of(const std::vector<fs::path>& policies) {
  std::string out = "[daemon]\nlog_level = \"info\"\n";
  for (const fs::path& file : policies) {
    out += "\n[[run]]\nmatch = " + phaseguard::quoted(file.filename().string() + "--*", 200) +
           "\npolicy = " + phaseguard::quoted(file.string(), 4096) + "\n";
  }
  return out;
}

}  // namespace

Result<DaemonProcess> DaemonProcess::start(const fs::path& folder,
                                           const std::vector<fs::path>& policies) {
  const fs::path program = this_program().parent_path() / "phaseguardd";
  std::error_code error;
  if (!fs::exists(program, error)) {
    return fail(Errc::kNotFound, "expected the daemon at " + program.string() +
                                     ", found none; build or install it, or say --engine process");
  }
  auto sockets = SocketFolder::make();
  if (!sockets) return tl::unexpected(sockets.error());
  const fs::path config = folder / "phaseguardd.toml", log = folder / "phaseguardd.log";
  if (const auto ok = write_file(config, config_of(policies)); !ok)
    return tl::unexpected(ok.error());
  const link::Endpoints at = link::endpoints_in(sockets->path());
  auto command = check::Command::start(
      {program.string(), "--config", config.string(), "--runs-dir", folder.string(), "--telemetry",
       at.telemetry.text(), "--operator", at.operators.text(), "--feed", at.feed.text()},
      "", "", log.string());
  if (!command) return tl::unexpected(command.error());
  DaemonProcess daemon(std::move(*sockets), std::move(*command), at.telemetry.text());
  for (int i = 0; i < kTurns && !fs::exists(fs::path(daemon.sockets_.path()) / "telemetry", error);
       ++i) {
    if (const auto ended = daemon.ended())
      return fail(Errc::kIo, "the daemon did not start (" + *ended + "); see " + log.string());
    std::this_thread::sleep_for(kTurn);
  }
  return daemon;
}

void DaemonProcess::stop() {
  command_.signal(false);
  for (int i = 0; i < kTurns && !command_.ended(); ++i) std::this_thread::sleep_for(kTurn);
}

}  // namespace phaseguard::lab::reproduce
