#include "monitor/dashboard/model/model.h"

#include <algorithm>
#include <limits>

#include "monitor/dashboard/model/describe.h"
#include "tests/dashboard/synthetic_run.h"
#include "tests/support/catch.h"
#include "tests/support/hostile.h"
#include "tests/support/phases.h"
#include "tests/support/words.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;

namespace {

Now at(double seconds) {
  return {1.76e9 + seconds, Nanos{static_cast<std::int64_t>(seconds * 1e9)}};
}

SourceState live() {
  SourceState state;
  state.live = state.connected = true;
  state.loading = false;
  state.place = "test";
  return state;
}

SourceState file() {
  SourceState state;
  state.loading = false;
  state.place = "test.phaseguard";
  return state;
}

wire::Message message_of(const run::RunState& state, std::int64_t seq, Step step, wire::Body body) {
  wire::Message m;
  m.header.run = state.run;
  m.header.seq = Seq{seq};
  m.header.step = step;
  m.header.t = state.t + 0.1;
  m.header.attempt = 1;
  m.body = std::move(body);
  return m;
}

// As its dialog would send it, of the run that is shown.
ForceKnob force(const Model& model, double value, const std::string& reason) {
  return {model.shown()->run, "kl", model.shown()->state_version, value, reason, 0};
}

// A live run whose trainer is at step 8 and whose penalty is off.
Model quiet_live_model() {
  Model model("ann", "s");
  test::RunOptions options;
  options.fires = false;
  options.ends = false;
  options.steps = 8;
  auto messages = test::synthetic_run(options);
  messages.erase(std::remove_if(messages.begin(), messages.end(),
                                [](const wire::Message& m) {
                                  return std::holds_alternative<wire::Decision>(m.body);
                                }),
                 messages.end());
  std::int64_t seq = 0;
  for (auto& m : messages) m.header.seq = Seq{++seq};
  model.apply({live(), messages}, at(100));
  return model;
}

}  // namespace

TEST_CASE("a recorded run says what happened", "[dashboard]") {
  Model model("ann", "s");
  model.apply({file(), test::synthetic_run()}, at(0));
  const auto* state = model.shown();
  REQUIRE(state != nullptr);

  const auto knobs = knob_views(model);
  REQUIRE(knobs.size() == 1);
  const KnobView& kl = knobs[0];
  CHECK(kl.name == "kl");
  CHECK(kl.mode == KnobMode::kAutoOn);
  CHECK(kl.protecting);
  CHECK(protection_text(model) == "PROTECTED: kl 2");
  CHECK(kl.applied == 2.0);
  CHECK(kl.confirmed);
  CHECK(kl.who == "rule defend");

  const auto rules = rule_rows(*state);
  REQUIRE(rules.size() == 2);
  CHECK(rules[0].state == "latched since step 10");
  CHECK(rules[0].detectors.front() == "llr 2/2");
  CHECK(rules[0].earliest == "earliest possible: step 2");
  CHECK_FALSE(rules[0].at_floor);
  CHECK(rules[1].at_floor);

  const auto list = alarms(model);
  REQUIRE(list.size() == 1);
  CHECK(list[0].level == Level::kHigh);
  CHECK(list[0].number == 2);
  CHECK(list[0].text.find("rolled back to step 0") != std::string::npos);

  const auto events = event_rows(*state, 100);
  const auto trip = std::find_if(events.begin(), events.end(),
                                 [](const EventRow& e) { return e.kind == EventKind::kTrip; });
  REQUIRE(trip != events.end());
  CHECK(trip->mark == "defend fired, rolled back to 0");
  REQUIRE(model.decision(trip->decision) != nullptr);
  CHECK(model.decision(trip->decision)->detectors.size() == 4);
  CHECK(model.decision(99) == nullptr);
  CHECK(event_rows(*state, 2).size() == 2);

  const auto on = protected_intervals(*state, 213.0);
  REQUIRE(on.size() == 1);
  CHECK(on[0].from == 0.0);
  CHECK(on[0].to == 213.0);
  CHECK_FALSE(model.command_obstacle().empty());
  CHECK_FALSE(model.stale());
}

