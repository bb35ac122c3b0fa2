// The baseline beside which the sample -> lambda round trip is reported: a plain cppzmq DEALER and
// ROUTER that echo a frame of a report's size, with nothing of ours in between. Prints JSON.
//   bench_pingpong [ROUNDS]
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

namespace {

constexpr std::size_t kFrameBytes = 256;
constexpr int kWarmUp = 500;

void echo(zmq::socket_t& router) {
  while (true) {
    zmq::message_t peer;
    zmq::message_t frame;
    (void)router.recv(peer, zmq::recv_flags::none);
    (void)router.recv(frame, zmq::recv_flags::none);
    const bool last = frame.size() == 0;
    router.send(peer, zmq::send_flags::sndmore);
    router.send(frame, zmq::send_flags::none);
    if (last) return;
  }
}

nlohmann::json measure(const std::string& endpoint, int rounds) {
  zmq::context_t context(1);
  zmq::socket_t router(context, zmq::socket_type::router);
  router.bind(endpoint);
  zmq::socket_t dealer(context, zmq::socket_type::dealer);
  dealer.set(zmq::sockopt::linger, 0);
  dealer.connect(router.get(zmq::sockopt::last_endpoint));
  std::thread daemon([&router] { echo(router); });

  const std::string frame(kFrameBytes, 'x');
  std::vector<double> us;
  for (int i = 0; i < kWarmUp + rounds; ++i) {
    const auto start = std::chrono::steady_clock::now();
    dealer.send(zmq::buffer(frame), zmq::send_flags::none);
    zmq::message_t back;
    (void)dealer.recv(back, zmq::recv_flags::none);
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    if (i >= kWarmUp) us.push_back(took.count());
  }
  dealer.send(zmq::message_t(), zmq::send_flags::none);
  daemon.join();
  std::sort(us.begin(), us.end());
  const auto at = [&](double q) {
    return us[static_cast<std::size_t>(q * static_cast<double>(us.size() - 1))];
  };
  return {{"n", us.size()}, {"median_us", at(0.5)}, {"p99_us", at(0.99)}, {"max_us", at(1.0)}};
}

}  // namespace

// What it throws ends it, and says why. NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 20'000;
  if (argc > 2 || rounds < 1) {
    std::fprintf(stderr, "usage: bench_pingpong [ROUNDS]\n");
    return 2;
  }
  std::string folder = (std::filesystem::temp_directory_path() / "pg-bench-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) {
    std::perror("bench_pingpong: cannot make a folder for the socket");
    return 1;
  }
  nlohmann::json out;
  out["what"] = "raw cppzmq DEALER-ROUTER round trip";
  out["frame_bytes"] = kFrameBytes;
  out["ipc"] = measure("ipc://" + folder + "/echo", rounds);
  out["tcp"] = measure("tcp://127.0.0.1:*", rounds);
  std::filesystem::remove_all(folder);
  std::printf("%s\n", out.dump(2).c_str());
  return 0;
}
