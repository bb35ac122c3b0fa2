// Plays a policy test through the engine and compares.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "monitor/base/table_text.h"
#include "monitor/base/text.h"
#include "monitor/ctl/files.h"
#include "monitor/ctl/policytest/policy_script.h"
#include "monitor/ctl/text_lines.h"
#include "monitor/policy/engine/playback.h"

namespace phaseguard::ctl {

namespace {

// Decimal text of what a controller computes is rarely exact.
constexpr double kTolerance = 1e-6;

bool holds(double found, const std::string& comparison, double bound) {
  if (comparison == "<") return found < bound;
  if (comparison == ">") return found > bound;
  if (comparison == "<=") return found <= bound;
  if (comparison == ">=") return found >= bound;
  return std::fabs(found - bound) <= kTolerance * std::max(1.0, std::fabs(bound));
}

// What came of one step: its reports, then its events.
struct Happened {
  std::vector<wire::Request> requests;
  std::vector<wire::Alert> alerts;
  std::vector<std::string> fired;                        // rules that became active or latched
  std::vector<std::pair<int, policy::Verdict>> answers;  // line of the command, what it got
};

class Player {
 public:
  Player(const Script& script, const ScriptTest& test, TestResult& out)
      : script_(script), test_(test), out_(out) {}

  // Error: the policy does not fit the declaration.
  Result<void> begin() {
    auto begun = policy::Playback::create(script_.document, message(script_.hello, attempt_));
    if (!begun) return tl::unexpected(begun.error());
    playback_ = std::move(*begun);
    note(playback_.opening());
    return {};
  }

  void play() {
    bool first = true;
    for (const ScriptPhase& phase : test_.phases) {
      if (!first) begin(phase);
      first = false;
      const std::int64_t last = phase.last();
      for (std::int64_t step = phase.start; step <= last; ++step) {
        step_ = step;
        report(phase, step);
        for (const ScriptEvent& event : phase.events) {
          if (event.step == step) take(event);
        }
        compare(phase);
        happened_ = {};
      }
      base_ += last - phase.start;
    }
  }

 private:
  [[nodiscard]] const policy::Machine& machine() const { return *playback_.machine(); }

  wire::Message message(wire::Body body, std::int64_t attempt) {
    wire::Message message;
    message.header.run = *RunId::parse("test");
    message.header.seq = message.header.source_seq = Seq{++seq_};
    message.header.step = Step{step_};
    message.header.attempt = attempt;
    message.header.t = script_.step_seconds * static_cast<double>(base_ + step_ - start_);
    message.body = std::move(body);
    return message;
  }

  void on(wire::Body body) { note(playback_.on(message(std::move(body), attempt_))); }

  void note(const std::optional<wire::Decision>& decided) {
    if (decided) {
      out_.decisions.push_back("step " + std::to_string(step_) + ": " + decided->summary);
      for (const wire::Request& r : decided->requests) {
        happened_.requests.push_back(r);
        issued_[r.type.text()] = r.id;
      }
      for (const wire::Alert& alert : decided->alerts) happened_.alerts.push_back(alert);
    }
    note_states();
  }

  void note_states() {
    for (const wire::RuleEvidence& rule : machine().rule_evidence()) {
      wire::Word<wire::RuleState>& before = states_[rule.rule];
      if (rule.state != wire::RuleState::kQuiet &&
          (before.empty() || before == wire::RuleState::kQuiet)) {
        happened_.fired.push_back(rule.rule);
      }
      before = rule.state;
    }
  }

  void begin(const ScriptPhase& phase) {
    step_ = start_ = phase.start;
    if (phase.begin == ScriptPhase::Begin::kResume) {
      ++attempt_;
      segment_ = 0;
      wire::Hello hello = script_.hello;
      hello.start_step = Step{phase.start};
      hello.parent_attempt = attempt_ - 1;
      on(std::move(hello));
      return;
    }
    wire::Applied applied = applied_now();
    applied.segment = ++segment_;
    if (const auto id = issued_.find(std::string(wire::text_of(wire::RequestType::kRollback)));
        id != issued_.end()) {
      applied.requests.push_back({id->second, wire::Outcome::kDone,
                                  "restored snapshot of step " + std::to_string(phase.start),
                                  Step{phase.start}});
    }
    on(std::move(applied));
  }

