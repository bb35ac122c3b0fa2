// What is in force while the daemon's disk is full, and afterwards: the trainer's guard decides
// what the daemon cannot take any more, and the record has it in the end.
#include "tests/held/pair.h"

using namespace phaseguard;
using namespace phaseguard::test;

namespace {

std::size_t scores(const Pair& pair) {
  std::size_t n = 0;
  for (const wire::Report& report : pair.recorded<wire::Report>()) n += report.samples.size();
  return n;
}

}  // namespace

TEST_CASE(
    "what a daemon with a full disk cannot take, the guard decides, and the record has it later",
    "[held][fault]") {
  Pair pair;
  pair.start();
  pair.updates(4, 0.1);
  pair.fill_disk();
  pair.updates(2, 0.1);
  pair.updates(3, 0.9);
  pair.pass(1.0);
  CHECK(pair.kl() == 2.0);
  CHECK(pair.status().knobs[0].decided == 0.0);
  CHECK(scores(pair) < 9);
  CHECK(pair.has_alert("it declared a guard of its own"));
  pair.watch();
  pair.pass(35.0);  // over several leases: hello and back-fill, which is passed over again
  pair.updates(5, 0.1);
  CHECK(pair.lowest() == 2.0);

  pair.free_disk();
  pair.pass(12.0);
  CHECK(pair.link() == reporter::LinkState::kLinked);
  CHECK(pair.status().knobs[0].decided == 2.0);
  CHECK(pair.status().rules[0].phase == wire::RulePhase::kLatched);
  CHECK(scores(pair) == 14);  // every one, once
  CHECK_FALSE(pair.has_alert("it declared a guard of its own"));
  pair.updates(5, 0.1);
  CHECK(pair.lowest() == 2.0);
  CHECK(std::any_of(pair.rejects().begin(), pair.rejects().end(), [](const wire::Reject& reject) {
    return reject.code == wire::RejectCode::kRecord && reject.retry;
  }));
}

TEST_CASE("an operator raises on a full disk, and lowers nothing", "[held][fault]") {
  Pair pair;
  pair.start();
  pair.updates(4, 0.1);
  pair.fill_disk();
  pair.updates(2, 0.1);
  const wire::Reply raised = pair.command(forced(3.0));
  CHECK(raised.status == "logged");
  CHECK(raised.text.find("NOT ON DISK") != std::string::npos);
  CHECK(pair.kl() == 3.0);
  CHECK(pair.command(forced(1.0, pair.status().state_version, 10)).status == "refused");
  pair.watch();
  pair.pass(15.0);
  pair.free_disk();
  pair.pass(12.0);
  pair.updates(3, 0.1);
  CHECK(pair.lowest() == 3.0);
  CHECK(scores(pair) == 9);
}