TEST_CASE("each state of a rule is in its row, and so is one of a newer daemon", "[dashboard]") {
  Model model = quiet_live_model();
  wire::Status status;
  status.link = wire::LinkState::kActive;
  const auto all = test::rules_in_every_state();
  status.last_seq = model.shown()->last_seq;
  for (const test::RuleInState& one : all) status.rules.push_back(one.rule);
  model.apply({live(), {message_of(*model.shown(), 0, Step{8}, status)}}, at(100));
  const auto rows = rule_rows(*model.shown());
  REQUIRE(rows.size() == all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    CHECK(rows[i].name == all[i].rule.rule);
    CHECK(rows[i].state == all[i].text);
  }
}

TEST_CASE("words of a newer daemon are shown as they are", "[dashboard]") {
  Model model = quiet_live_model();
  wire::Status status;
  status.link = wire::Word<wire::LinkState>::from("link-x");
  status.age_s = 0.1;
  status.control = wire::Word<wire::ControlBy>::from("control-x");
  status.alerts.push_back({wire::Word<wire::Severity>::from("severity-x"),
                           wire::AlertSource::from("source-x"), "what it says"});
  wire::Decision decision;
  decision.id = 1;
  decision.knobs = {{"kl", 1.0, {}, wire::Cause::from("cause-x:somebody"), 1, {}}};
  const std::int64_t next = model.shown()->last_seq.value + 1;
  model.apply({live(),
               {message_of(*model.shown(), next, Step{8}, decision),
                message_of(*model.shown(), 0, Step{8}, status)}},
              at(100));
  CHECK(link_rows(model).at(0).word == "link-x");
  CHECK(knob_views(model).at(0).who == "cause-x:somebody");
  const auto list = alarms(model);
  REQUIRE_FALSE(list.empty());
  CHECK(list[0].text.find("what it says") != std::string::npos);
}

TEST_CASE("a harmless run raises no alarm", "[dashboard]") {
  Model model("ann", "s");
  test::RunOptions options;
  options.fires = false;
  model.apply({file(), test::synthetic_run(options)}, at(0));
  CHECK(alarms(model).empty());
  CHECK(knob_views(model).at(0).mode == KnobMode::kOff);
  CHECK(protection_text(model) == "NO PROTECTION IN FORCE");
  for (const EventRow& event : event_rows(*model.shown(), 100)) {
    if (event.kind == EventKind::kTrip) CHECK(event.level == Level::kInfo);
  }
  for (const SignalRow& row : signal_rows(*model.shown(), model.health())) {
    CHECK(row.level <= Level::kInfo);  // a note is no alarm
  }
}

TEST_CASE("what became of a signal's values stands beside it, and a misspelt one is listed",
          "[dashboard]") {
  auto messages = test::synthetic_run();
  for (auto& message : messages) {
    auto* report = std::get_if<wire::Report>(&message.body);
    if (report == nullptr || message.header.step.value > 40) continue;
    for (wire::Sample& sample : report->samples) {
      if (sample.signal == "train/loss") sample.signal = "train/los";
    }
  }
  wire::Message again;
  for (const auto& message : messages) {
    const auto* report = std::get_if<wire::Report>(&message.body);
    if (report != nullptr && report->samples[0].signal == "judge/score") again = message;
  }
  again.header.seq = Seq{messages.back().header.seq.value + 1};
  messages.push_back(again);
  Model model("ann", "s");
  model.apply({file(), messages}, at(0));
  const auto rows = signal_rows(*model.shown(), model.health());
  REQUIRE(rows.back().name == "train/los");
  CHECK(rows[rows.size() - 2].name != "train/los");
  CHECK_FALSE(rows.back().declared);
  CHECK_THAT(rows.back().fates, Catch::Contains("undeclared"));
  for (const SignalRow& row : rows) {
    INFO(row.name << ": " << row.fates);
    if (row.name == "judge/score") CHECK(row.fates == "1 repeated, 7 not a number");
    if (row.name == "canary/js") CHECK(row.fates.empty());
  }
}

