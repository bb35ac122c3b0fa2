// Reads the words of a trace script (trace_main.cpp describes the format). For the tests of the
// policy engine only; one thread.
#pragma once

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/wire/messages.h"

namespace phaseguard::policy::trace {

// One line, word by word; "-" is the empty word. Throws std::runtime_error when there are too few:
// the script is a test's own.
class Line {
 public:
  explicit Line(std::string_view text) : rest_(text) {}

  bool empty() {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
    return rest_.empty();
  }
  std::string word() {
    if (empty()) throw std::runtime_error("trace: a line with too few words");
    const std::string_view w = rest_.substr(0, rest_.find(' '));
    rest_.remove_prefix(w.size());
    return w == "-" ? std::string() : std::string(w);
  }
  std::int64_t whole() { return std::strtoll(word().c_str(), nullptr, 10); }
  // The bits of a double, 16 hexadecimal digits.
  double number() {
    return std::bit_cast<double>(
        static_cast<std::uint64_t>(std::strtoull(word().c_str(), nullptr, 16)));
  }
  // "a,b,c".
  std::vector<std::string> list() {
    std::vector<std::string> out;
    std::string all = word();
    while (!all.empty()) {
      const std::size_t comma = all.find(',');
      out.push_back(all.substr(0, comma));
      all = comma == std::string::npos ? std::string() : all.substr(comma + 1);
    }
    return out;
  }

 private:
  std::string_view rest_;
};

inline wire::SignalDecl read_signal(Line& line) {
  wire::SignalDecl decl;
  decl.name = line.word();
  decl.unit = "1";
  decl.min = line.number();
  decl.max = line.number();
  decl.items = wire::Word<wire::Items>::from(line.word());
  decl.every_steps = line.whole();
  decl.columns = line.whole();
  return decl;
}

inline wire::KnobDecl read_knob(Line& line) {
  wire::KnobDecl decl;
  decl.name = line.word();
  decl.unit = "1";
  decl.min = line.number();
  decl.max = line.number();
  decl.per_sample = line.whole() != 0;
  for (std::string& site : line.list())
    decl.sites.push_back(wire::Word<wire::Site>::from(std::move(site)));
  return decl;
}

// ORIGIN BATCH { NAME missing | NAME VALUE N item... }
inline wire::Report read_report(Line& line) {
  wire::Report report;
  report.origin = static_cast<wire::Report::Origin>(line.whole());
  report.batch = line.whole();
  while (!line.empty()) {
    wire::Sample sample;
    sample.signal = line.word();
    Line ahead = line;
    if (ahead.word() == "missing") {
      line = ahead;
      sample.missing = true;
    } else {
      sample.value = line.number();
      for (std::int64_t n = line.whole(); n > 0; --n) sample.items.push_back(line.number());
    }
    report.samples.push_back(std::move(sample));
  }
  return report;
}

// SEGMENT { ID STATUS RESTORED_STEP }
inline wire::Applied read_applied(Line& line) {
  wire::Applied applied;
  applied.segment = line.whole();
  while (!line.empty()) {
    wire::RequestOutcome outcome;
    outcome.id = line.whole();
    outcome.status = wire::Word<wire::Outcome>::from(line.word());
    outcome.restored_step = Step{line.whole()};
    applied.requests.push_back(std::move(outcome));
  }
  return applied;
}

// ID ACTION OPERATOR REASON KNOB VALUE RULE EXPIRES EXPECTED; EXPECTED is a number, or "v+N" for
// the version in force plus N.
inline wire::Command read_command(Line& line, std::int64_t version) {
  wire::Command command;
  command.id = line.word();
  command.action = wire::Word<wire::Action>::from(line.word());
  command.operator_name = line.word();
  command.reason = line.word();
  command.knob = line.word();
  command.value = line.number();
  command.rule = line.word();
  command.expires_after_steps = line.whole();
  const std::string expected = line.word();
  const bool relative = expected.rfind("v+", 0) == 0;
  command.expected_version =
      std::strtoll(expected.c_str() + (relative ? 2 : 0), nullptr, 10) + (relative ? version : 0);
  return command;
}

}  // namespace phaseguard::policy::trace
