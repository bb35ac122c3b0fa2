// How fast a recorded run is replayed through a policy of five detectors, beside a plain SELECT
// over the same file in the same process. One thread. Prints JSON.
//   bench_policy [REPORTS [ROUNDS]]      reports of 8 signals each (default 1000000, 3 rounds)
#include <sqlite3.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "monitor/ctl/backtest/trace.h"
#include "monitor/policy/document.h"
#include "monitor/store/reader.h"
#include "monitor/store/writer.h"

namespace {

using namespace phaseguard;
namespace fs = std::filesystem;

constexpr const char* kSignals[] = {"judge/score", "data/llr_share", "canary/margin", "canary/js",
                                    "probe/risk",  "train/loss",     "train/grad",    "drift/l2"};

constexpr const char* kPolicy = R"(version = 1
name = "bench"
mode = "enforce"
[knob.kl]
base = 0.0
min = 0.0
max = 4.0
[detector.judge]
signal = "judge/score"
type = "ewma"
above = 0.30
halflife = 2
consecutive = 2
[detector.llr]
signal = "data/llr_share"
type = "ewma"
above = 0.20
halflife = 8
consecutive = 2
[detector.margin]
signal = "canary/margin"
type = "zscore"
window = 20
above = 8.0
consecutive = 2
[detector.js]
signal = "canary/js"
type = "cusum"
mean = 0.1
slack = 0.0
limit = 50.0
[detector.risk]
signal = "probe/risk"
type = "level"
above = 0.95
consecutive = 3
warmup = 3
[rule.defend]
when = "2_of_n"
of = ["judge", "llr", "margin", "js", "risk"]
latch = true
set.kl = 2.0
alert = "critical"
)";

[[noreturn]] void die(const std::string& text) {
  std::fprintf(stderr, "bench_policy: %s\n", text.c_str());
  std::exit(1);
}

wire::Hello declaration() {
  wire::Hello hello;
  hello.session = "bench";
  hello.label = wire::Label::kHarmless;
  hello.cadence_steps = 1;
  hello.knobs.emplace_back();
  hello.knobs.back().name = "kl";
  hello.knobs.back().max = 4.0;
  for (const char* name : kSignals) {
    wire::SignalDecl signal;
    signal.name = name;
    signal.min = -1e9;
    signal.max = 1e9;
    signal.every_steps = 1;
    hello.signals.push_back(signal);
  }
  return hello;
}

void write_run(const fs::path& file, std::int64_t reports) {
  const RunId run = *RunId::parse("bench");
  auto writer = store::Writer::create_or_open(file, run, Now{1.75e9, Nanos{}});
  if (!writer) die(writer.error().message);
  wire::Message message;
  message.header.run = run;
  message.header.attempt = 1;
  std::uint64_t noise = 1;
  for (std::int64_t i = 0; i <= reports; ++i) {
    message.header.seq = message.header.source_seq = Seq{i + 1};
    message.header.step = Step{i};
    message.header.t = 1.75e9 + static_cast<double>(i);
    if (i == 0) {
      message.body = declaration();
    } else {
      wire::Report report;
      for (const char* name : kSignals) {
        noise = noise * 6364136223846793005ULL + 1442695040888963407ULL;
        wire::Sample sample;
        sample.signal = name;
        sample.value = 0.15 * static_cast<double>(noise >> 11) * 0x1p-53;
        report.samples.push_back(std::move(sample));
      }
      message.body = std::move(report);
    }
    if (auto done = writer->append(message); !done) die(done.error().message);
    if (i % 10000 == 0) (void)writer->commit();
  }
  if (auto done = writer->sync(); !done) die(done.error().message);
}

// Every row stepped and three columns read: what any reader of the table pays at least.
std::int64_t select_all(const fs::path& file, const char* sql, int columns) {
  sqlite3* db = nullptr;
  sqlite3_stmt* rows = nullptr;
  if (sqlite3_open_v2(file.c_str(), &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr) !=
          SQLITE_OK ||
      sqlite3_prepare_v2(db, sql, -1, &rows, nullptr) != SQLITE_OK) {
    die("the run file cannot be read with SQLite");
  }
  std::int64_t n = 0;
  double sum = 0.0;
  while (sqlite3_step(rows) == SQLITE_ROW) {
    for (int c = 0; c < columns; ++c) sum += sqlite3_column_double(rows, c);
    ++n;
  }
  sqlite3_finalize(rows);
  sqlite3_close(db);
  if (sum == 0.5) std::abort();  // keeps the reads from being optimised away
  return n;
}