TEST_CASE("signals are listed as their plots are, and items are left out", "[dashboard]") {
  auto messages = test::synthetic_run();
  auto& hello = std::get<wire::Hello>(messages.front().body);
  hello.signals.emplace_back();
  hello.signals.back().name = "mine/a/deep";  // a name of its own, not an item
  auto& policy = std::get<wire::PolicyLoaded>(messages[1].body);
  wire::DetectorInfo gap;
  gap.name = "gap";
  gap.signal = "judge/score - data/llr_share";
  gap.type = "level";
  gap.threshold = 0.5;
  policy.detectors.push_back(gap);
  Model model("ann", "s");
  model.apply({file(), messages}, at(0));
  const auto rows = signal_rows(*model.shown(), model.health());
  std::vector<std::string> names;
  for (const SignalRow& row : rows) names.push_back(row.name);
  CHECK(names == std::vector<std::string>{"canary/js", "canary/margin", "judge/score", gap.signal,
                                          "data/llr_share", "canary/js_max", "canary/dist",
                                          "data/llr", "data/ref_nll", "data/ref_nll_decisive",
                                          "probe/risk", "drift/persona", "train/loss", "train/ce",
                                          "train/kl", "train/grad_norm", "train/learning_rate",
                                          "mine/a/deep"});
  for (const SignalRow& row : rows) {
    INFO(row.name);
    CHECK(row.watched == (&row - rows.data() < 5));
    if (row.name == "canary/margin") CHECK(row.of_line == Approx(row.value / 1.5));
    if (row.name == gap.signal) {
      CHECK(row.value == Approx(rows[2].value - rows[4].value));
      CHECK(row.series->size() > 200);
    }
  }
}

TEST_CASE("steps a second are counted of whatever signal a trainer has", "[dashboard]") {
  const int per_step = GENERATE(1, 16, 64);  // samples
  INFO(per_step);
  Model model("ann", "s");
  for (std::int64_t step = 0; step < 50; ++step) {
    wire::Message m;
    m.header.run = *RunId::parse("own");
    m.header.seq = Seq{step + 1};
    m.header.step = Step{step};
    m.header.t = 1.76e9 + 0.5 * static_cast<double>(step);
    m.header.attempt = 1;
    wire::Sample sample;
    sample.signal = "mine/score";
    sample.value = 1.0;
    wire::Report report;
    report.samples.assign(static_cast<std::size_t>(per_step), sample);
    m.body = report;
    model.apply({live(), {m}}, at(0.5 * static_cast<double>(step)));
  }
  CHECK(model.steps_per_s() == Approx(2.0));
}

TEST_CASE("forcing goes from sent over logged to applied, and no further than reported",
          "[dashboard]") {
  Model model = quiet_live_model();
  REQUIRE(model.command_obstacle().empty());
  model.act(force(model, 1.5, "looks bad"), at(101));
  const auto outbox = model.take_outbox();
  REQUIRE(outbox.size() == 1);
  CHECK(model.take_outbox().empty());
  const auto& command = std::get<wire::Command>(outbox[0].body);
  CHECK(command.action == wire::Action::kForce);
  CHECK(command.knob == "kl");
  CHECK(command.value == 1.5);
  CHECK(command.operator_name == "ann");
  CHECK(command.reason == "looks bad");
  CHECK(command.expected_version == -1);  // raising is never refused for a stale view
  REQUIRE(model.pending().size() == 1);
  CHECK(model.pending()[0].stage == Stage::kSent);

  const auto* state = model.shown();
  std::int64_t seq = state->last_seq.value;
  wire::Reply reply;
  reply.id = command.id;
  reply.status = wire::ReplyStatus::kLogged;
  reply.seq = Seq{seq + 1};
  model.apply({live(), {message_of(*state, 0, Step{8}, reply)}}, at(101.1));
  CHECK(model.pending()[0].stage == Stage::kLogged);

  wire::Decision decision;
  decision.id = 1;
  decision.because = Seq{seq + 1};
  wire::KnobSetting kl;
  kl.knob = "kl";
  kl.value = 1.5;
  kl.cause = wire::Cause(wire::CauseKind::kOperator, "ann");
  kl.decision = 1;
  decision.knobs = {kl};
  decision.before = {kl};
  decision.before[0].value = 0.0;
  decision.state_version = 1;
  model.apply({live(),
               {message_of(*state, seq + 1, Step{8}, command),
                message_of(*state, seq + 2, Step{8}, decision)}},
              at(101.2));
  CHECK(model.pending()[0].stage == Stage::kLogged);  // decided is not applied
  CHECK(model.is_forced("kl"));
  CHECK_FALSE(knob_views(model).at(0).confirmed);

  wire::Applied applied;
  applied.knobs = {{"kl", 1.5, 1, wire::Cause(wire::CauseKind::kOperator, "ann"), {}}};
  applied.source = wire::Source::kDaemon;
  model.apply({live(), {message_of(*state, seq + 3, Step{9}, applied)}}, at(101.3));
  CHECK(model.pending()[0].stage == Stage::kApplied);
  CHECK(model.pending()[0].applied_step == Step{9});
  CHECK(knob_views(model).at(0).mode == KnobMode::kForcedOn);
}

