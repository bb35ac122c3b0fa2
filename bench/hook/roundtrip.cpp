// From a batch's risk to its lambda: Reporter::decide through a real phaseguardd, beside a raw
// ZeroMQ ping-pong between two processes on the same kind of transport. usage: bench_roundtrip
// [PHASEGUARDD]. Prints one JSON object.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>

#include "bench/hook/figures.h"
#include "tests/reporter/peer.h"
#include "tests/reporter/real_daemon.h"

namespace {

using namespace phaseguard;
using namespace phaseguard::reporter;
using bench::now_ns;
namespace fs = std::filesystem;

constexpr int kRounds = 5'000;
constexpr int kWarmUp = 200;

// `toggling`: the risk crosses the line with every batch, so that each answer carries a new
// decision, which the daemon has made durable before it sent it.
nlohmann::json measure_decide(const RealDaemon& daemon, bool toggling) {
  Result<Reporter> reporter = Reporter::start(daemon.options(), test_hello());
  if (!reporter) return {{"error", reporter.error().message}};
  std::vector<std::int64_t> costs;
  std::int64_t unanswered = 0;
  const int rounds = toggling ? kRounds / 5 : kRounds;
  for (int i = 0; i < kWarmUp + rounds; ++i) {
    wire::Report report = test_report(toggling && i % 2 == 0 ? 0.9 : 0.1, i + 1, 1);
    const std::int64_t begin = now_ns();
    const bool answered = reporter->decide(std::move(report), Step{i}, 1.0).answered;
    if (i >= kWarmUp) costs.push_back(now_ns() - begin);
    unanswered += !answered;
    if (unanswered > 5) return {{"error", "the daemon does not answer: " + reporter->refusal()}};
  }
  nlohmann::json result = bench::figures(std::move(costs));
  result["unanswered"] = unanswered;
  return result;
}

// The least a durable decision can cost here: one page written and synced.
nlohmann::json measure_sync(const fs::path& file) {
  const int fd = open(file.c_str(), O_CREAT | O_WRONLY, 0600);
  const std::string page(4096, 'x');
  std::vector<std::int64_t> costs;
  for (int i = 0; i < 300; ++i) {
    const std::int64_t begin = now_ns();
    if (write(fd, page.data(), page.size()) < 0 || fdatasync(fd) != 0)
      return {{"error", "write or fdatasync failed"}};
    costs.push_back(now_ns() - begin);
  }
  close(fd);
  return bench::figures(std::move(costs));
}

// The tests' policy, its rule set free: kl follows each risk up and down.
std::string toggling_policy() {
  std::string text = kPolicy;
  const auto replace = [&](const std::string& from, const std::string& to) {
    text.replace(text.find(from), from.size(), to);
  };
  replace("consecutive = 2", "consecutive = 1");
  replace("latch = true", "latch = false");
  replace("request = \"rollback\"\n", "");
  replace("alert = \"critical\"\n", "");
  return text;
}

nlohmann::json measure_ping_pong(const std::string& endpoint) {
  wire::Message message;
  message.header.run = *RunId::parse("run-1");
  message.body = test_report(0.1, 1, 1);
  const std::string bytes = wire::encode(message);
  const pid_t child = fork();
  void* context = zmq_ctx_new();
  std::string buffer(65536, '\0');
  if (child == 0) {
    void* socket = zmq_socket(context, ZMQ_ROUTER);
    zmq_bind(socket, endpoint.c_str());
    while (true) {
      const int id = zmq_recv(socket, buffer.data(), 256, 0);
      const std::string peer = buffer.substr(0, static_cast<std::size_t>(id));
      const int size = zmq_recv(socket, buffer.data(), buffer.size(), 0);
      zmq_send(socket, peer.data(), peer.size(), ZMQ_SNDMORE);
      zmq_send(socket, buffer.data(), static_cast<std::size_t>(size), 0);
    }
  }
  void* socket = zmq_socket(context, ZMQ_DEALER);
  const int zero = 0;
  zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
  zmq_connect(socket, endpoint.c_str());
  std::vector<std::int64_t> costs;
  for (int i = 0; i < kWarmUp + kRounds; ++i) {
    const std::int64_t begin = now_ns();
    zmq_send(socket, bytes.data(), bytes.size(), 0);
    zmq_recv(socket, buffer.data(), buffer.size(), 0);
    if (i >= kWarmUp) costs.push_back(now_ns() - begin);
  }
  zmq_close(socket);
  zmq_ctx_term(context);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return bench::figures(std::move(costs));
}

double median_of(const nlohmann::json& figures) { return figures.value("median_us", 0.0); }

}  // namespace

// What it throws ends it, and says why. NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  const TestDirectory directory;
  const fs::path root = fs::path(directory.endpoint().substr(6)).parent_path();
  const fs::path program =
      argc > 1 ? fs::path(argv[1]) : fs::canonical("/proc/self/exe").parent_path() / "phaseguardd";
  nlohmann::json result;
  result["what"] =
      "a batch's risk to its lambda, through phaseguardd, beside a raw ROUTER/DEALER ping-pong "
      "over ipc";
  result["raw_ping_pong"] = measure_ping_pong(directory.endpoint() + "-raw");
  result["fdatasync"] = measure_sync(root / "page");
  if (!fs::exists(program)) {
    result["decide"] = "not measured: " + program.string() + " is not there";
  } else {
    const double raw = median_of(result["raw_ping_pong"]);
    const double sync = median_of(result["fdatasync"]);
    const RealDaemon quiet(program);
    result["decide"] = measure_decide(quiet, false);
    result["ratio_to_raw"] = median_of(result["decide"]) / raw;
    const RealDaemon busy(program, toggling_policy());
    result["decide_durable"] = measure_decide(busy, true);
    result["ratio_to_raw_and_sync"] = median_of(result["decide_durable"]) / (raw + sync);
  }
  std::printf("%s\n", result.dump(2).c_str());
  return 0;
}
