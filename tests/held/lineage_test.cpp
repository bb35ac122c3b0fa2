// A process that goes on from a checkpoint: the line it is of decides, what was held is held, and
// one process at a time has the run.
#include "monitor/wire/codec.h"
#include "tests/held/pair.h"

using namespace phaseguard;
using namespace phaseguard::test;

namespace {

// Tripped at step 13, rolled back to step 5, trained on to step 10. `old`: a checkpoint of step 13.
struct RolledBack {
  Pair pair;
  std::string old;

  explicit RolledBack(const std::string& policy = kPolicy) : pair(policy) {
    pair.start();
    pair.updates(10, 0.1);
    pair.updates(3, 0.9);
    old = pair.checkpoint();
    REQUIRE(pair.requests().size() == 1);
    pair.roll_back_to(5);
    pair.answer(pair.requests()[0].id, wire::Outcome::kDone, Step{5});
    pair.updates(5, 0.1);
    REQUIRE(pair.kl() == 2.0);
    pair.watch();
  }
};

wire::Command allowing_resume() {
  wire::Command command;
  command.action = wire::Action::kAllowResume;
  command.reason = "the owner wants that line";
  return command;
}

}  // namespace

TEST_CASE("a checkpoint of a line that was rolled back is refused until a person lets it in",
          "[held][lineage]") {
  RolledBack run;
  run.pair.resume(2, run.old, 13);
  run.pair.pass(30.0);
  REQUIRE(!run.pair.rejects().empty());
  const wire::Reject& reject = run.pair.rejects().back();
  CHECK(reject.code == wire::RejectCode::kSuperseded);
  CHECK(
      reject.reason.find("it goes on from step 13 of a line that rollback 1 took back to step 5") !=
      std::string::npos);
  CHECK(reject.reason.find("the checkpoint of step 5") != std::string::npos);
  CHECK(reject.reason.find("phaseguard allow-resume run-1 --reason") != std::string::npos);
  CHECK(run.pair.link() == reporter::LinkState::kRefused);
  CHECK(run.pair.kl() == 2.0);  // as the checkpoint held it

  wire::Command without_reason = allowing_resume();
  without_reason.reason.clear();
  CHECK(run.pair.command(without_reason).status == "refused");
  CHECK(run.pair.command(allowing_resume()).status == "logged");
  run.pair.pass(65.0);
  CHECK(run.pair.link() == reporter::LinkState::kLinked);
  CHECK(run.pair.has_alert("rollback 1 took back"));
  CHECK(run.pair.lowest() == 2.0);

  // It was for one process.
  run.pair.resume(3, run.old, 13);
  run.pair.pass(30.0);
  CHECK(run.pair.rejects().back().code == wire::RejectCode::kSuperseded);
}

TEST_CASE("a checkpoint of the live line is let in and holds from its first step",
          "[held][lineage]") {
  RolledBack run;
  const std::string checkpoint = run.pair.checkpoint();
  run.pair.resume(2, checkpoint, 10);
  CHECK(run.pair.kl() == 2.0);  // before any daemon was heard
  run.pair.update(0.1);
  run.pair.pass(30.0);
  CHECK(run.pair.link() == reporter::LinkState::kLinked);
  CHECK(run.pair.lowest() == 2.0);
  CHECK_FALSE(run.pair.has_alert("goes on from step"));
  CHECK(run.pair.recorded<wire::Adopted>().empty());  // the record knows every cause

  // Its own checkpoints count on from there.
  run.pair.updates(3, 0.1);
  const auto kept = wire::decode(run.pair.checkpoint());
  REQUIRE(kept);
  CHECK(std::get<wire::Hello>(kept->body).rollbacks == 1);
}

TEST_CASE("the snapshot that was restored, and all before it, is of every line",
          "[held][lineage]") {
  RolledBack run;
  std::string early;
  {
    Pair other;
    other.start();
    other.updates(5, 0.1);
    early = other.checkpoint();
  }
  run.pair.resume(2, early, 5);
  run.pair.pass(30.0);
  CHECK(run.pair.link() == reporter::LinkState::kLinked);
}

