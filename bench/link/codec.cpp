// What it costs to encode and decode a step report of 12 scalars and a canary report of 24 items.
// Prints JSON.   bench_codec [ROUNDS]
#include "monitor/wire/codec.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

namespace {

using namespace phaseguard;

wire::Message message_of(std::size_t signals, std::size_t items) {
  wire::Report report;
  for (std::size_t i = 0; i < signals; ++i) {
    wire::Sample sample;
    sample.signal = "train/signal_" + std::to_string(i);
    sample.value = 0.1 + static_cast<double>(i);
    sample.items.assign(items, 0.25);
    report.samples.push_back(std::move(sample));
  }
  wire::Message message{{}, std::move(report)};
  message.header.run = *RunId::parse("lab-malicious-7");
  return message;
}

template <class F>
double microseconds_per_call(int rounds, const F& call) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < rounds; ++i) call();
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
  return took.count() / rounds;
}

nlohmann::json measure(const wire::Message& message, int rounds) {
  const std::string bytes = wire::encode(message);
  std::size_t guard = 0;
  const double encode =
      microseconds_per_call(rounds, [&] { guard += wire::encode(message).size(); });
  const double decode =
      microseconds_per_call(rounds, [&] { guard += wire::decode(bytes).has_value() ? 1 : 0; });
  if (guard == 0) std::abort();  // keeps the calls from being optimised away
  return {{"bytes", bytes.size()}, {"encode_us", encode}, {"decode_us", decode}};
}

}  // namespace

// What it throws ends it, and says why. NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 50'000;
  if (argc > 2 || rounds < 1) {
    std::fprintf(stderr, "usage: bench_codec [ROUNDS]\n");
    return 2;
  }
  nlohmann::json out;
  out["step_of_12"] = measure(message_of(12, 0), rounds);
  out["canary_of_24"] = measure(message_of(1, 24), rounds);
  std::printf("%s\n", out.dump(2).c_str());
  return 0;
}
