// The program as a user meets it: exit codes and one clear line for wrong input.
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/source_dir.h"

namespace {

struct Outcome {
  int code = -1;
  std::string text;  // stdout and stderr together
};

Outcome lab(const std::string& arguments) {
  const std::string command = std::string(PHASEGUARD_LAB) + " " + arguments + " 2>&1";
  Outcome out;
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer{};
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe))
    out.text.append(buffer.data(), n);
  const int status = pclose(pipe);
  out.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return out;
}

bool says(const Outcome& outcome, const std::string& part) {
  return outcome.text.find(part) != std::string::npos;
}

const std::string kTheta0 =
    " --theta0 " + phaseguard::test::source_dir() + "/assets/lab/theta0-world0.safetensors ";

TEST_CASE("wrong words are usage errors that name what was expected", "[lab][e2e]") {
  for (const char* arguments :
       {"", "no-such-command", "finetune --data benign", "finetune --share 1.5",
        "undefended --data mix --share -0.1", "finetune --steps 0", "pretrain --world 1",
        "finetune --no-such-option", "finetune --lambda 0.5", "undefended --steps ten",
        "run --defense prayer", "run --defense ldifs --strength -1", "run --defense kl --lambda 1",
        "finetune --defense kl --kl-convex",
        "run --defense safelora --safelora-mode number --strength 1.5"}) {
    INFO(arguments);
    const Outcome outcome = lab(arguments);
    CHECK(outcome.code == 2);
    CHECK_FALSE(outcome.text.empty());
  }
  CHECK(says(lab("finetune --data benign"), "malicious"));
  CHECK(lab("--help").code == 0);
  CHECK(says(lab("finetune --help"), "--endpoint-dir"));
}

TEST_CASE("what is not there or broken fails with its name", "[lab][e2e]") {
  const Outcome absent = lab("undefended --theta0 /no/such/file");
  CHECK(absent.code == 1);
  CHECK(says(absent, "/no/such/file"));
  const auto file =
      std::filesystem::temp_directory_path() / ("phaseguard-lab-" + std::to_string(getpid()));
  std::ofstream(file) << "junk that is long enough to have a header length in it";
  const Outcome broken = lab("eval --theta0 " + file.string());
  CHECK(broken.code == 1);
  CHECK(says(broken, file.string()));
  CHECK(lab("summary " + file.string()).code == 1);
  std::filesystem::remove(file);
  const Outcome run = lab("finetune --run 'a b' --steps 1" + kTheta0);
  CHECK(run.code == 1);
  CHECK(says(run, "a b"));
}

TEST_CASE("an undefended run prints and writes its rates", "[lab][e2e]") {
  const auto file = std::filesystem::temp_directory_path() /
                    ("phaseguard-lab-" + std::to_string(getpid()) + ".json");
  const Outcome outcome =
      lab("undefended --data malicious --steps 10 --summary " + file.string() + kTheta0);
  INFO(outcome.text);
  CHECK(outcome.code == 0);
  CHECK(says(outcome, "no monitor"));
  const Outcome table = lab("summary " + file.string() + " " + file.string());
  CHECK(table.code == 0);
  CHECK(says(table, "in-domain harm"));
  std::filesystem::remove(file);
}

}  // namespace
