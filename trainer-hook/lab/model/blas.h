// Which matrix library LibTorch got: Debian's reference BLAS is about fifteen times slower than
// OpenBLAS and looks just the same. Called once by the lab's main before any work.
#pragma once

#include <optional>
#include <string>

namespace phaseguard::lab {

// Sets the threads of LibTorch and of OpenBLAS for this process. Only a program's main may call it.
void set_threads(int threads);

struct BlasReport {
  std::string library;  // file name of the BLAS in use, "" when it cannot be told
  double gflops = 0.0;  // of a 256 x 256 x 256 float32 product, one thread, best of a few
};
[[nodiscard]] BlasReport measure_blas();
// What to tell the user: nothing when the BLAS is an optimised one.
[[nodiscard]] std::optional<std::string> blas_warning(const BlasReport& report);

}  // namespace phaseguard::lab