TEST_CASE("a checkpoint made by hand says nothing of its line", "[held][lineage]") {
  SECTION("past the restored step it is refused") {
    RolledBack run;
    run.pair.resume(2, "", 8);
    run.pair.pass(30.0);
    CHECK(run.pair.rejects().back().code == wire::RejectCode::kSuperseded);
    CHECK(run.pair.rejects().back().reason.find("does not say of which line") != std::string::npos);
  }
  SECTION("up to there it is let in, with an alert") {
    RolledBack run;
    run.pair.resume(2, "", 4);
    run.pair.pass(30.0);
    CHECK(run.pair.link() == reporter::LinkState::kLinked);
    CHECK(run.pair.has_alert("does not say of which line its checkpoint is"));
    CHECK(run.pair.kl() == 2.0);  // the record holds the latch
  }
  SECTION("without a rollback too") {
    Pair pair;
    pair.start();
    pair.updates(10, 0.1);
    pair.resume(2, "", 8);
    pair.pass(30.0);
    CHECK(pair.link() == reporter::LinkState::kLinked);
    CHECK(pair.has_alert("does not say of which line its checkpoint is"));
  }
}

TEST_CASE("the daemon was away at the end: the trip and the rollback of the guard are not lost",
          "[held][lineage]") {
  Pair pair;
  pair.start();
  pair.updates(10, 0.1);
  pair.kill();
  pair.updates(3, 0.9);
  pair.pass(15.0);
  pair.update(0.1);
  REQUIRE(pair.kl() == 2.0);
  REQUIRE(pair.requests().size() == 1);
  pair.roll_back_to(5);
  pair.answer(pair.requests()[0].id, wire::Outcome::kDone, Step{5});
  pair.updates(4, 0.1);
  const std::string checkpoint = pair.checkpoint();
  pair.watch();
  pair.resume(2, checkpoint, 9);
  CHECK(pair.kl() == 2.0);
  pair.revive();
  pair.pass(30.0);
  CHECK(pair.link() == reporter::LinkState::kLinked);
  CHECK(pair.lowest() == 2.0);
  CHECK(pair.has_alert("a rollback that nobody saw"));
  CHECK(pair.recorded<wire::Adopted>().size() == 1);
  CHECK(pair.status().rules[0].phase == wire::RulePhase::kLatched);
}

TEST_CASE("a checkpoint from before a rollback that nobody saw is not let in in silence",
          "[held][lineage]") {
  Pair pair;
  pair.start();
  pair.updates(10, 0.1);
  const std::string old = pair.checkpoint();
  pair.kill();
  pair.updates(3, 0.1);
  const std::string older_line = pair.checkpoint();
  pair.roll_back_to(5);
  pair.updates(6, 0.1);
  const std::string live = pair.checkpoint();
  pair.resume(2, live, 11);
  pair.revive();
  pair.pass(30.0);
  REQUIRE(pair.has_alert("a rollback that nobody saw"));
  SECTION("past where the live line is known to have been, it is refused") {
    pair.resume(3, older_line, 13);
    pair.pass(30.0);
    CHECK(pair.rejects().back().code == wire::RejectCode::kSuperseded);
    CHECK(pair.rejects().back().reason.find("took back to step 11 or before") != std::string::npos);
  }
  SECTION("up to there nobody knows") {
    pair.resume(3, old, 10);
    pair.pass(30.0);
    CHECK(pair.link() == reporter::LinkState::kLinked);
    CHECK(pair.has_alert("from before rollback 1, which nobody saw"));
  }
}

TEST_CASE("on another machine, without the record, what was held is adopted", "[held][lineage]") {
  RolledBack run;
  const std::string checkpoint = run.pair.checkpoint();
  run.pair.kill();
  run.pair.resume(2, checkpoint, 10);
  CHECK(run.pair.kl() == 2.0);
  run.pair.revive(kOtherRecord);
  run.pair.pass(15.0);
  run.pair.updates(3, 0.1);
  CHECK(run.pair.lowest() == 2.0);
  REQUIRE(run.pair.recorded<wire::Adopted>().size() == 1);
  CHECK(run.pair.recorded<wire::Adopted>()[0].record == kFirstRecord);
  CHECK(run.pair.status().rules[0].phase == wire::RulePhase::kLatched);
  // The count of rollbacks goes on too.
  const auto kept = wire::decode(run.pair.checkpoint());
  CHECK(std::get<wire::Hello>(kept->body).rollbacks == 1);
}

TEST_CASE("steps that were never recorded are told of", "[held][lineage]") {
  Pair pair;
  pair.start();
  pair.updates(10, 0.1);
  const std::string checkpoint = pair.checkpoint();
  pair.kill();
  pair.revive(kFirstRecord, 8);
  pair.resume(2, checkpoint, 10);
  pair.pass(30.0);
  CHECK(pair.link() == reporter::LinkState::kLinked);
  const auto links = pair.recorded<wire::LinkChange>();
  CHECK(std::any_of(links.begin(), links.end(), [](const wire::LinkChange& link) {
    return link.detail.find("the steps between are not recorded") != std::string::npos;
  }));
  CHECK(pair.has_alert("the steps between are not recorded"));
}