struct Took {
  double wall = 1e300;  // seconds
  double cpu = 1e300;   // of this thread: what one core would need that had nothing else to do
};

double cpu_now() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class F>
Took best_of(int rounds, const F& call) {
  Took best;
  for (int i = 0; i < rounds; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const double cpu = cpu_now();
    call();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    best.wall = std::min(best.wall, took.count());
    best.cpu = std::min(best.cpu, cpu_now() - cpu);
  }
  return best;
}

nlohmann::json figure(const Took& took, std::int64_t samples) {
  const auto n = static_cast<double>(samples);
  return {{"wall_s", took.wall},
          {"cpu_s", took.cpu},
          {"samples_per_s", n / took.wall},
          {"samples_per_cpu_s", n / took.cpu}};
}

nlohmann::json measure(const fs::path& file, std::int64_t reports, int rounds) {
  const std::int64_t samples = reports * static_cast<std::int64_t>(std::size(kSignals));
  const auto parsed = policy::parse(kPolicy, "bench.toml");
  if (!parsed.document) die(policy::to_text(parsed.diagnostics.front(), "bench.toml"));
  auto reader = store::Reader::open(file);
  if (!reader) die(reader.error().message);
  const auto expect = [&](std::int64_t found) {
    if (found != samples)
      die("expected " + std::to_string(samples) + " samples, found " + std::to_string(found));
  };
  nlohmann::json out;
  out["reports"] = reports;
  out["signals"] = std::size(kSignals);
  out["detectors"] = parsed.document->detectors.size();
  out["file_mib"] = static_cast<double>(fs::file_size(file)) / 1048576.0;
  out["select_three_columns"] = figure(
      best_of(rounds,
              [&] {
                expect(select_all(
                    file, "SELECT seq, signal_id, value FROM points ORDER BY seq, position", 3));
              }),
      samples);
  out["select_all_columns"] =
      figure(best_of(rounds,
                     [&] {
                       expect(select_all(
                           file,
                           "SELECT seq, signal_id, value, quality, bits, lower, upper, items FROM "
                           "points ORDER BY seq, position",
                           8));
                     }),
             samples);
  out["read_messages"] =
      figure(best_of(rounds,
                     [&] {
                       std::int64_t n = 0;
                       (void)reader->each(Seq{1}, [&n](const wire::Message& message) {
                         const auto* report = std::get_if<wire::Report>(&message.body);
                         if (report != nullptr)
                           n += static_cast<std::int64_t>(report->samples.size());
                         return true;
                       });
                       expect(n);
                     }),
             samples);
  out["replay"] = figure(best_of(rounds,
                                 [&] {
                                   auto traced = ctl::trace(*reader, {*parsed.document}, {});
                                   if (!traced) die(traced.error().message);
                                   if (!traced->traces.front())
                                     die(traced->traces.front().error().message);
                                   expect(traced->samples);
                                 }),
                         samples);
  const double replay = out["replay"]["cpu_s"].get<double>();
  out["replay_over_select"] = replay / out["select_three_columns"]["cpu_s"].get<double>();
  out["replay_over_select_all"] = replay / out["select_all_columns"]["cpu_s"].get<double>();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  out["peak_rss_mib"] = static_cast<double>(usage.ru_maxrss) / 1024.0;
  return out;
}

}  // namespace

// What it throws ends it, and says why. NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  const std::int64_t reports = argc > 1 ? std::atoll(argv[1]) : 1'000'000;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 3;
  if (argc > 3 || reports < 1 || rounds < 1) {
    std::fprintf(stderr, "usage: bench_policy [REPORTS [ROUNDS]]\n");
    return 2;
  }
  std::string folder = (fs::temp_directory_path() / "phaseguard-bench-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) die("no temporary folder");
  const fs::path file = fs::path(folder) / "bench.phaseguard";
  write_run(file, reports);
  std::printf("%s\n", measure(file, reports, rounds).dump(2).c_str());
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  return 0;
}
