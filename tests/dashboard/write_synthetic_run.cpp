// Writes the run files of the dashboard's tests, to look at by hand.
//
// usage: write_synthetic_run DIRECTORY
#include <cstdio>

#include "tests/dashboard/synthetic_run.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: write_synthetic_run DIRECTORY\n");
    return 2;
  }
  phaseguard::test::RunOptions harmless;
  harmless.name = "lab-harmless-7";
  harmless.fires = false;
  std::printf("%s\n", phaseguard::test::write_run_file(argv[1], harmless).c_str());
  phaseguard::test::RunOptions own;
  own.name = "own-trainer";
  own.own_trainer = true;
  std::printf("%s\n", phaseguard::test::write_run_file(argv[1], own).c_str());
  std::printf("%s\n", phaseguard::test::write_run_file(argv[1]).c_str());
  return 0;
}