  [[nodiscard]] wire::Applied applied_now() const {
    wire::Applied applied;
    const bool shadow = machine().document().shadow;
    for (const wire::KnobSetting& knob : machine().settings()) {
      applied.knobs.push_back({knob.knob, knob.value, knob.decision, knob.cause, {}});
      if (shadow) applied.knobs.back().value = machine().in_force(knob.knob);
    }
    applied.segment = segment_;
    applied.source = wire::Source::kDaemon;
    return applied;
  }

  // Values of one batch's samples, which a trainer sends before it trains on them.
  [[nodiscard]] bool is_per_sample(const std::string& signal) const {
    return std::any_of(script_.hello.signals.begin(), script_.hello.signals.end(),
                       [&](const wire::SignalDecl& declared) {
                         return declared.name == signal && declared.items == wire::Items::kSample;
                       });
  }

  // A trainer reports every step, with whatever was measured then.
  void report(const ScriptPhase& phase, std::int64_t step) {
    wire::Report report;
    for (const ScriptSeries& series : phase.series) {
      const std::int64_t since = step - series.from;
      if (since < 0 || since % series.every != 0 || step > series.last()) continue;
      const ScriptValue& value = series.values[static_cast<std::size_t>(since / series.every)];
      if (!value.sent) continue;
      report.samples.push_back(value.sample);
      report.samples.back().signal = series.signal;
      if (!is_per_sample(series.signal)) continue;
      report.origin = wire::Report::Origin::kBatch;
      report.batch = step + 1;
    }
    if (step == phase.start && report.samples.empty()) return;
    on(std::move(report));
  }

  [[nodiscard]] policy::Verdict verdict_on(const wire::Command& command) const {
    std::string why = machine().why_not_possible(command);
    if (!why.empty()) return {wire::ReplyStatus::kRefused, std::move(why)};
    return machine().judge(command, Step{step_});
  }

  void take(const ScriptEvent& event) {
    if (event.kind == ScriptEvent::Kind::kCommand) {
      wire::Command command = event.command;
      command.id = "command-" + std::to_string(++commands_);
      if (command.expected_version == -2) command.expected_version = machine().state_version();
      happened_.answers.emplace_back(event.line, verdict_on(command));
      // The daemon records what it accepts, and the engine hears what is recorded.
      if (happened_.answers.back().second.status == wire::ReplyStatus::kLogged) {
        note(playback_.on(message(std::move(command), 0)));
      }
    } else if (event.kind == ScriptEvent::Kind::kEnd) {
      on(wire::Goodbye{wire::Word<wire::GoodbyeReason>::from(event.name), ""});
    } else if (event.kind == ScriptEvent::Kind::kOutcome) {
      const auto id = issued_.find(event.name);
      wire::Applied applied = applied_now();
      applied.requests.push_back({id == issued_.end() ? 0 : id->second,
                                  wire::Word<wire::Outcome>::from(event.status), event.detail,
                                  Step{-1}});
      on(std::move(applied));
    } else if (!event.name.empty()) {
      wire::Applied applied = applied_now();
      for (wire::AppliedKnob& knob : applied.knobs) {
        if (knob.name == event.name) knob.value = event.value;
      }
      on(std::move(applied));
    }
  }

  // ---- comparing

  void finding(int line, std::string expected, std::string found) {
    out_.findings.push_back({line, step_, std::move(expected), std::move(found)});
  }

