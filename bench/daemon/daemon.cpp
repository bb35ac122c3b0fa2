// What a phaseguardd costs: time from exec to ready (empty, and with an unfinished run to take up
// again) beside an exec of /bin/true, resident memory and its parts before and after a run, and
// samples taken in, decided on and recorded per second. usage: bench_daemon [PHASEGUARDD
// [SAMPLES]]. Prints one JSON object.
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>

#include "bench/daemon/resident.h"
#include "bench/hook/figures.h"
#include "monitor/link/client.h"
#include "monitor/wire/codec.h"

namespace {

using namespace phaseguard;
using bench::now_ns;
namespace fs = std::filesystem;

constexpr int kStarts = 30;
constexpr std::int64_t kSamplesPerReport = 32;
constexpr std::size_t kWindow = 200;  // reports on their way, so that no queue overflows

constexpr const char* kPolicy = R"(version = 1
name = "bench"
mode = "enforce"
[knob.kl]
base = 0.0
min = 0.0
max = 4.0
[detector.d0]
signal = "bench/s0"
type = "level"
above = 0.9
consecutive = 2
[detector.d1]
signal = "bench/s1"
type = "ewma"
above = 0.9
halflife = 4
consecutive = 2
[rule.defend]
when = "all"
of = ["d0", "d1"]
latch = true
set.kl = 2.0
)";

// A folder for sockets and run files, and the daemon that uses it.
class Place {
 public:
  explicit Place(fs::path program) : program_(std::move(program)) {
    std::string folder = (fs::temp_directory_path() / "pg-bench-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("cannot make a folder");
    root_ = folder;
    std::ofstream(root_ / "policy.toml") << kPolicy;
    notify_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, (root_ / "notify").c_str(), sizeof address.sun_path - 1);
    if (::bind(notify_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot bind the readiness socket");
  }
  ~Place() {
    if (pid_ > 0) end(SIGKILL);
    ::close(notify_);
    fs::remove_all(root_);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  // Nanoseconds from before fork() to READY=1.
  std::int64_t start() {
    const std::string policy = root_ / "policy.toml", runs = root_ / "runs", sockets = root_ / "s";
    const std::string ready = root_ / "notify";
    const std::int64_t begin = now_ns();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::setenv("NOTIFY_SOCKET", ready.c_str(), 1);
      ::execl(program_.c_str(), program_.c_str(), "--policy", policy.c_str(), "--runs-dir",
              runs.c_str(), "--endpoint-dir", sockets.c_str(), "--log-level", "error", nullptr);
      ::_exit(127);
    }
    char text[64];
    while (true) {
      const ssize_t size = ::recv(notify_, text, sizeof text, 0);
      if (size < 0 || std::string(text, static_cast<std::size_t>(size)) == "READY=1") break;
    }
    return now_ns() - begin;
  }

  // Milliseconds from the signal to the exit.
  double end(int signal) {
    const std::int64_t begin = now_ns();
    ::kill(pid_, signal);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
    return static_cast<double>(now_ns() - begin) * 1e-6;
  }

  [[nodiscard]] nlohmann::json resident() const { return bench::resident_of(pid_); }
  [[nodiscard]] std::string endpoint() const { return "ipc://" + (root_ / "s/telemetry").string(); }
  [[nodiscard]] double run_file_mib() const {
    double bytes = 0;
    for (const auto& entry : fs::directory_iterator(root_ / "runs"))
      bytes += static_cast<double>(entry.file_size());
    return bytes / (1024 * 1024);
  }

 private:
  fs::path program_;
  fs::path root_;
  int notify_ = -1;
  pid_t pid_ = 0;
};

std::int64_t exec_true() {
  const std::int64_t begin = now_ns();
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/bin/true", "/bin/true", nullptr);
    ::_exit(127);
  }
  ::waitpid(child, nullptr, 0);
  return now_ns() - begin;
}

wire::Hello declaration() {
  wire::Hello hello;
  hello.session = "bench";
  hello.cadence_steps = 1;
  wire::KnobDecl kl;
  kl.name = "kl";
  kl.max = 4.0;
  hello.knobs = {kl};
  for (std::int64_t i = 0; i < kSamplesPerReport; ++i) {
    wire::SignalDecl signal;
    signal.name = "bench/s" + std::to_string(i);
    signal.min = 0.0;
    signal.max = 1.0;
    signal.every_steps = 1;
    hello.signals.push_back(std::move(signal));
  }
  return hello;
}

class Trainer {
 public:
  explicit Trainer(const std::string& endpoint) {
    auto dealer = link::DealerClient::connect(endpoint);
    if (!dealer) throw std::runtime_error(dealer.error().message);
    dealer_.emplace(std::move(*dealer));
  }

