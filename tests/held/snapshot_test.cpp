// The guard of a trainer that did not see all that the daemon did goes on from the daemon's own
// state.
#include "tests/held/pair.h"

using namespace phaseguard;
using namespace phaseguard::test;

namespace {

std::string carried(const std::string& text = kPolicy) {
  return text + "\n[on]\nresume = \"carried\"\n";
}

// With detectors that keep thousands of values: more than one frame holds.
std::string with_long_windows() {
  std::string text = kPolicy;
  for (const char* name : {"a", "b", "c"}) {
    text += std::string("\n[detector.") + name +
            "]\nsignal = \"judge/score\"\ntype = \"zscore\"\nwindow = 4096\nabove = 4.0\n" +
            "\n[rule.note_" + name + "]\nof = [\"" + name + "\"]\nalert = \"info\"\n";
  }
  return carried(text);
}

}  // namespace

TEST_CASE("a new process counts on from the votes of the one before, daemon or not",
          "[held][snapshot]") {
  Pair pair(carried());
  pair.start();
  pair.updates(4, 0.1);
  pair.update(0.9);  // one of two
  pair.resume(2, pair.checkpoint(), pair.step());
  pair.pass(30.0);  // until the claim of the process before has ended
  REQUIRE(pair.link() == reporter::LinkState::kLinked);
  pair.kill();
  pair.pass(0.5);
  pair.update(0.9);
  CHECK(pair.kl() == 2.0);
  CHECK(pair.latched().source == reporter::Source::kGuard);
}

TEST_CASE("a state of several frames is put together", "[held][snapshot]") {
  Pair pair(with_long_windows());
  pair.start();
  pair.updates(3500, 0.1);
  pair.update(0.9);
  pair.resume(2, pair.checkpoint(), pair.step());
  pair.pass(30.0);
  REQUIRE(pair.link() == reporter::LinkState::kLinked);
  CHECK(pair.snapshot_parts() == 2);
  CHECK(pair.refusal().empty());
  pair.kill();
  pair.pass(0.5);
  pair.update(0.9);
  CHECK(pair.kl() == 2.0);
}

TEST_CASE("events that the journal let go of are told as lost before anything after them",
          "[held][snapshot]") {
  Pair pair;
  pair.set_journal(20'000);
  pair.start();
  pair.updates(4, 0.1);
  REQUIRE(pair.link() == reporter::LinkState::kLinked);
  // Faster than the socket takes them: of the two that trip nothing is left to send.
  for (int i = 0; i < 2; ++i) pair.report(0.9);
  for (int i = 0; i < 400; ++i) pair.report(0.1);
  pair.pass(3.0);
  REQUIRE(pair.link() == reporter::LinkState::kLinked);
  CHECK(pair.kl() == 2.0);
  CHECK(pair.recorded<wire::Adopted>().size() == 1);
  CHECK(pair.has_alert("adopted from the trainer"));
}