  void compare(const ScriptPhase& phase) {
    std::set<std::string> rules;  // expected to be in force here
    std::vector<bool> requests(happened_.requests.size()), alerts(happened_.alerts.size());
    bool answers = false;
    for (const Expectation& item : phase.expected) {
      if (step_ < item.first || step_ > item.last) continue;
      std::string found;
      switch (item.kind) {
        case Expectation::Kind::kRule:
          if (wire::word_of<wire::RuleState>(item.word) != wire::RuleState::kQuiet)
            rules.insert(item.name);
          found = rule_found(item);
          break;
        case Expectation::Kind::kKnob:
        case Expectation::Kind::kSite:
        case Expectation::Kind::kInForce:
          found = knob_found(item);
          break;
        case Expectation::Kind::kVote:
        case Expectation::Kind::kStatistic:
          found = detector_found(item);
          break;
        case Expectation::Kind::kRequest:
          found = request_found(item, requests);
          break;
        case Expectation::Kind::kAlert:
          found = alert_found(item, alerts);
          break;
        case Expectation::Kind::kAnswer:
          answers = true;
          found = answer_found(item);
          break;
        case Expectation::Kind::kNothing:
          found = anything();
          break;
      }
      if (!found.empty()) finding(item.line, item.text, found);
    }
    if (!answers) refused_commands();
    if (!test_.others_allowed) unexpected(rules, requests, alerts);
  }

  // Each of these gives what was found, or "" when the expectation holds.
  [[nodiscard]] std::string rule_found(const Expectation& item) const {
    for (const wire::RuleEvidence& rule : machine().rule_evidence()) {
      if (rule.rule != item.name) continue;
      if (rule.state.text() == item.word && (!item.at_floor || rule.at_floor)) return "";
      std::string found = "rule." + rule.rule + " " + rule.state.text();
      if (rule.state != wire::RuleState::kQuiet) {
        found += " since step " + std::to_string(rule.fired_step.value) +
                 (rule.at_floor ? ", at its floor" : "");
      } else {
        found += ", " + std::to_string(rule.votes) + " of " + std::to_string(rule.of) + " vote";
      }
      return found;
    }
    return "no such rule";
  }

  [[nodiscard]] std::string knob_found(const Expectation& item) const {
    for (const wire::KnobSetting& knob : machine().settings()) {
      if (knob.knob != item.name) continue;
      if (item.kind == Expectation::Kind::kSite) {
        if (knob.site.text() == item.word) return "";
        return knob.knob + " at the site " +
               (knob.site.empty() ? "it was declared with" : knob.site.text());
      }
      if (item.kind == Expectation::Kind::kInForce) {
        const double value = machine().in_force(knob.knob);
        if (holds(value, item.comparison, item.value)) return "";
        return knob.knob + " in force = " + number_text(value);
      }
      if (holds(knob.value, item.comparison, item.value)) return "";
      return knob.knob + " = " + number_text(knob.value) + " (" + knob.cause.text() + ")";
    }
    return "no such knob";
  }

  [[nodiscard]] std::string detector_found(const Expectation& item) const {
    for (const wire::DetectorEvidence& detector : machine().detector_evidence()) {
      if (detector.detector != item.name) continue;
      const bool good = item.kind == Expectation::Kind::kVote
                            ? detector.voting == (item.word == "votes")
                            : holds(detector.statistic, item.comparison, item.value);
      if (good) return "";
      return "detector." + detector.detector + (detector.voting ? " votes" : " quiet") + ", " +
             number_text(detector.statistic) + " against " + number_text(detector.threshold) +
             ", " + std::to_string(detector.streak) + " of " + std::to_string(detector.needed) +
             " in a row after " + counted(detector.n, "measurement");
    }
    return "no such detector";
  }

  std::string request_found(const Expectation& item, std::vector<bool>& seen) const {
    std::string all;
    for (std::size_t i = 0; i < happened_.requests.size(); ++i) {
      const wire::Request& request = happened_.requests[i];
      if (request.type.text() == item.name && (!item.to || request.before_step.value == *item.to)) {
        seen[i] = true;
        return "";
      }
      all += (all.empty() ? "" : ", ") + text_of(request);
    }
    return all.empty() ? "no request" : all;
  }