  // Hello, `reports` reports one step each, and the wait for their acknowledgement. Seconds from
  // the first report to the last acknowledgement.
  double run(std::int64_t reports) {
    send(declaration(), 0);
    wait_for(0, true);
    const std::int64_t begin = now_ns();
    for (std::int64_t step = 1; step <= reports; ++step) {
      wire::Report report;
      for (std::int64_t i = 0; i < kSamplesPerReport; ++i) {
        const double value = static_cast<double>((step * 31 + i * 17) % 89) / 100.0;
        report.samples.push_back(
            {"bench/s" + std::to_string(i), value, false, {}, wire::kNaN, wire::kNaN});
      }
      // The last of each window is answered, so that the daemon is never flooded.
      report.batch = step;
      report.wants_control = step % static_cast<std::int64_t>(kWindow) == 0;
      const bool asks = report.wants_control;
      send(std::move(report), step);
      if (asks) wait_for(0, false);
    }
    wait_for(seq_, false);
    return static_cast<double>(now_ns() - begin) * 1e-9;
  }

 private:
  void send(wire::Body body, std::int64_t step) {
    wire::Message message;
    message.header.run = *RunId::parse("bench-1");
    message.header.attempt = 1;
    message.header.seq = Seq{++seq_};
    message.header.step = Step{step};
    message.body = std::move(body);
    const std::string bytes = wire::encode(message);
    while (!dealer_->send(bytes)) ::usleep(200);
  }

  // The welcome; an answer to a batch that asked; or a control that acknowledges `ack`.
  void wait_for(std::int64_t ack, bool welcome) {
    for (const std::int64_t until = now_ns() + 60'000'000'000; now_ns() < until;) {
      const auto frame = dealer_->receive(1000);
      if (!frame) continue;
      const auto message = wire::decode(*frame, wire::kFeedLimits);
      if (!message) continue;
      if (const auto* rejected = std::get_if<wire::Reject>(&message->body))
        throw std::runtime_error("rejected: " + rejected->reason);
      if (welcome && std::holds_alternative<wire::Welcome>(message->body)) return;
      const auto* control = std::get_if<wire::Control>(&message->body);
      if (!control || welcome) continue;
      if (ack > 0 ? control->ack.value >= ack : control->answers_batch > 0) return;
    }
    throw std::runtime_error("the daemon does not answer");
  }

  std::optional<link::DealerClient> dealer_;
  std::int64_t seq_ = 0;
};

nlohmann::json measure(const fs::path& program, std::int64_t samples) {
  nlohmann::json out;
  out["what"] = "phaseguardd: time to ready, resident memory, samples recorded per second";
  std::vector<std::int64_t> bare, starts;
  nlohmann::json resident;
  double slowest_end_ms = 0;
  for (int i = 0; i < kStarts; ++i) {
    bare.push_back(exec_true());
    Place place(program);
    starts.push_back(place.start());
    resident = place.resident();
    slowest_end_ms = std::max(slowest_end_ms, place.end(SIGTERM));
  }
  out["exec_of_bin_true"] = bench::figures(bare);
  out["start_to_ready"] = bench::figures(starts);
  out["sigterm_to_exit_max_ms"] = slowest_end_ms;
  out["resident_idle"] = resident;

  Place place(program);
  (void)place.start();
  const std::int64_t reports = samples / kSamplesPerReport;
  const double seconds = Trainer(place.endpoint()).run(reports);
  const auto taken = static_cast<double>(reports * kSamplesPerReport);
  out["run"] = {{"samples", reports * kSamplesPerReport},
                {"signals", kSamplesPerReport},
                {"samples_per_s", taken / seconds},
                {"resident", place.resident()},
                {"run_file_mib", place.run_file_mib()}};
  (void)place.end(SIGKILL);
  out["run"]["restored_and_ready_ms"] = static_cast<double>(place.start()) * 1e-6;
  out["run"]["resident_restored"] = place.resident();
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const fs::path program =
      argc > 1 ? fs::path(argv[1]) : fs::canonical("/proc/self/exe").parent_path() / "phaseguardd";
  const std::int64_t samples = argc > 2 ? std::atoll(argv[2]) : 320'000;
  if (argc > 3 || samples < kSamplesPerReport) {
    std::fprintf(stderr, "usage: bench_daemon [PHASEGUARDD [SAMPLES]]\n");
    return 2;
  }
  if (!fs::exists(program)) {
    std::fprintf(stderr, "bench_daemon: %s is not there; build phaseguardd first\n",
                 program.c_str());
    return 1;
  }
  try {
    std::printf("%s\n", measure(program, samples).dump(2).c_str());
  } catch (const std::exception& fault) {
    std::fprintf(stderr, "bench_daemon: %s\n", fault.what());
    return 1;
  }
  return 0;
}
