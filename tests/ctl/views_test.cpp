// What the views of the command line make of each state of a rule, and of words that only a newer
// peer knows.
#include "monitor/ctl/live/status_text.h"
#include "monitor/ctl/record/report_page.h"
#include "tests/run/story.h"
#include "tests/support/catch.h"
#include "tests/support/hostile.h"
#include "tests/support/phases.h"

using namespace phaseguard;
using Catch::Contains;

namespace {

// The line of `text` with `part` in it.
std::string line_with(const std::string& text, const std::string& part) {
  const std::size_t at = text.find(part);
  if (at == std::string::npos) return "";
  const std::size_t begin = text.rfind('\n', at) + 1;
  return text.substr(begin, text.find('\n', at) - begin);
}

wire::Header header() {
  wire::Header header;
  header.run = *RunId::parse("story");
  header.step = Step{12};
  return header;
}

}  // namespace

TEST_CASE("each state of a rule is in status, watch and report", "[ctl]") {
  const auto all = test::rules_in_every_state();
  REQUIRE(all.size() == 9);
  wire::Status status;
  ctl::ReportedRun reported;
  for (const wire::Message& message : test::story().messages) run::fold(reported.state, message);
  for (const test::RuleInState& one : all) {
    status.rules.push_back(one.rule);
    reported.rules.push_back(one.rule);
  }
  const std::string text = ctl::status_text(header(), status);
  const nlohmann::json json = ctl::status_json(header(), status);
  const std::string page = ctl::report_page("r", {reported}, {});
  ctl::RuleNews watched;
  const auto news = watched.take(header(), status);
  REQUIRE(news.size() == all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    INFO(all[i].rule.rule);
    CHECK_THAT(line_with(text, all[i].rule.rule),
               Contains("  " + all[i].text + "  ") || Contains(" " + all[i].text + " "));
    CHECK(json["rules"][i]["text"] == all[i].text);
    CHECK(json["rules"][i]["phase"] == all[i].rule.phase.text());
    CHECK(news[i] == "rule " + all[i].rule.rule + ": " + all[i].text);
    CHECK_THAT(page,
               Contains(">" + all[i].rule.rule + "</th>") && Contains(">" + all[i].text + "</td>"));
  }
  // Watch tells what changed, and that alone.
  CHECK(watched.take(header(), status).empty());
  status.rules[0].phase = wire::RulePhase::kArmed;
  CHECK(watched.take(header(), status) ==
        std::vector<std::string>{"rule " + all[0].rule.rule + ": armed"});
}

TEST_CASE("words of a newer peer are shown as they are", "[ctl]") {
  wire::Status status;
  status.link = wire::Word<wire::LinkState>::from("link-x");
  status.label = wire::Word<wire::Label>::from("label-x");
  status.mode = wire::Word<wire::Mode>::from("mode-x");
  status.control = wire::Word<wire::ControlBy>::from("control-x");
  status.knobs.emplace_back();
  status.knobs.back().cause = wire::Cause::from("cause-x:somebody");
  status.requests.emplace_back();
  status.requests.back().type = wire::Word<wire::RequestType>::from("request-x");
  status.requests.back().status = wire::Word<wire::Progress>::from("progress-x");
  status.alerts.emplace_back();
  status.alerts.back().severity = wire::Word<wire::Severity>::from("severity-x");
  status.alerts.back().source = wire::AlertSource::from("source-x");
  const std::string text = ctl::status_text(header(), status);
  for (const char* word : {"link-x", "mode-x", "control-x", "cause-x:somebody", "severity-x"}) {
    INFO(word);
    CHECK_THAT(text, Contains(word));
  }
  const std::string json = ctl::status_json(header(), status).dump();
  for (const char* word : {"link-x", "label-x", "mode-x", "control-x", "cause-x:somebody",
                           "request-x", "progress-x", "severity-x", "source-x"}) {
    INFO(word);
    CHECK_THAT(json, Contains('"' + std::string(word) + '"'));
  }

  test::Story story = test::story();
  ctl::ReportedRun reported;
  wire::Hello hello = test::hello();
  hello.label = wire::Word<wire::Label>::from("label-x");
  story.messages[0].body = hello;
  std::get<wire::PolicyLoaded>(story.messages[1].body).mode =
      wire::Word<wire::Mode>::from("mode-x");
  for (wire::Message& message : story.messages) {
    if (auto* decision = std::get_if<wire::Decision>(&message.body)) {
      decision->knobs[0].cause = wire::Cause::from("cause-x");
      decision->requests[0].type = wire::Word<wire::RequestType>::from("request-x");
    }
    if (auto* applied = std::get_if<wire::Applied>(&message.body)) {
      if (!applied->requests.empty()) {
        applied->requests[0].status = wire::Word<wire::Outcome>::from("outcome-x");
      }
    }
    run::fold(reported.state, message);
  }
  const std::string page = ctl::report_page("r", {reported}, {});
  for (const char* word : {"mode-x", "cause-x", "request-x", "outcome-x"}) {
    INFO(word);
    CHECK_THAT(page, Contains(word));
  }
}

TEST_CASE("a hostile name forges no line of status and turns none", "[ctl][hostile]") {
  const std::string name = test::kHostileName;
  wire::Status status;
  status.link = wire::Word<wire::LinkState>::from(name);
  status.mode = wire::Word<wire::Mode>::from(name);
  status.control = wire::Word<wire::ControlBy>::from(name);
  status.end = wire::Word<wire::RunEnd>::from(name);
  status.policy = name;
  status.knobs.emplace_back().name = name;
  status.knobs.back().cause = wire::Cause::from(name);
  status.rules.emplace_back().rule = name;
  status.rules.back().state = wire::Word<wire::RuleState>::from(name);
  status.detectors.emplace_back().detector = name;
  status.detectors.back().signal = name;
  status.signals.emplace_back().name = name;
  status.signals.back().fates.emplace_back().fate = wire::Word<wire::ReportFate>::from(name);
  status.alerts.emplace_back().text = name;
  status.alerts.back().severity = wire::Word<wire::Severity>::from(name);
  status.override_.active = true;
  status.override_.operator_name = status.override_.reason = name;
  const std::string text = ctl::status_text(header(), status);
  CHECK(test::came_through(text).empty());
  CHECK_THAT(text, Contains("! " + std::string(test::kHostileShown) + ": " + test::kHostileShown));
  // Everything that JSON holds is exact.
  const nlohmann::json json = ctl::status_json(header(), status);
  CHECK(json["override"]["reason"] == name);
}
