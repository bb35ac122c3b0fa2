// What a frame costs: building the plot of 8 series of n points (NewFrame to Render, no
// rasterising) beside a polyline of every point, and opening a recorded run. Prints JSON.
//
// usage: bench_dashboard [--points N] [--open N]
//   --points N  longest series of the plot        (default 10000000)
//   --open N    measurements of the run file      (default 1000000)
#include <imgui.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
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

void write_run(const std::filesystem::path& path, std::int64_t steps) {
  const RunId run = *RunId::parse("bench");
  auto writer = store::Writer::create_or_open(path, run, Now{1.0, Nanos{1}});
  if (!writer) {
    std::fprintf(stderr, "%s\n", writer.error().message.c_str());
    std::exit(1);
  }
  wire::Message m;
  m.header.run = run;
  m.header.attempt = 1;
  for (std::int64_t step = 0; step < steps; ++step) {
    m.header.seq = Seq{step + 1};
    m.header.step = Step{step};
    m.header.t = static_cast<double>(step);
    wire::Report report;
    wire::Sample loss;
    loss.signal = "train/loss";
    loss.value = noise(static_cast<std::size_t>(step), 0);
    report.samples = {loss};
    m.body = report;
    if (!writer->append(m)) std::exit(1);
  }
}

// From opening the file until the model holds its first page, and until it holds everything.
nlohmann::json open_run(std::int64_t points) {
  std::string name = (std::filesystem::temp_directory_path() / "phaseguard-bench-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) return {{"error", "no temporary directory"}};
  const auto path = std::filesystem::path(name) / "bench.phaseguard";
  write_run(path, points);
  nlohmann::json out;
  const auto start = Clock::now();
  auto source = dashboard::open_files(path, {});
  dashboard::Model model("bench", "bench");
  double first = 0.0;
  while (source && (model.source().loading || model.shown() == nullptr)) {
    for (const auto& batch : (*source)->take()) model.apply(batch, Now{});
    if (first == 0.0 && model.shown() != nullptr) first = ms_since(start);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  out = {{"points", points},
         {"first_points_ms", first},
         {"all_ms", ms_since(start)},
         {"file_bytes", std::filesystem::file_size(path)}};
  source->reset();
  std::filesystem::remove_all(name);
  return out;
}

}  // namespace

// What it throws ends it, and says why. NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  std::size_t points = 10000000;
  std::int64_t open = 1000000;
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
  out["what"] = "frame build of one 1920x1080 plot, 8 series (ms); opening a run file (ms)";
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
  out["open"] = open_run(open);
  std::printf("%s\n", out.dump(2).c_str());
  return 0;
}