TEST_CASE("in shadow mode a raise is judged by what is in force, and the run is marked",
          "[dashboard]") {
  Model model = quiet_live_model();
  const run::RunState* state = model.shown();
  REQUIRE(state);
  const std::int64_t seq = state->last_seq.value;
  wire::PolicyLoaded policy = *state->policy;
  policy.mode = wire::Mode::kShadow;
  wire::Decision decision;  // the policy would set 2
  decision.mode = wire::Mode::kShadow;
  wire::KnobSetting kl;
  kl.knob = "kl";
  kl.value = 2.0;
  kl.cause = wire::Cause(wire::CauseKind::kRule, "defend");
  decision.knobs = {kl};
  model.apply({live(),
               {message_of(*state, seq + 1, Step{8}, policy),
                message_of(*state, seq + 2, Step{8}, decision)}},
              at(101.0));
  CHECK(protection_text(model) == "shadow: nothing is sent");
  CHECK(knob_views(model).at(0).in_force == 0.0);
  model.act(force(model, 1.0, ""), at(101.1));
  const auto sent = model.take_outbox();
  REQUIRE(sent.size() == 1);
  CHECK(std::get<wire::Command>(sent[0].body).expected_version == -1);  // a raise

  wire::Applied applied;
  applied.knobs = {{"kl", 1.0, 0, wire::Cause(wire::CauseKind::kOperator, "ann"), {}}};
  model.apply({live(), {message_of(*state, seq + 3, Step{9}, applied)}}, at(101.3));
  CHECK(protection_text(model) == "PROTECTED: kl 1; intervened at step 9");
  CHECK(knob_views(model).at(0).in_force == 1.0);
  CHECK_FALSE(knob_views(model).at(0).asked);  // it is not said that something was sent

  // What is sent is the raise, not what the policy decides.
  wire::Status told;
  told.mode = wire::Mode::kShadow;
  told.last_seq = Seq{seq + 3};
  told.knobs.push_back({});
  told.knobs.back().name = "kl";
  told.knobs.back().decided = 2.0;
  told.knobs.back().sent = told.knobs.back().applied = 1.0;
  told.override_ = {true, "kl", 1.0, "ann", "looks odd", Step{-1}};
  model.apply({live(), {message_of(*state, seq + 3, Step{9}, told)}}, at(101.5));
  const KnobView shown = knob_views(model).at(0);
  CHECK(shown.asked);
  CHECK(shown.confirmed);
  CHECK(shown.forced_value == 1.0);
  CHECK(shown.forced_by == "operator ann");
}

TEST_CASE("a command without a trainer's report counts as not confirmed, loudly", "[dashboard]") {
  Model model = quiet_live_model();
  model.act(force(model, 1.5, ""), at(101));
  model.tick(at(105));
  CHECK(model.pending()[0].stage == Stage::kSent);
  model.tick(at(112));
  CHECK(model.pending()[0].stage == Stage::kNotConfirmed);
  const auto list = alarms(model);
  REQUIRE_FALSE(list.empty());
  CHECK(list[0].level == Level::kCritical);
  CHECK(list[0].text.find("NOT CONFIRMED") != std::string::npos);
}

TEST_CASE("a refused command says why", "[dashboard]") {
  Model model = quiet_live_model();
  model.act(force(model, 1.5, ""), at(101));
  wire::Reply reply;
  reply.id = model.pending()[0].command.id;
  reply.status = wire::ReplyStatus::kRefused;
  reply.text = "above the knob's maximum";
  model.apply({live(), {message_of(*model.shown(), 0, Step{8}, reply)}}, at(101.1));
  CHECK(model.pending()[0].stage == Stage::kRefused);
  CHECK(model.pending()[0].text == "above the knob's maximum");
}

