// The report page of a record whose every text is hostile.
#include "monitor/ctl/record/report_page.h"

#include "tests/run/story.h"
#include "tests/support/catch.h"
#include "tests/support/hostile.h"
#include "tests/support/html.h"

using namespace phaseguard;
using Catch::Contains;

namespace {

constexpr const char* kBad = "<script>alert('\"')</script>\x1b[2J\xe2\x80\xae\xc2\x9b\n";

wire::Hello hostile_hello() {
  wire::Hello hello = test::hello();
  hello.label = wire::Word<wire::Label>::from(kBad);
  hello.model_id = hello.reference_id = hello.canary_set = hello.canary_digest = kBad;
  hello.notes = {std::string(kBad) + ": " + kBad};
  hello.knobs[0].name = kBad;
  for (wire::SignalDecl& signal : hello.signals) {
    signal.unit = kBad;
    signal.variant = kBad;
  }
  hello.signals.emplace_back();
  hello.signals.back().name = kBad;
  return hello;
}

run::RunState hostile_run() {
  test::Story story;
  story.add(0, hostile_hello());
  wire::PolicyLoaded policy;
  policy.name = policy.digest = kBad;
  for (const char* signal : {"judge/score", kBad}) {
    wire::DetectorInfo detector;
    detector.name = detector.type = detector.unit = kBad;
    detector.signal = signal;
    policy.detectors.push_back(detector);
  }
  story.add(0, policy, 0);
  for (std::int64_t step = 0; step < 9; ++step) {
    const double value = step == 4 ? wire::kNaN : 0.1 * static_cast<double>(step);
    story.add(step,
              test::report(wire::Report::Origin::kBatch, {test::sample("judge/score", value)}));
  }
  wire::Decision fired = test::decision(1, 8, 0.0, 2.0);
  fired.before[0].knob = fired.knobs[0].knob = kBad;
  fired.knobs[0].cause = wire::Cause::from(kBad);
  fired.detectors[0].detector = kBad;
  fired.requests.emplace_back();
  fired.requests.back().type = wire::Word<wire::RequestType>::from(kBad);
  fired.summary = kBad;
  story.add(8, fired, 0);
  wire::Command command;
  command.operator_name = kBad;
  command.action = wire::Word<wire::Action>::from(kBad);
  story.add(8, command, 0);
  run::RunState state;
  for (const wire::Message& message : story.messages) run::fold(state, message);
  return state;
}

}  // namespace

TEST_CASE("a report escapes every text of a record", "[ctl][report][hostile]") {
  ctl::ReportedRun run;
  run.state = hostile_run();
  run.file_name = run.verified = kBad;
  run.screenshot_png = "\x89PNG";
  const std::string page =
      ctl::report_page(kBad, {run}, {{kBad, true, {{kBad, std::nullopt}, {kBad, stats::Rate{}}}}});
  CHECK(test::faults_of_page(page).empty());
  CHECK(test::came_through(page).empty());
  CHECK_THAT(page, Contains("\\x1b[2J\\u202e\\u009b\\n"));
  CHECK_THAT(page, !Contains("alert('") && Contains("&lt;script&gt;alert("));
  CHECK_THAT(page, Contains("Not measured in this run: ") && Contains("; canary/js"));
  CHECK_THAT(page, Contains("not measured</td>"));
  // The gap at step 4 ends the line: one mark, two parts.
  CHECK_THAT(page, Contains("class='hole'>\xc3\x97</text>"));
}

TEST_CASE("a report has the plots that were declared and watched, in one order", "[ctl][report]") {
  test::Story story;
  wire::Hello hello;
  hello.session = "s";
  for (const char* name : {"train/loss", "mine/score", "mine/queue"}) {
    hello.signals.emplace_back();
    hello.signals.back().name = name;
    hello.signals.back().min = 0.0;
    hello.signals.back().max = 10.0;
  }
  hello.signals[1].unit = "points";
  hello.knobs.emplace_back();
  hello.knobs.back().name = "lr_scale";
  story.add(0, hello);
  wire::PolicyLoaded policy;
  policy.detectors = {{"high", "mine/score", "level", 6.5, "points", 3, 0, {}},
                      {"steep", "train/loss", "rate", 0.5, "1/step", 1, 0, {}},
                      {"lost", "other/thing", "level", 1.0, "", 1, 0, {}}};
  story.add(0, policy, 0);
  for (std::int64_t step = 0; step < 9; ++step) {
    story.add(step, test::report(wire::Report::Origin::kStep,
                                 {test::sample("train/loss", 9.0 - 0.5 * static_cast<double>(step)),
                                  test::sample("mine/score", static_cast<double>(step)),
                                  test::sample("mine/queue", 3.0)}));
  }
  ctl::ReportedRun run;
  for (const wire::Message& message : story.messages) run::fold(run.state, message);
  const std::string page = ctl::report_page("r", {run}, {});
  CHECK(test::faults_of_page(page).empty());

  std::size_t at = 0;
  for (const char* part :
       {"What the policy watches", "Training loss (train/loss)", "mine/score (points)",
        "Other signals", ">mine/queue<", "Knobs", "Knob lr_scale",
        "Not measured in this run: other/thing (watched by the policy, and not declared"}) {
    INFO(part);
    const std::size_t found = page.find(part, at);
    REQUIRE(found != std::string::npos);
    at = found;
  }
  CHECK_THAT(page, Contains(">high &gt; 6.5</text>"));
  CHECK_THAT(page, Contains("What the optimiser minimises"));
  CHECK_THAT(page, Contains("steep: rate &gt; 0.5 1/step (on a scale of its own: no line)"));
  CHECK_THAT(page, !Contains("steep &gt;"));  // a slope has no line among values
  CHECK_THAT(page, Contains(">10</text>"));   // the axis goes to the end of the declared range
}
