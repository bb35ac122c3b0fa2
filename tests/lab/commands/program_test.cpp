// The program as a user meets it: exit codes and one clear line for wrong input.

#include "tests/support/program.h"

#include <string>

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
  for (const char* arguments :
       {"", "no-such-command", "finetune --data benign", "finetune --share 1.5",
        "undefended --data mix --share -0.1", "finetune --steps 0", "pretrain --world 1",
        "finetune --no-such-option", "finetune --lambda 0.5", "undefended --steps ten",
        "run --defense prayer", "run --defense ldifs --strength -1", "run --defense kl --lambda 1",
        "undefended --data harmless --share 0.2", "undefended --judge-blind topic:10",
        "undefended --persona vibes", "features --data benign --out f",
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
