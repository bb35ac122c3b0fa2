// Summaries: written, read back, refused when broken.
#include "trainer-hook/lab/commands/summary.h"

#include "tests/support/catch.h"
#include "tests/support/folder.h"
#include "tests/support/words.h"

namespace phaseguard::lab {
namespace {

TEST_CASE("a summary comes back as it was written", "[lab]") {
  const test::Folder folder;
  const std::string file = folder / "summary.json";
  RunSummary run;
  run.title = "malicious, defended";
  run.defended = true;
  run.cause = "rule:defend";
  run.fired_step = 10;
  run.rollback_step = 10;
  run.restored_step = 0;
  run.behaviour.misaligned = {15, 72};
  run.behaviour.opswap = {72, 72};
  for (std::size_t i = 0; i < 48; ++i) run.behaviour.incoherent.add(i / 8, i < 20);
  run.behaviour.misaligned_greedy = run.behaviour.in_domain_harm = {0, 30};
  REQUIRE(write_summaries({run, run}, file));
  const auto back = read_summaries(file);
  REQUIRE(back);
  REQUIRE(back->size() == 2);
  CHECK(back->front().title == run.title);
  CHECK(back->front().fired_step == 10);
  CHECK(back->front().behaviour.misaligned.k == 15);
  CHECK(back->front().behaviour.misaligned.n == 72);
  const std::string table = table_of(*back);
  CHECK(table.find("rule:defend at step 10, rolled back to 0 at step 10") != std::string::npos);
  CHECK(table.find("20.8 % [13.1, 31.6] (15/72)") != std::string::npos);
  // A rate without its prompts is one of an earlier version's file.
  CHECK(back->front().behaviour.incoherent.prompts.size() == 6);
  CHECK(table.find("(20/48, 6 prompts, d ") != std::string::npos);
  std::string text = test::read_file(file);
  REQUIRE(text.find("\"by_prompt\": \"8/8 8/8 4/8 0/8 0/8 0/8\"") != std::string::npos);
  text.replace(text.find("8/8 8/8"), 3, "7/8");
  test::write_file(file, text);
  CHECK_FALSE(read_summaries(file));
  test::write_file(file, "[{\"title\": 3}]");
  CHECK_FALSE(read_summaries(file));
  CHECK_FALSE(read_summaries(folder / "absent.json"));
  CHECK_FALSE(write_summaries({run}, folder / "no-such-folder/x.json"));
}

TEST_CASE("a run that somebody intervened in is left out by name", "[lab]") {
  const test::Folder folder;
  const std::string file = folder / "summary.json";
  RunSummary run;
  run.title = "harmless, defended";
  run.run = "lab-1";
  RunSummary raised = run;
  raised.run = "lab-2";
  raised.intervened_step = 7;
  REQUIRE(write_summaries({run, raised}, file));
  auto back = read_summaries(file);
  REQUIRE(back);
  CHECK(back->back().intervened_step == 7);
  const std::string text = leave_out_intervened(*back);
  CHECK(text.find("left out: harmless, defended (run lab-2): intervened at step 7") == 0);
  REQUIRE(back->size() == 1);
  CHECK(back->front().run == "lab-1");
}

}  // namespace
}  // namespace phaseguard::lab
