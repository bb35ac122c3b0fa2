// Properties over generated runs.
#include <optional>
#include <string>
#include <vector>

#include "tests/policy/random_run.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

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

// First step at which phaseguard-kl trips with this streak and warm-up; far away: never.
std::int64_t trip_step(const std::vector<double>& values, std::int64_t consecutive,
                       std::int64_t warmup) {
  std::string toml = asset("phaseguard-kl");
  toml.replace(toml.find("consecutive = 2"), 15, "consecutive = " + std::to_string(consecutive));
  toml.replace(toml.find("warmup = 3"), 10, "warmup = " + std::to_string(warmup));
  Run run(toml);
  std::int64_t step = 0;
  for (const double value : values) run.at(step += 5, {{"canary/js", value}});
  const Step fired = run.machine.rule_evidence()[0].fired_step;
  return fired.value < 0 ? std::int64_t{1} << 40 : fired.value;
}

TEST_CASE("a longer streak or warm-up never trips earlier", "[policy][property]") {
  CHECK(rc::check("monotone", [] {
    const auto codes = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 5));
    std::vector<double> values;
    for (const int code : codes) values.push_back(code == 4 ? wire::kNaN : 0.05 + 0.05 * code);
    const auto n = *rc::gen::inRange<std::int64_t>(1, 5);
    const auto warmup = *rc::gen::inRange<std::int64_t>(0, 5);
    const std::int64_t first = trip_step(values, n, warmup);
    RC_ASSERT(first <= trip_step(values, n + 1, warmup));
    RC_ASSERT(first <= trip_step(values, n, warmup + 1));
  }));
}

TEST_CASE("a repeated report changes nothing", "[policy][property]") {
  CHECK(rc::check("duplicates", [] {
    Run once(asset("hybrid"));
    Run twice(asset("hybrid"));
    std::int64_t step = 0;
    for (const Event& e : *events()) {
      step += e.advance;
      once.at(step, values_of(e));
      twice.at(step, values_of(e));
      const double before = twice.value();
      const std::int64_t version = twice.machine.state_version();
      const bool decided = twice.at(step, values_of(e)).has_value();
      RC_ASSERT(!decided);
      RC_ASSERT(twice.value() == before);
      RC_ASSERT(twice.machine.state_version() == version);
      RC_ASSERT(once.value() == before);
      RC_ASSERT(once.rule_state() == twice.rule_state());
    }
  }));
}

TEST_CASE("a command upward takes effect at once, from any state", "[policy][property]") {
  CHECK(rc::check("upward", [] {
    Run run(asset("hybrid"));
    play(run, *events(), nothing);
    const double value = 0.5 * *rc::gen::inRange(0, 9);
    if (value < run.value()) return;
    const auto auto_now = run.machine.settings()[0].value;
    wire::Command command;
    command.id = "upward";
    command.action = wire::Action::kForce;
    command.operator_name = "o";
    command.knob = "kl";
    command.value = value;
    const bool accepted = run.machine.judge(command, Step{0}).status == "logged";
    RC_ASSERT(accepted || value < 2.0);  // below a trip that is still on its way
    run.say(command, 0);
    if (accepted) RC_ASSERT(run.value() >= value);
    RC_ASSERT(run.value() >= auto_now || accepted);
  }));
}

TEST_CASE("a reset is accepted if and only if there is a latch, a reason and the version",
          "[policy][property]") {
  CHECK(rc::check("reset", [] {
    Run run(asset("hybrid"));
    play(run, *events(), nothing);
    wire::Command reset;
    reset.id = "reset";
    reset.action = wire::Action::kReset;
    reset.operator_name = "o";
    reset.rule = "defend";
    reset.reason = *rc::gen::element<std::string>("", "why");
    const int off = *rc::gen::element(-1, 0, 1);
    reset.expected_version = off < 0 ? -1 : run.machine.state_version() + off;
    const bool latched = run.rule_state() == "latched";
    const bool accepted = run.machine.judge(reset, Step{0}).status == "logged";
    RC_ASSERT(accepted == (latched && !reset.reason.empty() && off == 0));
    run.say(reset, 0);
    RC_ASSERT((run.rule_state() == "latched") == (latched && !accepted));
  }));
}

TEST_CASE("inhibiting one rule leaves the others as they were", "[policy][property]") {
  CHECK(rc::check("inhibit", [] {
    Run free(asset("hybrid"));
    Run inhibited(asset("hybrid"));
    wire::Command command;
    command.id = "inhibit";
    command.action = wire::Action::kInhibit;
    command.operator_name = "o";
    command.reason = "why";
    command.rule = "note_format";
    command.expected_version = 0;
    command.expires_after_steps = 1000000;
    inhibited.say(command, 0);
    std::int64_t step = 0;
    for (const Event& e : *events()) {
      step += e.advance;
      Values values = values_of(e);
      values.emplace_back("canary/js", 0.3);
      free.at(step, values);
      inhibited.at(step, values);
      RC_ASSERT(free.rule_state() == inhibited.rule_state());
      RC_ASSERT(free.value() == inhibited.value());
      RC_ASSERT(inhibited.rule_state(1) == "inhibited");
    }
  }));
}

TEST_CASE("every value in force has its cause and its decision", "[policy][property]") {
  CHECK(rc::check("cause", [] {
    Run run(asset("hybrid"));
    const auto caused = [&](std::size_t) {
      const wire::KnobSetting now = run.machine.settings()[0];
      RC_ASSERT(!now.cause.empty());
      if (now.value > 0.0) RC_ASSERT(now.decision > 0);
      if (now.cause.is(wire::CauseKind::kRule)) RC_ASSERT(run.rule_state() != "quiet");
    };
    play(run, *events(), caused);
    caused(0);
  }));
}

TEST_CASE("wall time decides nothing where the policy names no seconds", "[policy][property]") {
  CHECK(rc::check("time", [] {
    Run still(asset("hybrid"));
    Run shifted(asset("hybrid"));
    std::int64_t step = 0;
    for (const Event& e : *events()) {
      step += e.advance;
      wire::Report report;
      for (const auto& [name, value] : values_of(e)) {
        wire::Sample sample;
        sample.signal = name;
        sample.value = value;
        report.samples.push_back(sample);
      }
      wire::Message message;
      message.header.step = Step{step};
      message.header.attempt = 1;
      message.body = report;
      const auto a = still.machine.on(message);
      message.header.t = 1e9 - 1000.0 * e.value;
      const auto b = shifted.machine.on(message);
      RC_ASSERT(a.has_value() == b.has_value());
      if (a) RC_ASSERT(a->summary == b->summary);
      RC_ASSERT(still.value() == shifted.value());
    }
  }));
}

}  // namespace
}  // namespace phaseguard::policy
