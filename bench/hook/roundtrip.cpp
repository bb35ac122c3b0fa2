// From a batch's risk to its lambda: Reporter::decide through a real phaseguardd, beside a raw
// ZeroMQ ping-pong between two processes on the same kind of transport. usage: bench_roundtrip
// [PHASEGUARDD]. Prints one JSON object.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "bench/hook/figures.h"
#include "tests/reporter/peer.h"

namespace {

using namespace phaseguard;
using namespace phaseguard::reporter;
using bench::now_ns;
namespace fs = std::filesystem;

constexpr int kRounds = 5'000;
constexpr int kWarmUp = 200;

pid_t start_daemon(const fs::path& program, const fs::path& root) {
  std::ofstream(root / "policy.toml") << kTestPolicy;
  fs::create_directories(root / "sockets");
  fs::permissions(root / "sockets", fs::perms::owner_all);
  const pid_t child = fork();
  if (child != 0) return child;
  const std::string policy = root / "policy.toml";
  const std::string runs = root / "runs";
  const std::string sockets = root / "sockets";
  execl(program.c_str(), program.c_str(), "--policy", policy.c_str(), "--runs-dir", runs.c_str(),
        "--endpoint-dir", sockets.c_str(), static_cast<char*>(nullptr));
  _exit(127);
}

// `alternate`: the risk crosses the line again and again, so that the value (of a rule without
// latch) changes and each change is made durable before it is sent.
nlohmann::json measure_decide(const fs::path& root, std::int64_t attempt, bool decisions) {
  Options options = test_options();
  options.attempt = attempt;
  options.endpoint = "ipc://" + (root / "sockets" / "telemetry").string();
  options.on_start = OnStart::kRefuse;
  options.start_wait_s = 10.0;
  Result<Reporter> reporter = Reporter::start(options, test_hello());
  if (!reporter) return {{"error", reporter.error().message}};
  std::vector<std::int64_t> costs;
  std::int64_t unanswered = 0;
  for (int i = 0; i < kWarmUp + kRounds; ++i) {
    const double risk = decisions && i % 4 < 2 ? 0.9 : 0.1;
    wire::Report report = test_report(risk, i + 1, 1);
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
  if (!fs::exists(program)) {
    result["decide"] = "not measured: " + program.string() + " is not there";
  } else {
    const pid_t daemon = start_daemon(program, root);
    result["decide"] = measure_decide(root, 1, false);
    kill(daemon, SIGTERM);
    waitpid(daemon, nullptr, 0);
    const double raw = median_of(result["raw_ping_pong"]);
    if (raw > 0.0) result["ratio_of_medians"] = median_of(result["decide"]) / raw;
  }
  std::printf("%s\n", result.dump(2).c_str());
  return 0;
}
