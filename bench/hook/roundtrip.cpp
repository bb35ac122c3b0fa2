// From a batch's risk to its lambda: Reporter::decide through a real phaseguardd, beside a raw
// ZeroMQ ping-pong between two processes on the same kind of transport; with a decision that is
// synced before it leaves, beside a ping-pong and one fdatasync on the same file system. Subject
// and baselines take turns in short blocks. usage: bench_roundtrip [PHASEGUARDD [BLOCKS]]. Prints
// one JSON object.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>

#include "bench/hook/figures.h"
#include "bench/hook/raw_peer.h"
#include "tests/reporter/peer.h"
#include "tests/reporter/real_daemon.h"

namespace {

using namespace phaseguard;
using namespace phaseguard::reporter;
using bench::now_ns;
namespace fs = std::filesystem;

constexpr int kBlocks = 100;
constexpr int kPerBlock = 50;
constexpr int kDurablePerBlock = 10;
constexpr int kSettle = 2;  // first calls of a block, on cold caches: not counted
constexpr int kWarmUp = 200;

// A trainer of a daemon of its own. `toggling`: the risk crosses the line with every batch, so that
// each answer carries a new decision, which the daemon has made durable before it sent it.
class Trainer {
 public:
  Trainer(const RealDaemon& daemon, bool toggling) : toggling_(toggling) {
    Result<Reporter> reporter = Reporter::start(daemon.options(), test_hello());
    if (!reporter) throw std::runtime_error(reporter.error().message);
    reporter_ = std::move(*reporter);
  }

  // Nanoseconds of one call.
  std::int64_t decide() {
    const double risk = toggling_ && step_ % 2 == 0 ? 0.9 : 0.1;
    wire::Report report = test_report(risk, step_ + 1, 1);
    const std::int64_t begin = now_ns();
    const bool answered = reporter_.decide(std::move(report), Step{step_}, 1.0).answered;
    const std::int64_t cost = now_ns() - begin;
    ++step_;
    unanswered_ += answered ? 0 : 1;
    if (unanswered_ > 5)
      throw std::runtime_error("the daemon does not answer: " + reporter_.refusal());
    return cost;
  }
  [[nodiscard]] std::int64_t unanswered() const { return unanswered_; }

 private:
  Reporter reporter_;
  bool toggling_;
  std::int64_t step_ = 0;
  std::int64_t unanswered_ = 0;
};

template <class Call>
void take_block(int calls, std::vector<std::int64_t>& costs, const Call& call) {
  for (int i = 0; i < kSettle + calls; ++i) {
    const std::int64_t cost = call();
    if (i >= kSettle) costs.push_back(cost);
  }
}

double median_of(const nlohmann::json& figures) { return figures.value("median_us", 0.0); }

nlohmann::json measure_quiet(Trainer& trainer, bench::RawPeer& raw, int blocks) {
  std::vector<std::int64_t> ours, bare;
  for (int i = 0; i < kWarmUp; ++i) (void)trainer.decide();
  for (int i = 0; i < blocks; ++i) {
    take_block(kPerBlock, bare, [&] { return raw.ping(); });
    take_block(kPerBlock, ours, [&] { return trainer.decide(); });
  }
  nlohmann::json out;
  out["raw_ping_pong"] = bench::figures(std::move(bare));
  out["decide"] = bench::figures(std::move(ours));
  out["unanswered"] = trainer.unanswered();
  out["ratio_to_raw"] = median_of(out["decide"]) / median_of(out["raw_ping_pong"]);
  return out;
}

nlohmann::json measure_durable(Trainer& trainer, bench::RawPeer& raw, bench::SyncedPages& pages,
                               int blocks) {
  std::vector<std::int64_t> ours, bare, synced;
  for (int i = 0; i < kWarmUp; ++i) (void)trainer.decide();
  for (int i = 0; i < blocks; ++i) {
    take_block(kDurablePerBlock, bare, [&] { return raw.ping(); });
    take_block(kDurablePerBlock, synced, [&] { return pages.write_and_sync(); });
    take_block(kDurablePerBlock, ours, [&] { return trainer.decide(); });
  }
  nlohmann::json out;
  out["raw_ping_pong"] = bench::figures(std::move(bare));
  out["fdatasync"] = bench::figures(std::move(synced));
  out["decide"] = bench::figures(std::move(ours));
  out["unanswered"] = trainer.unanswered();
  out["ratio_to_raw_and_sync"] =
      median_of(out["decide"]) / (median_of(out["raw_ping_pong"]) + median_of(out["fdatasync"]));
  return out;
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

std::string frame_of_a_batch() {
  wire::Message message;
  message.header.run = *RunId::parse("run-1");
  message.body = test_report(0.1, 1, 1);
  return wire::encode(message);
}

nlohmann::json measure(const fs::path& program, int blocks) {
  const TestDirectory directory;
  const fs::path root = fs::path(directory.endpoint().substr(6)).parent_path();
  bench::RawPeer raw(directory.endpoint() + "-raw", frame_of_a_batch());
  bench::SyncedPages pages(root / "page");
  nlohmann::json out;
  out["what"] =
      "a batch's risk to its lambda, through phaseguardd, beside a raw ROUTER/DEALER ping-pong "
      "over ipc";
  {
    const RealDaemon daemon(program);
    Trainer trainer(daemon, false);
    out["unchanged"] = measure_quiet(trainer, raw, blocks);
  }
  const RealDaemon daemon(program, toggling_policy());
  Trainer trainer(daemon, true);
  out["durable"] = measure_durable(trainer, raw, pages, blocks);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const fs::path program =
      argc > 1 ? fs::path(argv[1]) : fs::canonical("/proc/self/exe").parent_path() / "phaseguardd";
  const int blocks = argc > 2 ? std::atoi(argv[2]) : kBlocks;
  if (argc > 3 || blocks < 1) {
    std::fprintf(stderr, "usage: bench_roundtrip [PHASEGUARDD [BLOCKS]]\n");
    return 2;
  }
  if (!fs::exists(program)) {
    std::fprintf(stderr, "bench_roundtrip: %s is not there; build phaseguardd first\n",
                 program.c_str());
    return 1;
  }
  try {
    std::printf("%s\n", measure(program, blocks).dump(2).c_str());
  } catch (const std::exception& fault) {
    std::fprintf(stderr, "bench_roundtrip: %s\n", fault.what());
    return 1;
  }
  return 0;
}
