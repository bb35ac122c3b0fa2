// Random runs of the hybrid policy, for properties.
#pragma once

#include <rapidcheck.h>

#include <optional>
#include <string>
#include <vector>

#include "monitor/wire/codec.h"
#include "tests/policy/support.h"

namespace phaseguard::policy {

// One generated event; `kind` selects among reports (most), commands, rollbacks, new attempts.
struct Event {
  int kind;
  std::int64_t advance;
  int llr, judge, margin;  // value codes: low, at the line, high, NaN, absent
  int value;               // of a command
};

inline rc::Gen<Event> event() {
  using rc::gen::inRange;
  return rc::gen::construct<Event>(inRange(0, 24), inRange<std::int64_t>(0, 8), inRange(0, 5),
                                   inRange(0, 5), inRange(0, 5), inRange(0, 9));
}

inline void add(Values& values, const char* name, int code, double line) {
  const double choices[] = {0.0, line, line * 2.0 + 0.1, wire::kNaN};
  if (code < 4) values.emplace_back(name, choices[code]);
}

inline Values values_of(const Event& e) {
  Values values;
  add(values, "data/llr_share", e.llr, 0.2);
  add(values, "judge/score", e.judge, 0.3);
  add(values, "canary/margin", e.margin, 1.5);
  return values;
}

// NaN compares as its bits.
inline std::string bytes_of(const wire::Decision& decision) {
  wire::Message message;
  message.body = decision;
  return wire::encode(message);
}

// Feeds event number `i`; `step` is where the run is.
inline std::optional<wire::Decision> feed(Run& run, const Event& e, std::size_t i,
                                          std::int64_t& step) {
  step += e.advance;
  if (e.kind == 0) {
    step = step / 2;
    return run.rolled_back_to(step);
  }
  if (e.kind == 1) {
    ++run.attempt;
    run.segment = 0;
    wire::Hello hello = usual_hello();
    hello.start_step = Step{step};
    return run.say(hello, step);
  }
  if (e.kind > 4) return run.at(step, values_of(e));
  wire::Command command;
  command.id = std::to_string(i % 20);
  command.action = e.kind == 2   ? wire::Action::kForce
                   : e.kind == 3 ? wire::Action::kRelease
                                 : wire::Action::kReset;
  command.operator_name = "o";
  command.reason = "r";
  command.knob = "kl";
  command.rule = "defend";
  command.value = 0.5 * (e.value - 1);
  command.expected_version = run.machine.state_version();
  command.expires_after_steps = e.value;
  return run.say(command, step);
}

// Feeds the events; calls `between` before each.
template <class Between>
std::vector<std::string> play(Run& run, const std::vector<Event>& events, Between between) {
  std::vector<std::string> decisions;
  std::int64_t step = 0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    between(i);
    const auto decision = feed(run, events[i], i, step);
    if (decision) decisions.push_back(bytes_of(*decision));
  }
  return decisions;
}

inline void nothing(std::size_t) {}

inline rc::Gen<std::vector<Event>> events() {
  return rc::gen::resize(120, rc::gen::container<std::vector<Event>>(event()));
}

}  // namespace phaseguard::policy