TEST_CASE("lineage that is damaged, or of another step, is refused in words", "[held][lineage]") {
  Pair pair;
  pair.start();
  pair.updates(3, 0.1);
  const std::string checkpoint = pair.checkpoint();
  wire::Hello hello;
  hello.start_step = Step{4};
  const Result<void> other = reporter::resume_from(checkpoint, hello);
  REQUIRE_FALSE(other);
  CHECK(other.error().message.find(
            "start_step is 4, and the lineage is of a checkpoint of step 3") != std::string::npos);
  for (std::size_t n = 0; n < checkpoint.size(); ++n) {
    CHECK_FALSE(reporter::resume_from(checkpoint.substr(0, n), hello));
  }
}

TEST_CASE("a process that asks is told its attempt", "[held][lineage]") {
  Pair pair;
  pair.start(0);
  pair.updates(4, 0.1);
  pair.updates(3, 0.9);
  CHECK(pair.kl() == 2.0);
  const std::string checkpoint = pair.checkpoint();
  for (const wire::Message& message : pair.record()) {
    if (std::holds_alternative<wire::Report>(message.body)) CHECK(message.header.attempt == 1);
  }
  CHECK(pair.status().attempt == 1);
  pair.watch();
  pair.resume(0, checkpoint, pair.step());
  pair.updates(3, 0.1);
  pair.pass(30.0);
  CHECK(pair.link() == reporter::LinkState::kLinked);
  CHECK(pair.status().attempt == 2);
  CHECK(pair.lowest() == 2.0);
  // Known again after the daemon was away, with what was journaled before it knew its number.
  pair.kill();
  pair.revive();
  pair.pass(5.0);
  CHECK(pair.link() == reporter::LinkState::kLinked);
  CHECK(pair.status().attempt == 2);
}

TEST_CASE("the run is one process's, and the other is told for how long", "[held][lineage]") {
  Pair pair;
  pair.start(0);
  pair.updates(4, 0.1);
  pair.restart(0);
  REQUIRE(!pair.rejects().empty());
  const wire::Reject& reject = pair.rejects().back();
  CHECK(reject.code == wire::RejectCode::kClaimed);
  CHECK(reject.retry);
  CHECK(reject.reason.find("heard 1 s ago; it is free when that says goodbye or is seen to be "
                           "dead, or in 10 s if it stays "
                           "silent") != std::string::npos);
  pair.pass(30.0);
  CHECK(pair.link() == reporter::LinkState::kLinked);
  CHECK(pair.status().attempt == 2);
}

TEST_CASE("in shadow a checkpoint of a superseded line is let in with a high alert",
          "[held][lineage]") {
  Pair pair(shadow_of(kPolicy));
  pair.start();
  pair.updates(13, 0.1);
  const std::string old = pair.checkpoint();
  pair.roll_back_to(5);
  pair.updates(3, 0.1);
  pair.resume(2, old, 13);
  pair.pass(30.0);
  CHECK(pair.link() == reporter::LinkState::kLinked);
  CHECK(pair.has_alert("rollback 1 took back"));
}

TEST_CASE("a copied checkpoint folder: the second process waits, and is let in if its line lives",
          "[held][lineage]") {
  const bool rolls_back = GENERATE(false, true);
  INFO("the first one is rolled back: " << rolls_back);
  Pair pair;
  pair.start();
  pair.updates(8, 0.1);
  const std::string copied = pair.checkpoint();
  pair.resume(2, copied, 8);
  pair.pass(30.0);
  REQUIRE(pair.link() == reporter::LinkState::kLinked);
  pair.updates(2, 0.1);
  pair.updates(2, 0.9);
  REQUIRE(pair.kl() == 2.0);
  if (rolls_back) {
    pair.roll_back_to(5);
    pair.answer(pair.requests().back().id, wire::Outcome::kDone, Step{5});
    pair.updates(2, 0.1);
  }
  pair.resume(3, copied, 8);  // the first process is not silent for long enough
  REQUIRE(pair.rejects().back().code == wire::RejectCode::kClaimed);
  pair.pass(60.0);
  if (rolls_back) {
    CHECK(pair.link() == reporter::LinkState::kRefused);
    CHECK(pair.rejects().back().code == wire::RejectCode::kSuperseded);
    return;
  }
  CHECK(pair.link() == reporter::LinkState::kLinked);
  pair.update(0.1);
  CHECK(pair.kl() == 2.0);  // the trip is of the run, not of the folder
}
