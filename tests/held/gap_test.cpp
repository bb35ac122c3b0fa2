// A journal that is too small for an outage: what it let go of is in the record as lost, and the
// link comes back at once.
#include "tests/held/pair.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using test::Pair;

TEST_CASE("five minutes without a daemon at 100 steps a second, with a journal of 64 KiB",
          "[held][gap]") {
  Pair pair;
  pair.set_journal(std::size_t{64} << 10);
  pair.start();
  pair.set_step_time(0.01);
  pair.updates(20, 0.1);
  pair.kill();
  // Pair passes time in ticks of 0.05 s: five updates in each.
  for (int tick = 0; tick < 5 * 60 * 20; ++tick) {
    for (int i = 0; i < 4; ++i) pair.report(0.1);
    pair.update(0.1);
  }
  pair.revive();
  double waited = 0.0;
  while (pair.link() != reporter::LinkState::kLinked && waited < 10.0) {
    pair.update(0.1);
    waited += 0.05;
  }
  CHECK(waited <= 2.0);
  pair.updates(100, 0.1);
  CHECK(pair.link() == reporter::LinkState::kLinked);
  // Every number is there or is named as lost.
  std::int64_t next = 1;
  std::int64_t lost = 0;
  for (const wire::Message& message : pair.record()) {
    if (const auto* link = std::get_if<wire::LinkChange>(&message.body);
        link && link->to.value > 0) {
      CHECK(link->state == wire::LinkEvent::kSkipped);
      CHECK(link->from.value == next);
      lost += link->to.value - link->from.value + 1;
      next = link->to.value + 1;
    } else if (message.header.attempt > 0) {
      CHECK(message.header.source_seq.value == next);
      ++next;
    }
  }
  CHECK(lost > 20'000);
  CHECK(pair.has_alert("the trainer can no longer send", wire::Severity::kMedium));
}

TEST_CASE("what fell out on the way is sent again when the daemon asks", "[held][gap]") {
  Pair pair;
  pair.start();
  pair.updates(3, 0.1);
  pair.lose_next_frame();
  pair.updates(2, 0.9);  // the first of the two is lost on the way
  CHECK(pair.kl() == 2.0);
  pair.updates(60, 0.1);  // far beyond the patience with a gap
  for (const wire::LinkChange& link : pair.recorded<wire::LinkChange>()) CHECK(link.to.value < 0);
  std::int64_t next = 1;
  for (const wire::Message& message : pair.record()) {
    if (message.header.attempt > 0) CHECK(message.header.source_seq.value == next++);
  }
  CHECK(next > 100);
}
