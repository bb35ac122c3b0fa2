// Properties over generated runs.
#include <rapidcheck.h>

#include <optional>
#include <string>
#include <vector>

#include "monitor/wire/codec.h"
#include "tests/policy/support.h"
#include "tests/support/catch.h"

namespace phaseguard::policy {
namespace {

// One generated event; `kind` selects among reports (most), commands, rollbacks, new attempts.
struct Event {
  int kind;
  std::int64_t advance;
  int llr, judge, margin;  // value codes: low, at the line, high, NaN, absent
  int value;               // of a command
};

rc::Gen<Event> event() {
  using rc::gen::inRange;
  return rc::gen::construct<Event>(inRange(0, 24), inRange<std::int64_t>(0, 8), inRange(0, 5),
                                   inRange(0, 5), inRange(0, 5), inRange(0, 9));
}

void add(Values& values, const char* name, int code, double line) {
  const double choices[] = {0.0, line, line * 2.0 + 0.1, wire::kNaN};
  if (code < 4) values.emplace_back(name, choices[code]);
}

// Feeds the events; calls `between` before each.
template <class Between>
std::vector<std::string> play(Run& run, const std::vector<Event>& events, Between between) {
  std::vector<std::string> decisions;
  std::int64_t step = 0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    between(i);
    const Event& e = events[i];
    step += e.advance;
    std::optional<wire::Decision> decision;
    if (e.kind == 0) {
      step = step / 2;
      decision = run.rolled_back_to(step);
    } else if (e.kind == 1) {
      ++run.attempt;
      run.segment = 0;
      wire::Hello hello = usual_hello();
      hello.start_step = Step{step};
      decision = run.say(hello, step);
    } else if (e.kind <= 4) {
      wire::Command command;
      command.id = std::to_string(i % 20);
      command.action = e.kind == 2 ? "force" : e.kind == 3 ? "release" : "reset";
      command.operator_name = "o";
      command.reason = "r";
      command.knob = "kl";
      command.rule = "defend";
      command.value = 0.5 * (e.value - 1);
      command.expected_version = run.machine.state_version();
      command.expires_after_steps = e.value;
      decision = run.say(command, step);
    } else {
      Values values;
      add(values, "data/llr_share", e.llr, 0.2);
      add(values, "judge/score", e.judge, 0.3);
      add(values, "canary/margin", e.margin, 1.5);
      decision = run.at(step, values);
    }
    if (!decision) continue;
    wire::Message message;
    message.body = *decision;
    decisions.push_back(wire::encode(message));  // NaN compares as its bits
  }
  return decisions;
}

void nothing(std::size_t) {}

rc::Gen<std::vector<Event>> events() {
  return rc::gen::resize(120, rc::gen::container<std::vector<Event>>(event()));
}

TEST_CASE("snapshot and restore at any cut are no cut", "[policy][property]") {
  CHECK(rc::check("cut", [] {
    const auto all = *events();
    const auto cut = *rc::gen::inRange<std::size_t>(0, all.size() + 1);
    Run whole(asset("hybrid"));
    Run halved(asset("hybrid"));
    const auto uncut = play(whole, all, nothing);
    const auto with_cut = play(halved, all, [&](std::size_t i) {
      if (i != cut) return;
      const std::string bytes = halved.machine.snapshot();
      Run fresh(asset("hybrid"));
      RC_ASSERT(fresh.machine.restore(bytes).has_value());
      halved.machine = fresh.machine;
    });
    RC_ASSERT(uncut == with_cut);
    RC_ASSERT(whole.machine.snapshot() == halved.machine.snapshot());
  }));
}

TEST_CASE("lambda stays within its limits and finite", "[policy][property]") {
  CHECK(rc::check("limits", [] {
    Run run(asset("hybrid"));
    const auto bounded = [&](std::size_t) {
      RC_ASSERT(run.value() >= 0.0);
      RC_ASSERT(run.value() <= 4.0);
    };
    play(run, *events(), bounded);
    bounded(0);
  }));
}

TEST_CASE("shadow decides what live decides", "[policy][property]") {
  CHECK(rc::check("shadow", [] {
    const auto all = *events();
    std::string toml = asset("hybrid");
    toml.replace(toml.find("mode = \"enforce\""), 16, "mode = \"shadow\"");
    Run live(asset("hybrid"));
    Run shadow(toml);
    RC_ASSERT(play(live, all, nothing).size() == play(shadow, all, nothing).size());
    RC_ASSERT(live.value() == shadow.value());
    RC_ASSERT(live.cause() == shadow.cause());
    RC_ASSERT(live.machine.state_version() == shadow.machine.state_version());
  }));
}

// First step at which phaseguard-kl with this threshold trips; far away: never.
std::int64_t trip_step(const std::vector<double>& values, const std::string& above) {
  std::string toml = asset("phaseguard-kl");
  toml.replace(toml.find("above = 0.15"), 12, "above = " + above);
  Run run(toml);
  std::int64_t step = 0;
  for (const double value : values) run.at(step += 5, {{"canary/js", value}});
  const Step fired = run.machine.rule_evidence()[0].fired_step;
  return fired.value < 0 ? std::int64_t{1} << 40 : fired.value;
}

TEST_CASE("a higher threshold never trips earlier", "[policy][property]") {
  CHECK(rc::check("monotone", [] {
    const auto codes = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 70));
    std::vector<double> values;
    for (const int code : codes) values.push_back(code >= 69 ? wire::kNaN : 0.01 * code);
    const int a = *rc::gen::inRange(1, 60);
    const int b = *rc::gen::inRange(a, 61);
    const auto text = [](int t) {
      return "0." + std::string(t < 10 ? "0" : "") + std::to_string(t);
    };
    RC_ASSERT(trip_step(values, text(a)) <= trip_step(values, text(b)));
  }));
}

TEST_CASE("no event but a reset undoes a trip", "[policy][property]") {
  CHECK(rc::check("latch", [] {
    auto all = *events();
    for (Event& e : all) e.kind = e.kind == 4 ? 5 : e.kind;  // no resets
    Run run(asset("hybrid"));
    bool tripped = false;
    play(run, all, [&](std::size_t) {
      if (tripped) RC_ASSERT(run.rule_state() == "latched");
      if (tripped) RC_ASSERT(run.value() >= 2.0);
      tripped = run.rule_state() == "latched";
    });
  }));
}

}  // namespace
}  // namespace phaseguard::policy
