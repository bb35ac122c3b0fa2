// What a frame costs: building the plot of 8 series of n points (NewFrame to Render, no
// rasterising) beside a polyline of every point, and opening a recorded run: when its first points
// are there, when all are, the longest time that the drawing thread was kept from drawing, and what
// the process grew by; then the same once more, from the view that the first opening kept. Prints
// JSON.
//
// usage: bench_dashboard [--points N] [--open N]
//   --points N  longest series of the plot; 0: no plots     (default 10000000)
//   --open N    samples of the run file, in one signal and in twenty; 0: none (default 10000000)
#include <imgui.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "monitor/dashboard/model/model.h"
#include "monitor/dashboard/plot/plot.h"
#include "monitor/dashboard/source/source.h"
#include "monitor/store/writer.h"

namespace {

using namespace phaseguard;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kSeries = 8;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double noise(std::size_t i, std::size_t salt) {
  std::uint64_t h = (i + 1) * 0x9E3779B97F4A7C15ULL + salt * 0xC2B2AE3D27D4EB4FULL;
  h ^= h >> 29;
  return static_cast<double>(h % 100000) * 1e-5 + std::sin(static_cast<double>(i) * 1e-5) +
         static_cast<double>(salt);
}

run::Series series_of(std::size_t n, std::size_t salt) {
  run::Series series;
  for (std::size_t i = 0; i < n; ++i) {
    series.append(Step{static_cast<std::int64_t>(i)}, static_cast<double>(i), noise(i, salt),
                  Quality::kGood);
  }
  return series;
}

nlohmann::json frames(int n, const std::function<void()>& draw) {
  std::vector<double> ms;
  std::vector<double> cpu_ms;
  for (int i = 0; i < n + 2; ++i) {
    const std::clock_t cpu_start = std::clock();
    const auto start = Clock::now();
    ImGui::NewFrame();
    ImGui::SetNextWindowPos({0.0F, 0.0F});
    ImGui::SetNextWindowSize(ImGui::GetIO().DisplaySize);
    ImGui::Begin("bench", nullptr, ImGuiWindowFlags_NoDecoration);
    draw();
    ImGui::End();
    ImGui::Render();
    if (i < 2) continue;
    ms.push_back(ms_since(start));
    cpu_ms.push_back(1e3 * static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC);
  }
  std::sort(ms.begin(), ms.end());
  std::sort(cpu_ms.begin(), cpu_ms.end());
  const double cpu = std::accumulate(cpu_ms.begin(), cpu_ms.end(), 0.0);
  const auto at = [](const std::vector<double>& sorted, double q) {
    return sorted[static_cast<std::size_t>(q * static_cast<double>(sorted.size() - 1))];
  };
  return {{"frames", n},
          {"median_ms", at(ms, 0.5)},
          {"p95_ms", at(ms, 0.95)},
          {"cpu_mean_ms", cpu / n},
          {"cpu_p95_ms", at(cpu_ms, 0.95)},
          {"vertices", ImGui::GetDrawData()->TotalVtxCount}};
}

constexpr int kFrames = 60;
constexpr int kZoomFrames = 240;
constexpr double kZoomTo = 200.0;  // points in sight at the end

// `zooms`: from all points to kZoomTo of them, each frame another part; else the view stands still.
nlohmann::json plot_frames(const std::vector<run::Series>& all, int n, bool zooms) {
  std::vector<plot::SeriesData> data;
  data.reserve(all.size());
  plot::PlotSpec spec;
  spec.id = "bench";
  const plot::Palette& palette = plot::dark_palette();
  for (const run::Series& series : all) {
    data.emplace_back(series);
    spec.lines.push_back({&data.back(), "series", {.colour = palette.series[data.size() % 6]}});
  }
  plot::TimeAxis time;
  plot::ValueAxis values;
  const auto points = static_cast<double>(all[0].size());
  const double middle = 0.37 * points;
  const double factor = zooms ? std::pow(kZoomTo / points, 1.0 / n) : 1.0;
  double span = points;
  return frames(n, [&] {
    const double lo = middle - 0.37 * span;
    time.begin_frame({lo, lo + span});
    span *= factor;
    plot::draw_plot(spec, palette, time, values, {0.0F, 0.0F}, {1920.0F, 1080.0F});
  });
}

// What a plot without a pyramid does: every point becomes a vertex.
nlohmann::json naive_frames(const std::vector<run::Series>& all, int n) {
  const double span = static_cast<double>(all[0].size());
  std::vector<ImVec2> points;
  return frames(n, [&] {
    ImDrawList& draw = *ImGui::GetWindowDrawList();
    constexpr std::size_t kChunk = 8000;
    for (const run::Series& series : all) {
      for (std::size_t first = 0; first < series.size(); first += kChunk - 1) {
        points.clear();
        for (std::size_t i = first; i < std::min(series.size(), first + kChunk); ++i) {
          points.push_back({static_cast<float>(static_cast<double>(i) / span * 1920.0),
                            static_cast<float>(1080.0 - series.value_at(i) * 100.0)});
        }
        draw.AddPolyline(points.data(), static_cast<int>(points.size()), IM_COL32_WHITE, 0, 1.0F);
      }
    }
  });
}

std::vector<run::Series> eight(std::size_t n) {
  std::vector<run::Series> all;
  for (std::size_t i = 0; i < kSeries; ++i) all.push_back(series_of(n, i));
  return all;
}

// Once a second, as a trainer does.
void write_run(const std::filesystem::path& path, std::int64_t steps, int signals) {
  const RunId run = *RunId::parse("bench");
  auto writer = store::Writer::create_or_open(path, run, Now{1.0, Nanos{1}});
  if (!writer) {
    std::fprintf(stderr, "%s\n", writer.error().message.c_str());
    std::exit(1);
  }
  wire::Message m;
  m.header.run = run;
  m.header.attempt = 1;
  wire::Report report;
  report.samples.resize(static_cast<std::size_t>(signals));
  for (int i = 0; i < signals; ++i) {
    report.samples[static_cast<std::size_t>(i)].signal =
        i == 0 ? "train/loss" : "train/signal-" + std::to_string(i);
  }
  for (std::int64_t step = 0; step < steps; ++step) {
    m.header.seq = Seq{step + 1};
    m.header.step = Step{step};
    const auto place = static_cast<std::size_t>(step);
    m.header.t = 1.764e9 + static_cast<double>(step) + 0.001 * noise(place, 99);
    for (std::size_t i = 0; i < report.samples.size(); ++i) {
      report.samples[i].value = noise(place, i);
    }
    m.body = report;
    if (!writer->append(m)) std::exit(1);
  }
}

// Bytes of this process in memory.
double resident() {
  std::ifstream statm("/proc/self/statm");
  double size = 0.0;
  double pages = 0.0;
  statm >> size >> pages;
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double thread_cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

// In a process of its own, whose memory nobody has used yet.
nlohmann::json apart(const std::function<nlohmann::json()>& work) {
  int ends[2];
  if (pipe(ends) != 0) return {{"error", "no pipe"}};
  const pid_t child = fork();
  if (child == 0) {
    const std::string text = work().dump();
    const bool written = write(ends[1], text.data(), text.size()) > 0;
    _exit(written ? 0 : 1);
  }
  close(ends[1]);
  std::string text;
  char part[4096];
  for (ssize_t n = read(ends[0], part, sizeof part); n > 0; n = read(ends[0], part, sizeof part)) {
    text.append(part, static_cast<std::size_t>(n));
  }
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return nlohmann::json::parse(text, nullptr, false);
}

double bytes_in(const std::filesystem::path& folder) {
  double bytes = 0.0;
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(folder, error)) {
    bytes += static_cast<double>(file.file_size());
  }
  return bytes;
}

// From opening the file until the model holds its first points, and until it holds everything: what
// the dashboard does between two frames, without the frames. It ends when the view is kept.
nlohmann::json open_run(const std::filesystem::path& path, std::int64_t samples) {
  const double before = resident();
  double first = 0.0;
  double longest = 0.0;
  double longest_cpu = 0.0;
  const auto start = Clock::now();
  const dashboard::KeptFolder folder{path.parent_path() / "views"};
  auto source = dashboard::open_files(path, {}, dashboard::Keeping{folder});
  dashboard::Model model("bench", "bench");
  while (source && (model.source().loading || model.shown() == nullptr)) {
    const auto begun = Clock::now();
    const double cpu = thread_cpu_ms();
    const bool more = dashboard::exchange(**source, model);
    longest = std::max(longest, ms_since(begun));
    longest_cpu = std::max(longest_cpu, thread_cpu_ms() - cpu);
    if (first == 0.0 && model.shown() != nullptr) first = ms_since(start);
    if (!more) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const double all = ms_since(start);
  const double grown = resident() - before;
  while (source && model.source().kept.empty()) (void)dashboard::exchange(**source, model);
  return {{"samples", samples},
          {"first_points_ms", first},
          {"all_ms", all},
          {"longest_exchange_ms", longest},
          {"longest_exchange_cpu_ms", longest_cpu},
          {"resident_bytes_a_sample", grown / static_cast<double>(samples)},
          {"then_ms_until_kept", ms_since(start) - all},
          {"kept", model.source().kept},
          {"kept_bytes_a_sample", bytes_in(folder.path) / static_cast<double>(samples)},
          {"file_bytes", std::filesystem::file_size(path)}};
}

nlohmann::json write_and_open(std::int64_t samples, int signals) {
  std::string name = (std::filesystem::temp_directory_path() / "phaseguard-bench-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) return {{"error", "no temporary directory"}};
  const auto path = std::filesystem::path(name) / "bench.phaseguard";
  (void)apart([&] {
    write_run(path, samples / signals, signals);
    return nlohmann::json("written");
  });
  nlohmann::json out;
  for (const char* which : {"first opening", "second opening"}) {
    out[which] = apart([&] { return open_run(path, samples); });
  }
  std::filesystem::remove_all(name);
  return out;
}

nlohmann::json plots_of(std::size_t points) {
  nlohmann::json out;
  for (const std::size_t n :
       {std::size_t{10000}, std::size_t{100000}, std::size_t{1000000}, points}) {
    const auto all = eight(n);
    out["pyramid"][std::to_string(n)] = plot_frames(all, kFrames, false);
    out["pyramid_zooming"][std::to_string(n)] = plot_frames(all, kZoomFrames, true);
    if (n <= 1000000)
      out["every_point"][std::to_string(n)] = naive_frames(all, n < 1000000 ? 10 : 3);
  }
  for (const char* view : {"pyramid", "pyramid_zooming"}) {
    const auto cpu = [&](std::size_t n) {
      return out[view][std::to_string(n)]["cpu_mean_ms"].get<double>();
    };
    out[std::string(view) + "_longest_over_10k"] = cpu(points) / cpu(10000);
  }
  return out;
}

}  // namespace

// What it throws ends it, and says why. NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  std::size_t points = 10000000;
  std::int64_t open = 10000000;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string key = argv[i];
    if (key == "--points") points = std::strtoull(argv[i + 1], nullptr, 10);
    if (key == "--open") open = std::strtoll(argv[i + 1], nullptr, 10);
  }
  ImGui::CreateContext();
  ImGuiIO& io = ImGui::GetIO();
  io.IniFilename = nullptr;
  io.DisplaySize = {1920.0F, 1080.0F};
  io.DeltaTime = 1.0F / 60.0F;
  io.BackendFlags |= ImGuiBackendFlags_RendererHasVtxOffset;
  unsigned char* pixels = nullptr;
  int width = 0;
  int height = 0;
  io.Fonts->GetTexDataAsRGBA32(&pixels, &width, &height);

  nlohmann::json out;
  if (points > 0) out = plots_of(points);
  out["what"] = "frame build of one 1920x1080 plot, 8 series (ms); opening a run file (ms)";
  if (open > 0) {
    out["open"]["one signal"] = write_and_open(open, 1);
    out["open"]["twenty signals"] = write_and_open(open, 20);
  }
  std::printf("%s\n", out.dump(2).c_str());
  return 0;
}
