// What one step costs the training thread: a report of five signals and the latch of lambda, with
// the daemon absent, linked and frozen (SIGSTOP), beside a plain ZeroMQ send of the same message on
// the training thread. Prints one JSON object.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>

#include "bench/hook/figures.h"
#include "tests/reporter/peer.h"

namespace {

using namespace phaseguard;
using namespace phaseguard::reporter;
using bench::now_ns;

constexpr int kSteps = 20'000;
constexpr std::int64_t kPaceNs = 100'000;  // the rest of a very short step

// A peer in a process of its own that welcomes whoever comes and acknowledges five times a second.
pid_t start_peer(const std::string& endpoint) {
  const pid_t child = fork();
  if (child != 0) return child;
  Peer peer(endpoint);
  wire::Welcome welcome = patient_welcome();
  welcome.heartbeat_ms = 200;
  std::int64_t acknowledged = 0;
  while (true) {
    const auto message = peer.receive(100);
    if (message && std::holds_alternative<wire::Hello>(message->body)) peer.send(welcome);
    if (now_ns() - acknowledged < 200'000'000) continue;
    acknowledged = now_ns();
    peer.control(0.5);
  }
}

nlohmann::json measure_reporter(const std::string& endpoint, pid_t peer, bool freeze) {
  Options options = test_options();
  options.endpoint = endpoint;
  if (peer > 0) options.on_start = OnStart::kWait;
  Result<Reporter> reporter = Reporter::start(options, test_hello());
  if (!reporter) return {{"error", reporter.error().message}};
  if (freeze) kill(peer, SIGSTOP);
  std::vector<std::int64_t> costs;
  costs.reserve(kSteps);
  double sum = 0.0;
  for (int step = 1; step <= kSteps; ++step) {
    const SignalValue values[] = {{0, 1.5}, {1, 1.4}, {2, 0.1}, {3, 0.7}, {4, 0.002}};
    const std::int64_t begin = now_ns();
    reporter->step_values(Step{step}, values, 5);
    sum += reporter->lambda().value;
    costs.push_back(now_ns() - begin);
    bench::spin_ns(kPaceNs);
  }
  const std::int64_t begin = now_ns();
  reporter->stop("finished", 0.5);
  nlohmann::json result = bench::figures(std::move(costs));
  const Stats stats = reporter->stats();
  result["exit_ms"] = static_cast<double>(now_ns() - begin) * 1e-6;
  result["dropped"] = stats.dropped_ring + stats.dropped_journal;
  result["acknowledged"] = stats.acknowledged;
  result["mean_lambda"] = sum / kSteps;
  return result;
}

nlohmann::json measure_plain_send(const std::string& endpoint) {
  wire::Message message;
  message.header.run = *RunId::parse("run-1");
  wire::Report report;
  for (const char* name :
       {"train/loss", "train/ce", "train/kl", "train/grad_norm", "train/learning_rate"}) {
    wire::Sample sample;
    sample.signal = name;
    sample.value = 1.5;
    report.samples.push_back(sample);
  }
  message.body = report;
  void* context = zmq_ctx_new();
  void* socket = zmq_socket(context, ZMQ_DEALER);
  const int zero = 0;
  zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
  zmq_connect(socket, endpoint.c_str());
  std::vector<std::int64_t> with_encoding;
  std::vector<std::int64_t> send_alone;
  for (int step = 1; step <= kSteps; ++step) {
    const std::int64_t begin = now_ns();
    message.header.step = Step{step};
    message.header.seq = Seq{step};
    const std::string bytes = wire::encode(message);
    const std::int64_t encoded = now_ns();
    zmq_send(socket, bytes.data(), bytes.size(), ZMQ_DONTWAIT);
    const std::int64_t end = now_ns();
    with_encoding.push_back(end - begin);
    send_alone.push_back(end - encoded);
    bench::spin_ns(kPaceNs);
  }
  zmq_close(socket);
  zmq_ctx_term(context);
  return {{"encode_and_send", bench::figures(std::move(with_encoding))},
          {"send_alone", bench::figures(std::move(send_alone))}};
}

void end_peer(pid_t peer) {
  kill(peer, SIGKILL);
  waitpid(peer, nullptr, 0);
}

}  // namespace

// What it throws ends it, and says why. NOLINTNEXTLINE(bugprone-exception-escape)
int main() {
  const TestDirectory directory;
  const std::string endpoint = directory.endpoint();
  nlohmann::json result;
  result["what"] = "cost on the training thread of one step: 5 signals reported, lambda latched";
  result["cores"] = std::thread::hardware_concurrency();
  result["absent"] = measure_reporter(endpoint, 0, false);
  for (const bool freeze : {false, true}) {
    const pid_t peer = start_peer(endpoint);
    result[freeze ? "frozen" : "linked"] = measure_reporter(endpoint, peer, freeze);
    end_peer(peer);
  }
  const pid_t peer = start_peer(endpoint);
  result["baseline_zmq"] = measure_plain_send(endpoint);
  end_peer(peer);
  result["baseline_tensorboard"] = "not measured: not installed";
  std::printf("%s\n", result.dump(2).c_str());
  return 0;
}