  std::string alert_found(const Expectation& item, std::vector<bool>& seen) const {
    std::string all;
    for (std::size_t i = 0; i < happened_.alerts.size(); ++i) {
      const wire::Alert& alert = happened_.alerts[i];
      const bool same = alert.severity.text() == item.word &&
                        (item.name.empty() || alert.source.text() == item.name);
      if (same && !seen[i]) {
        seen[i] = true;
        return "";
      }
      all += (all.empty() ? "" : ", ") + text_of(alert);
    }
    return all.empty() ? "no alert" : all;
  }

  [[nodiscard]] std::string answer_found(const Expectation& item) const {
    for (const auto& [line, verdict] : happened_.answers) {
      if (verdict.status.text() == item.word) return "";
    }
    if (happened_.answers.empty()) return "no command at this step";
    const policy::Verdict& verdict = happened_.answers.back().second;
    return "answer " + verdict.status.text() + ": " + verdict.text;
  }

  [[nodiscard]] std::string anything() const {
    std::vector<std::string> all;
    for (const std::string& rule : happened_.fired) all.push_back("rule." + rule + " fired");
    for (const wire::Request& request : happened_.requests) all.push_back(text_of(request));
    for (const wire::Alert& alert : happened_.alerts) all.push_back(text_of(alert));
    return joined(all, ", ");
  }

  void refused_commands() {
    for (const auto& [line, verdict] : happened_.answers) {
      if (verdict.status != wire::ReplyStatus::kLogged) {
        finding(line, "the command is accepted",
                "answer " + verdict.status.text() + ": " + verdict.text);
      }
    }
  }

  void unexpected(const std::set<std::string>& rules, const std::vector<bool>& requests,
                  const std::vector<bool>& alerts) {
    for (const std::string& rule : happened_.fired) {
      if (rules.count(rule) == 0) finding(test_.line, "", "rule." + rule + " fired");
    }
    for (std::size_t i = 0; i < requests.size(); ++i) {
      if (!requests[i]) finding(test_.line, "", text_of(happened_.requests[i]));
    }
    for (std::size_t i = 0; i < alerts.size(); ++i) {
      if (!alerts[i]) finding(test_.line, "", text_of(happened_.alerts[i]));
    }
  }

  [[nodiscard]] static std::string text_of(const wire::Request& request) {
    std::string out = "request " + request.type.text();
    if (request.type == wire::RequestType::kRollback && request.before_step.value >= 0) {
      out += " to " + std::to_string(request.before_step.value);
    }
    return out;
  }
  [[nodiscard]] static std::string text_of(const wire::Alert& alert) {
    return "alert " + alert.severity.text() + " from " + alert.source.text() + " (" + alert.text +
           ")";
  }

  const Script& script_;
  const ScriptTest& test_;
  policy::Playback playback_;
  TestResult& out_;
  Happened happened_;
  std::map<std::string, wire::Word<wire::RuleState>> states_;  // of rules, after the last event
  std::map<std::string, std::int64_t> issued_;                 // newest request of a type
  std::int64_t seq_ = 0;
  std::int64_t step_ = 0;
  std::int64_t start_ = 0;  // of the phase
  std::int64_t base_ = 0;   // steps of the phases before
  std::int64_t attempt_ = 1;
  std::int64_t segment_ = 0;
  std::int64_t commands_ = 0;
};

}  // namespace

TestResult run_test(const Script& script, const ScriptTest& test) {
  TestResult out;
  out.name = test.name;
  out.line = test.line;
  Player player(script, test, out);
  if (Result<void> begun = player.begin(); !begun) {
    out.findings.push_back(
        {test.line, 0, "the policy fits the declaration", begun.error().message});
    return out;
  }
  player.play();
  return out;
}

}  // namespace phaseguard::ctl
