// Runs that the version before protocol 1.1 recorded, of a trainer that spoke 1.0: a daemon was
// killed, an operator forced and released. What that version printed of them is printed still, to
// the byte (tests/data/runs/v1/printed.json has its SHA-256).
#include <filesystem>
#include <nlohmann/json.hpp>

#include "monitor/base/sha256.h"
#include "tests/support/declared.h"
#include "tests/support/program.h"
#include "tests/support/source_dir.h"

using namespace phaseguard;

namespace {

std::string with(std::string text, const std::string& word, const std::string& by) {
  const std::size_t at = text.find(word);
  return at == std::string::npos ? text : text.replace(at, word.size(), by);
}

}  // namespace

TEST_CASE("the shipped policies ask for nothing that runs of the version before do not declare",
          "[ctl][e2e]") {
  const std::string source = test::source_dir();
  const test::Folder folder;
  const std::string run = folder / "hybrid-bad.phaseguard";
  std::filesystem::copy_file(source + "/tests/data/runs/v1/hybrid-bad.phaseguard", run);
  // The two others need a knob per sample, and one with sites, which that trainer does not have.
  for (const char* name : {"hybrid", "hybrid-provider", "observe-only", "phaseguard-kl",
                           "phaseguard-proposal", "always-on", "fixed-switch", "adaptive-judge",
                           "adaptive-judge-deadzone", "adaptive-probe"}) {
    const test::Done done = test::run_program(PHASEGUARD_PROGRAM " policy check " + source +
                                              "/assets/policies/" + name + ".toml --run " + run);
    INFO(done.out << done.err);
    CHECK(done.code == 0);
    CHECK(done.out.find("fits the declaration") != std::string::npos);
  }
}

TEST_CASE("runs of the version before verify, replay and export as they did", "[ctl][e2e]") {
  const std::string data = test::source_dir() + "/tests/data/runs/v1/";
  const auto printed = nlohmann::json::parse(test::read_file(data + "printed.json"));
  REQUIRE(printed.size() == 2);
  for (const auto& [name, commands] : printed.items()) {
    const test::Folder folder;
    const std::string run = folder / (name + ".phaseguard");
    std::filesystem::copy_file(data + name + ".phaseguard", run);
    const std::string policy = folder.write("small.toml", test::kPolicy);
    REQUIRE(commands.size() == 4);
    for (const auto& [command, digest] : commands.items()) {
      INFO(name << ": " << command);
      const test::Done done = test::run_program(PHASEGUARD_PROGRAM " " +
                                                with(with(command, "RUN", run), "POLICY", policy));
      CHECK(done.code == 0);
      CHECK(hex(sha256(done.out)) == digest.get<std::string>());
    }
  }
}
