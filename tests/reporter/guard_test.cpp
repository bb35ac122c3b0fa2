// When the local guard need not fold again what it folded before.
#include "trainer-hook/reporter/guard.h"

#include "tests/reporter/run_of_tests.h"
#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::reporter;

namespace {

wire::Message message_of(wire::Body body, std::int64_t seq) {
  wire::Message message;
  message.header.run = *RunId::parse("run-1");
  message.header.attempt = 1;
  message.header.seq = Seq{seq};
  message.body = std::move(body);
  return message;
}

}  // namespace

TEST_CASE("a guard agrees with a control until one says something else, or more is settled",
          "[reporter]") {
  auto guard = Guard::create(test_welcome(), message_of(test_hello(), 1));
  REQUIRE(guard);
  wire::Control control = test_control(0.1, 1, 1);
  CHECK_FALSE(guard->is_aligned(control));
  guard->align(control, {});
  CHECK(guard->is_aligned(control));

  // Which batch it answers says nothing of what is in force.
  control.answers_batch = 7;
  control.valid_until_step = Step{50};
  CHECK(guard->is_aligned(control));
  const wire::Message report = message_of(test_report(0.1, 1, 1), 2);
  guard->feed(report);
  CHECK(guard->is_aligned(control));

  SECTION("an inhibition") { control.inhibited.push_back({"defend", Step{20}}); }
  SECTION("another value") { control.knobs[0].value = 1.0; }
  SECTION("an acknowledgement") { control.ack = Seq{2}; }
  SECTION("a new daemon") { control.epoch = 2; }
  SECTION("what was settled") { guard->settle(report); }
  CHECK_FALSE(guard->is_aligned(control));
}
