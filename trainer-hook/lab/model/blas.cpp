#include "trainer-hook/lab/model/blas.h"

#include <ATen/Parallel.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mm.h>
#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

namespace phaseguard::lab {
namespace {

constexpr double kSlowGflops =
    15.0;  // reference BLAS: about 7; OpenBLAS on any AVX2 core: above 40

}  // namespace

void set_threads(int threads) {
  at::set_num_threads(threads);
  // OpenBLAS keeps its own pool, which LibTorch's setting does not reach when it was built with
  // pthreads.
  using SetThreads = void (*)(int);
  if (auto* set = reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"))) {
    set(threads);
  }
}

BlasReport measure_blas() {
  BlasReport report;
  Dl_info info{};
  if (void* symbol = dlsym(RTLD_DEFAULT, "sgemm_");
      symbol != nullptr && dladdr(symbol, &info) != 0) {
    std::error_code ignored;
    const auto file = std::filesystem::canonical(info.dli_fname, ignored);
    report.library = ignored ? std::string(info.dli_fname) : file.string();
  }
  constexpr std::int64_t kSize = 256;
  const at::Tensor a = at::full({kSize, kSize}, 0.5, at::kFloat);
  for (int i = 0; i < 6; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const at::Tensor product = at::mm(a, a);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    report.gflops = std::max(report.gflops, 2.0 * kSize * kSize * kSize / seconds / 1e9);
  }
  return report;
}

std::optional<std::string> blas_warning(const BlasReport& report) {
  if (report.gflops >= kSlowGflops || report.library.find("openblas") != std::string::npos) {
    return std::nullopt;
  }
  return "slow BLAS: " + (report.library.empty() ? "(unknown library)" : report.library) +
         " does " + std::to_string(std::lround(report.gflops)) +
         " GFLOP/s where OpenBLAS does about 100. Training will take many times longer. Install "
         "OpenBLAS (package libopenblas0-pthread) and make it the system's BLAS "
         "(update-alternatives --config libblas.so.3-x86_64-linux-gnu).";
}

}  // namespace phaseguard::lab
