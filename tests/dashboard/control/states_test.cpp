// Every state of a rule × every state of the link: what is said, in which class of colour, and
// which controls are alive. An alarm colour is drawn only while an alarm of that level is in force.
#include <string>
#include <vector>

#include "monitor/dashboard/model/alarm_book.h"
#include "tests/dashboard/headless.h"
#include "tests/dashboard/synthetic_run.h"
#include "tests/support/catch.h"
#include "tests/support/phases.h"

using namespace phaseguard;
using namespace phaseguard::dashboard;
using test::Headless;

namespace {

enum class Link { kLive, kStale, kLost, kEnded, kRecording, kNoDaemon };
constexpr Link kLinks[] = {Link::kLive,  Link::kStale,     Link::kLost,
                           Link::kEnded, Link::kRecording, Link::kNoDaemon};

Now at(double seconds) {
  return {1.76e9 + seconds, Nanos{static_cast<std::int64_t>(seconds * 1e9)}};
}

struct Expected {
  std::string command;   // why no command can be given at all; a piece of it
  std::string lowering;  // why nothing can be lowered
};

Expected expected_of(Link link) {
  switch (link) {
    case Link::kLive:
      return {"", ""};
    case Link::kStale:
      return {"", "the trainer is silent"};
    case Link::kLost:
      return {"the trainer is lost", "the trainer is lost"};
    case Link::kEnded:
      return {"the run has ended", "the run has ended"};
    case Link::kRecording:
      return {"a recording", "a recording"};
    case Link::kNoDaemon:
      return {"the daemon does not answer", "the daemon does not answer"};
  }
  return {};
}

wire::LinkState state_of(Link link) {
  switch (link) {
    case Link::kStale:
      return wire::LinkState::kSilent;
    case Link::kLost:
      return wire::LinkState::kLost;
    case Link::kEnded:
      return wire::LinkState::kEnded;
    case Link::kLive:
    case Link::kRecording:
    case Link::kNoDaemon:
      break;
  }
  return wire::LinkState::kActive;
}

Model model_of(Link link, const test::RuleInState& one, bool alerts) {
  test::RunOptions quiet;
  quiet.fires = false;
  quiet.ends = false;
  Model model("ann", "s");
  SourceState source;
  source.live = link != Link::kRecording;
  source.connected = source.live && link != Link::kNoDaemon;
  source.loading = false;
  source.place = "test";
  model.apply({source, test::synthetic_run(quiet)}, at(0));
  wire::Message message;
  message.header = {
      wire::kProtocolVersion, model.shown()->run, Seq{0}, Step{213}, model.shown()->t, 1, {}};
  wire::Status status;
  status.link = state_of(link);
  status.age_s = link == Link::kStale ? 3.0 : link == Link::kLost ? 20.0 : 0.1;
  status.last_seq = model.shown()->last_seq;
  status.rules = {one.rule};
  status.rules[0].rule = "defend";
  wire::DetectorEvidence votes;  // whether its rule is in force or not
  votes.voting = true;
  for (const wire::RuleInfo& info : model.shown()->policy->rules) {
    if (info.name == "defend") votes.detector = info.of.front();
  }
  for (const wire::DetectorInfo& info : model.shown()->policy->detectors) {
    if (info.name == votes.detector) votes.signal = info.signal;
  }
  status.detectors = {votes};
  if (alerts) {
    status.alerts.push_back(
        {wire::Severity::kHigh, {wire::AlertKind::kRule, "defend"}, "defend fired"});
  }
  message.body = status;
  std::vector<wire::Message> messages{message};
  if (alerts && !source.live) {  // a recording has the alert of the decision
    wire::Decision decision;
    decision.id = 1;
    decision.alerts = status.alerts;
    wire::Message recorded = message;
    recorded.header.seq = Seq{model.shown()->last_seq.value + 1};
    recorded.body = decision;
    std::get<wire::Status>(messages[0].body).last_seq = recorded.header.seq;
    messages.insert(messages.begin(), recorded);
  }
  model.apply({source, messages}, at(0));
  return model;
}

bool is_alive(Headless& gui, const Model& model, const std::string& control,
              const std::string& opens) {
  View view;
  gui.frames(2, model, view);
  if (!gui.click(control, model, view)) return false;
  const bool open = view.controls.count(opens) > 0;
  if (open) gui.click("Cancel", model, view);
  return open;
}

// Whatever is drawn in an alarm's colour is one.
void check_colours(const Model& model, View& view) {
  const plot::Palette& p = view.palette();
  const std::pair<ImU32, Level> classes[] = {
      {p.critical, Level::kCritical}, {p.high, Level::kHigh}, {p.medium, Level::kMedium}};
  for (const auto& [colour, level] : classes) {
    bool there = false;
    for (const Alarm& alarm : alarms(model)) there = there || alarm.level == level;
    CHECK((Headless::vertices_of(colour) > 0) == there);
  }
}

}  // namespace

TEST_CASE("every state of a rule × every state of the link", "[dashboard][states]") {
  int cells = 0;
  for (const test::RuleInState& one : test::rules_in_every_state()) {
    const bool latched = one.rule.state == wire::RuleState::kLatched;
    const bool fired = latched || one.rule.state == wire::RuleState::kActive;
    const bool inhibited = one.rule.phase == wire::RulePhase::kInhibited;
    for (const Link link : kLinks) {
      INFO(one.text << ", link " << static_cast<int>(link));
      const Expected expected = expected_of(link);
      const Model model = model_of(link, one, fired);
      const RunId run = model.shown()->run;
      CHECK(rule_rows(*model.shown()).at(0).state.rfind(one.text, 0) == 0);
      CHECK(model.command_obstacle().rfind(expected.command, 0) == 0);
      CHECK(model.command_obstacle().empty() == expected.command.empty());
      CHECK(model.lowering_obstacle(run).rfind(expected.lowering, 0) == 0);
      CHECK(model.lowering_obstacle(run).empty() == expected.lowering.empty());

      Headless gui;
      View view;
      gui.frames(3, model, view);
      check_colours(model, view);
      const bool lowers = expected.lowering.empty();
      CHECK(is_alive(gui, model, "Reset defend...", "Hold to reset") == (lowers && latched));
      CHECK(is_alive(gui, model, "Inhibit defend...", "Hold to inhibit") ==
            (lowers && !latched && !inhibited));
      CHECK(is_alive(gui, model, "Allow defend...", "Hold to allow") == (lowers && inhibited));
      CHECK(is_alive(gui, model, "Force kl...", "Apply") == expected.command.empty());
      CHECK_FALSE(is_alive(gui, model, "Release kl...", "Hold to release"));
      for (const Action& action : gui.actions) {
        CHECK_FALSE((std::holds_alternative<ForceKnob>(action) ||
                     std::holds_alternative<OrderRule>(action)));
      }
      ++cells;
    }
  }
  CHECK(cells == 9 * 6);
}
