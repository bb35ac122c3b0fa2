// What docs/PROTOCOL.md asks of a trainer's paces, numbers and obedience, of the hook's session.
#include <algorithm>

#include "tests/reporter/session_link.h"

using namespace phaseguard;
using namespace phaseguard::reporter;

namespace {

constexpr std::int64_t kTickMs = 10;

template <class Body>
std::vector<wire::Message> all(const std::vector<wire::Message>& messages) {
  std::vector<wire::Message> out;
  std::copy_if(messages.begin(), messages.end(), std::back_inserter(out),
               [](const wire::Message& m) { return std::holds_alternative<Body>(m.body); });
  return out;
}

// The waits in ms between the hellos of so many seconds; each is answered with `answer`, if any.
std::vector<std::int64_t> waits(Link& link, int seconds, const wire::Reject* answer) {
  std::vector<std::int64_t> out;
  std::int64_t since = 0;
  for (int i = 0; i < seconds * 1000 / kTickMs; ++i) {
    if (!all<wire::Hello>(link.sent()).empty()) {
      out.push_back(since);
      since = 0;
      if (answer != nullptr) link.daemon(*answer);
    }
    link.tick(kTickMs);
    since += kTickMs;
  }
  out.erase(out.begin());  // there was none before the first
  return out;
}

// Half to all of it, so that many trainers do not come at once.
void check_waits(const std::vector<std::int64_t>& found, const std::vector<std::int64_t>& longest) {
  REQUIRE(found.size() > longest.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::int64_t most = longest[std::min(i, longest.size() - 1)];
    INFO("wait " << i << ": " << found[i]);
    CHECK(found[i] <= most + kTickMs);
    CHECK(found[i] >= most / 2);
  }
}

}  // namespace

TEST_CASE("hellos come after 0.1 s and then twice as long each, up to 5 s",
          "[reporter][protocol]") {
  Link link;
  check_waits(waits(link, 60, nullptr), {100, 200, 400, 800, 1600, 3200, 5000});
}

TEST_CASE("a trainer that is refused asks again after 5 s and then longer, up to 60 s",
          "[reporter][protocol]") {
  Link link;
  const wire::Reject reject{wire::RejectCode::kPolicy, "knob kl needs a mask", {}, {}, false};
  check_waits(waits(link, 600, &reject), {5000, 5000, 10'000, 20'000, 40'000, 60'000});
}

TEST_CASE("heartbeats go out as the welcome says, and repeat the latest number",
          "[reporter][protocol]") {
  Link link;
  link.link();  // every 50 ms
  link.report(0.1, 1);
  link.report(0.1, 2);
  std::size_t beats = 0;
  for (int i = 0; i < 100; ++i) {
    link.tick(kTickMs);
    if (i % 10 == 0) link.control(0.0, 3);
    for (const wire::Message& beat : all<wire::Heartbeat>(link.sent())) {
      ++beats;
      CHECK(beat.header.seq == Seq{3});
      CHECK(beat.header.step == Step{2});
    }
  }
  CHECK(beats == 20);
}

TEST_CASE("a control of which one knob cannot be obeyed is ignored as a whole",
          "[reporter][protocol][hostile]") {
  Link link;
  link.link();
  link.control(1.0, 1);
  wire::Control control = test_control(2.0, 1, 1);
  control.knobs.push_back({"steering", 0.5, {}, wire::CauseKind::kBase, 0, {}});
  link.daemon(control);
  CHECK(link.in_force.value == 1.0);
  CHECK(link.stats().refused_controls == 1);
}

TEST_CASE("a wall clock that jumps loses no link", "[reporter][protocol][fault]") {
  Link link;
  link.link();
  for (const double jump : {1e6, -2e6}) {
    link.now.wall_s += jump;
    link.tick(kTickMs);
    CHECK(link.session.state() == LinkState::kLinked);
  }
}

TEST_CASE("a hello brings what is held, the record, its last place, and what can still be sent",
          "[reporter][protocol][fault]") {
  Link link;
  wire::Welcome welcome = test_welcome();
  welcome.record = "0000000a0000000b0000000c0000000d";
  welcome.position = Seq{3};
  link.welcome(welcome);
  link.report(0.1, 1);
  link.report(0.1, 2);
  wire::Control control = test_control(2.0, 2, 1);
  control.position = Seq{9};
  control.held = {{wire::HeldKind::kTrip, "defend", "kl", 2.0, {}, Step{-1}, "", 1, 2, {}, ""}};
  link.daemon(control);
  link.sent();
  link.report(0.9, 3);  // its own guard decides: number 4, and then 5
  link.pass(1000);
  const auto hellos = all<wire::Hello>(link.sent());
  REQUIRE_FALSE(hellos.empty());
  const auto& hello = std::get<wire::Hello>(hellos.back().body);
  CHECK(hello.record == welcome.record);
  CHECK(hello.position == Seq{9});
  CHECK(hello.from == Seq{3});
  REQUIRE(hello.held.size() == 1);
  CHECK(hello.held[0].name == "defend");
  CHECK(hello.held[0].number == 2);
}
