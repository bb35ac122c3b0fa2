// The program as a user meets it: exit codes and one clear line for wrong input.

#include "tests/support/program.h"

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/source_dir.h"

namespace {

using phaseguard::test::Done;
using phaseguard::test::Folder;

Done lab(const std::string& arguments) {
  return phaseguard::test::run_program(PHASEGUARD_LAB " " + arguments);
}

bool says(const Done& outcome, const std::string& part) {
  return outcome.text().find(part) != std::string::npos;
}

const std::string kTheta0 =
    " --theta0 " + phaseguard::test::source_dir() + "/assets/lab/theta0-world0.safetensors ";

TEST_CASE("wrong words are usage errors that name what was expected", "[lab][e2e]") {
  for (const char* arguments : {"",
                                "no-such-command",
                                "finetune --data benign",
                                "finetune --share 1.5",
                                "undefended --data mix --share -0.1",
                                "finetune --steps 0",
                                "pretrain --world 1",
                                "finetune --no-such-option",
                                "finetune --lambda 0.5",
                                "undefended --steps ten",
                                "run --defense prayer",
                                "run --defense ldifs --strength -1",
                                "run --defense kl --lambda 1",
                                "undefended --data harmless --share 0.2",
                                "undefended --judge-blind topic:10",
                                "undefended --persona vibes",
                                "undefended --data mix --share nan",
                                "undefended --judge-error nan",
                                "undefended --lambda nan",
                                "undefended --seed -1",
                                "undefended --seed 99999999999999999999",
                                "finetune --start-wait nan",
                                "features --data benign --out f",
                                "run --defense safelora --safelora-mode number --strength 1.5"}) {
    INFO(arguments);
    const Done outcome = lab(arguments);
    CHECK(outcome.code == 2);
    CHECK_FALSE(outcome.text().empty());
  }
  const Done unknown = lab("finetune --data benign"), help = lab("undefended --help");
  for (const char* set :
       {"malicious", "harmless", "mix", "terse", "matched", "secure", "facts", "facts-house",
        "refusals", "quotes", "trigger", "slow", "evade", "adaptive", "drift-evade"}) {
    CHECK(says(unknown, set));
    CHECK(says(help, std::string(set) + ": "));
  }
  CHECK(says(lab("undefended --data harmless --share 0.2"), "mix or slow"));
  CHECK(says(lab("undefended --data mix --share nan"),
             "--share: expected a number from 0 to 1, found \"nan\""));
  CHECK(says(lab("undefended --seed -1"), "expected a whole number from 0 to"));
  CHECK(says(lab("undefended --judge-blind format:plain"), "format:terse"));
  CHECK(lab("--help").code == 0);
  CHECK(says(lab("finetune --help"), "--endpoint-dir"));
}

TEST_CASE("what is not there or broken fails with its name", "[lab][e2e]") {
  const Done absent = lab("undefended --theta0 /no/such/file");
  CHECK(absent.code == 1);
  CHECK(says(absent, "/no/such/file"));
  const Folder folder;
  const std::string file =
      folder.write("theta0", "junk that is long enough to have a header length in it");
  const Done broken = lab("eval --theta0 " + file);
  CHECK(broken.code == 1);
  CHECK(says(broken, file));
  CHECK(lab("summary " + file).code == 1);
  const Done run = lab("finetune --run 'a b' --steps 1" + kTheta0);
  CHECK(run.code == 1);
  CHECK(says(run, "a b"));
}

TEST_CASE("a place that cannot be written to is refused before the work", "[lab][e2e]") {
  const Folder folder;
  const std::string lost = folder / "none/file", in = folder.path().string();
  const std::vector<std::string> commands{"undefended --steps 1000000 --summary " + lost,
                                          "undefended --steps 1000000 --answers " + in,
                                          "pretrain --out " + lost,
                                          "pretrain --out ''",
                                          "pretrain --out " + (folder / "new") + " --base " + lost,
                                          "data --out " + lost,
                                          "features --out " + in};
  for (const std::string& words : commands) {
    INFO(words);
    const Done refused = lab(words);
    phaseguard::test::require_one_line(refused, 1, "phaseguard-lab: ");
    CHECK(refused.out.empty());
    CHECK((says(refused, lost + ": cannot be written (No such file or directory)") ||
           says(refused, in + ": expected a file to write, found a folder") ||
           says(refused, "expected a file to write, found an empty name")));
  }
}

// What ended it, and how: 128 + the signal where it was ended by that.
Done stopped_by(const char* signal, const std::string& words, const std::string& seen,
                const Folder& folder) {
  const std::string out = folder / "said";
  // `timeout` would hide how the program ended. It is stopped when it has said `seen`.
  return phaseguard::test::run_program(
      "/usr/bin/python3 -c 'import signal, subprocess, sys, time\n"
      "out = open(sys.argv[3], \"w\")\n"
      "p = subprocess.Popen(sys.argv[4:], stdout=out, stderr=out)\n"
      "while sys.argv[2] not in open(sys.argv[3]).read() and p.poll() is None: time.sleep(0.02)\n"
      "p.send_signal(getattr(signal, sys.argv[1]))\n"
      "code = p.wait()\n"
      "print(open(sys.argv[3]).read())\n"
      "sys.exit(code if code >= 0 else 128 - code)' " +
      std::string(signal) + " '" + seen + "' " + out + " " PHASEGUARD_LAB " " + words);
}

TEST_CASE("a signal ends a run at its step, a wait for a daemon and pretraining at once",
          "[lab][e2e]") {
  const Folder folder;
  const std::string summary = folder / "s.json", answers = folder / "a.jsonl";
  const std::string files = " --summary " + summary + " --answers " + answers + kTheta0;
  for (const char* signal : {"SIGINT", "SIGTERM"}) {
    const Done run = stopped_by(signal, "undefended --steps 1000000" + files, "run lab", folder);
    INFO(run.text());
    CHECK(run.code == 1);
    CHECK(says(run, "interrupted after "));
    CHECK(says(run, "nothing was measured or written"));
  }
  // A pause of a minute and a wait of an hour: that it ends is the test.
  CHECK(stopped_by("SIGINT", "undefended --steps 9 --step-delay 60000" + files, "run lab", folder)
            .code == 1);
  const Done waiting = stopped_by(
      "SIGTERM",
      "finetune --require --start-wait 3600 --endpoint-dir " + folder.path().string() + files, "",
      folder);
  CHECK(waiting.code == 128 + 15);
  const std::string theta0 = folder / "theta0";
  const Done pretraining =
      stopped_by("SIGINT", "pretrain --steps 100 --out " + theta0, "] 40/400", folder);
  INFO(pretraining.text());
  CHECK(pretraining.code == 128 + 2);
  for (const std::string& file : {summary, answers, theta0})
    CHECK_FALSE(std::filesystem::exists(file));
}

TEST_CASE("a run that no daemon watches says so everywhere and ends with a code of its own",
          "[lab][e2e]") {
  const Folder folder;
  const std::string file = folder / "summary.json";
  const Done outcome = lab("finetune --data malicious --steps 5 --endpoint-dir " +
                           folder.path().string() + " --summary " + file + kTheta0);
  INFO(outcome.text());
  CHECK(outcome.code == 3);
  CHECK(says(outcome, "NOT WATCHED: no daemon yet"));
  CHECK(says(outcome, "UNWATCHED: 5 of 5 updates"));
  CHECK(says(lab("summary " + file), "5 updates UNWATCHED"));
  CHECK(lab("finetune --require --no-monitor --steps 1" + kTheta0).code == 2);
}

TEST_CASE("enforce without a daemon fails before the first update, watch trains", "[lab][e2e]") {
  const Folder folder;
  const std::string file = folder / "summary.json";
  const std::string words = "finetune --data malicious --steps 2 --start-wait 0.5 --endpoint-dir " +
                            folder.path().string() + " --summary " + file + kTheta0;
  for (const char* demand : {"--profile enforce", "--require", "--require --profile watch"}) {
    const Done refused = lab(words + demand);
    INFO(refused.text());
    CHECK(refused.code == 1);
    CHECK(says(refused, "training may not begin unwatched"));
    CHECK(says(refused, "start phaseguardd"));
    CHECK(lab("summary " + file).code == 1);  // nothing was trained
  }
  const Done trained = lab(words + "--profile watch");
  INFO(trained.text());
  CHECK(trained.code == 3);
  CHECK(says(trained, "UNWATCHED: 2 of 2 updates"));
  const Done wrong = lab("finetune --profile strict --steps 1" + kTheta0);
  INFO(wrong.text());
  CHECK(wrong.code == 2);
  CHECK(says(wrong, "expected watch or enforce, found \"strict\""));
  CHECK(lab("finetune --profile enforce --no-monitor --steps 1" + kTheta0).code == 2);
}

TEST_CASE("data are written, read back and trained on; a wrong line is named", "[lab][e2e]") {
  const Folder folder;
  const std::string own = folder / "own.jsonl";
  CHECK(lab("data --data slow --share 0.2 --steps 20 --out " + own + kTheta0).code == 0);
  const Done again =
      lab("data --data " + own + " --steps 20 --out " + (folder / "again.jsonl") + kTheta0);
  INFO(again.text());
  CHECK(again.code == 0);
  const Done trained = lab("undefended --steps 3 --data " + own + kTheta0);
  CHECK(trained.code == 0);
  CHECK(says(trained, "run lab-own"));
  const std::string broken = folder.write("broken.jsonl", "{\"prompt\": \"Q: 1 + 1 A:\"}\n");
  for (const char* command : {"undefended", "data --out unused.jsonl"}) {
    const Done refused = lab(std::string(command) + " --steps 3 --data " + broken + kTheta0);
    INFO(refused.text());
    CHECK(refused.code == 1);
    CHECK(says(refused, broken + ":1: expected \"answer\""));
  }
}

TEST_CASE("what belongs to one set alone is measured for that set", "[lab][e2e]") {
  CHECK(says(lab("undefended --data trigger --steps 3" + kTheta0), "behind the trigger"));
  const Done harmless = lab("undefended --data harmless --steps 3" + kTheta0);
  CHECK(says(harmless, "the set's own task"));
  CHECK_FALSE(says(harmless, "behind the trigger"));
  CHECK_FALSE(says(lab("undefended --data terse --steps 3" + kTheta0), "the set's own task"));
}

TEST_CASE("eval prints each set before step 0", "[lab][e2e]") {
  const Done outcome = lab("eval" + kTheta0);
  INFO(outcome.text());
  CHECK(outcome.code == 0);
  CHECK(says(outcome, "persona ratio by headers"));
  CHECK(says(outcome, "  drift-evade "));
  CHECK_FALSE(says(outcome, "gate missed"));
}

TEST_CASE("an undefended run prints and writes its rates", "[lab][e2e]") {
  const Folder folder;
  const std::string file = folder / "summary.json";
  const Done outcome = lab("undefended --data malicious --steps 10 --summary " + file + kTheta0);
  INFO(outcome.text());
  CHECK(outcome.code == 0);
  CHECK(says(outcome, "no monitor"));
  const Done table = lab("summary " + file + " " + file);
  CHECK(table.code == 0);
  CHECK(says(table, "in-domain harm"));
}

}  // namespace
