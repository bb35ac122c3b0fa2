// phaseguard-conformance DIR: holds the implementation against a folder of golden vectors.
// Exit: 0 all passed, 1 a case failed, 2 usage, or a folder or file that cannot be run.
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>
#include <string>

#include "tests/conformance/runner.h"

int main(int argc, char** argv) try {
  CLI::App app(
      "Runs a folder of golden vectors (schema phaseguard-vectors/1) against this build.\n"
      "Names each case that fails with got and wanted, and closes with \"N passed, N failed\".",
      "phaseguard-conformance");
  std::string folder;
  phaseguard::conformance::Options options;
  app.add_option("DIR", folder, "folder of vector files (*.json)")->required();
  app.add_option("--file", options.files, "only this file; may be given several times");
  app.add_option("--op", options.operations, "only this operation; may be given several times");
  app.footer("Exit: 0 all passed, 1 a case failed, 2 usage or unreadable input.");
  app.set_version_flag("--version", PHASEGUARD_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const auto tally = phaseguard::conformance::run_folder(
      folder, options, phaseguard::conformance::all_operations(), std::cout);
  if (!tally) {
    std::cerr << "phaseguard-conformance: " << tally.error().message << "\n";
    return 2;
  }
  std::cout << tally->passed << " passed, " << tally->failed << " failed\n";
  return tally->failed == 0 ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << "phaseguard-conformance: " << error.what() << "\n";
  return 2;
}