TEST_CASE("lowering names the state it was decided on", "[dashboard]") {
  Model model = quiet_live_model();
  model.act(ReleaseKnob{model.shown()->run, "kl", model.shown()->state_version, "calm again"},
            at(101));
  const auto outbox = model.take_outbox();
  REQUIRE(outbox.size() == 1);
  const auto& command = std::get<wire::Command>(outbox[0].body);
  CHECK(command.action == wire::Action::kRelease);
  CHECK(command.expected_version == model.shown()->state_version);
}

TEST_CASE("no command leaves when it cannot arrive", "[dashboard]") {
  Model model = quiet_live_model();
  SourceState away = live();
  away.connected = false;
  model.apply({away, {}}, at(104));
  CHECK_FALSE(model.command_obstacle().empty());
  model.act(force(model, 1.5, ""), at(104));
  CHECK(model.take_outbox().empty());
  CHECK(model.pending().empty());
}

TEST_CASE("a live view grows old on the monotonic clock and names the broken hop", "[dashboard]") {
  Model model = quiet_live_model();
  model.tick(at(100.5));
  CHECK_FALSE(model.stale());
  model.tick(at(103));
  CHECK(model.stale());
  auto links = link_rows(model);
  CHECK(links[0].name == "trainer");
  CHECK_FALSE(links[0].good);
  CHECK_FALSE(links[0].protection.empty());
  SourceState away = live();
  away.connected = false;
  model.apply({away, {}}, at(104));
  links = link_rows(model);
  CHECK(links[1].word == "no answer");
  CHECK_FALSE(links[1].protection.empty());
  CHECK(alarms(model)[0].text.find("daemon does not answer") != std::string::npos);
}

TEST_CASE("Force proposes what a rule would set, within the limits, never less than is in force",
          "[dashboard]") {
  struct Row {
    wire::Protects protects;
    double rule;
    double in_force;
    double min;
    double max;
    double proposed;
  };
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const Row& row : std::vector<Row>{
           {wire::Protects::kUp, 2.0, 0.0, 0.0, 4.0, 2.0},
           {wire::Protects::kUp, 4.5, 0.0, 0.0, 4.0, 4.0},
           {wire::Protects::kUp, 2.0, 3.0, 0.0, 4.0, 3.0},
           {wire::Protects::kUp, wire::kNaN, 0.0, 0.0, 4.0, 4.0},
           {wire::Protects::kUp, wire::kNaN, 0.5, 0.0, kInfinity, 0.5},
           {wire::Protects::kUp, 2.0, wire::kNaN, 0.0, 4.0, 2.0},
           {wire::Protects::kDown, 0.1, 1.0, 0.0, 1.0, 0.1},
           {wire::Protects::kDown, 0.1, 1.0, 0.2, 1.0, 0.2},
           {wire::Protects::kDown, 0.1, 0.05, 0.0, 1.0, 0.05},
           {wire::Protects::kDown, wire::kNaN, 1.0, 0.0, 1.0, 0.0},
           {wire::Protects::kNone, 2.0, 1.0, 0.0, 4.0, 1.0},
       }) {
    KnobView knob;
    knob.protects = row.protects;
    knob.rule_value = row.rule;
    knob.in_force = row.in_force;
    knob.min = row.min;
    knob.max = row.max;
    INFO(row.rule << " " << row.in_force << " of " << row.min << " to " << row.max);
    CHECK(proposed_value(knob) == row.proposed);
  }
}

TEST_CASE("text from outside becomes one harmless line", "[dashboard][hostile]") {
  CHECK(one_line("a\nb\x1b[31m") == "a\\nb\\x1b[31m");
  CHECK(one_line(test::kHostileName) == test::kHostileShown);
  CHECK(one_line("50% \"quoted\" C:\\x %n") == "50% \"quoted\" C:\\x %n");
  CHECK(one_line(std::string(70000, 'x')).size() < 300);
  CHECK(one_line("").empty());
  CHECK(age_text(0.2) == "< 1 s");
  CHECK(age_text(1.96) == "1 s");
  CHECK(age_text(wire::kNaN) == "-");
  CHECK(who(wire::Cause::from("operator:ann")) == "operator ann");
  CHECK(who(wire::Cause::from("weather:rain")) == "weather:rain");
}
