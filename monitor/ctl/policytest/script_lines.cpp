#include "monitor/ctl/policytest/script_lines.h"

#include <algorithm>
#include <optional>

#include "monitor/base/table_text.h"
#include "monitor/base/text.h"
#include "monitor/ctl/text_lines.h"

namespace phaseguard::ctl {

namespace {

using Words = std::vector<std::string>;

bool is_one_of(const std::string& word, const Words& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

const Words& requests() {
  static const Words kRequests{"rollback", "checkpoint", "pause", "stop"};
  return kRequests;
}

Result<void> malformed(const std::string& where, const std::string& what) {
  return fail(Errc::kMalformed, where + what);
}

Result<void> take_options(const Words& words, std::size_t at, wire::Command& command,
                          const std::string& where) {
  for (; at < words.size(); at += 2) {
    const std::string& key = words[at];
    const bool has_value = at + 1 < words.size();
    const auto number = has_value ? parse_integer(words[at + 1]) : std::nullopt;
    if (has_value && key == "by") {
      command.operator_name = words[at + 1];
    } else if (has_value && key == "reason") {
      command.reason = words[at + 1];
    } else if (number && key == "expires") {
      command.expires_after_steps = *number;
    } else if (number && key == "version") {
      command.expected_version = *number;
    } else {
      return malformed(where,
                       "expected by NAME, reason \"TEXT\", expires STEPS or version N, "
                       "found " +
                           quoted(key, 40));
    }
  }
  return {};
}

Result<ScriptEvent> command_event(const Words& words, const std::string& where) {
  ScriptEvent event;
  wire::Command& command = event.command;
  command.action = wire::Word<wire::Action>::from(words[0]);
  command.operator_name = "operator";
  command.expected_version = -2;
  if (words.size() < 2) return fail(Errc::kMalformed, where + "expected a name after " + words[0]);
  std::size_t at = 2;
  const bool forces = command.action == wire::Action::kForce;
  if (forces) {
    const auto value = words.size() > 2 ? parse_number(words[2]) : std::nullopt;
    if (!value) return fail(Errc::kMalformed, where + "expected force KNOB VALUE");
    command.value = *value;
    at = 3;
  }
  const bool of_knob = forces || command.action == wire::Action::kRelease;
  (of_knob ? command.knob : command.rule) = words[1];
  if (auto taken = take_options(words, at, command, where); !taken) {
    return tl::unexpected(taken.error());
  }
  return event;
}

// Parts between commas; commas inside double quotes do not count.
Words parts_of(std::string_view text) {
  Words out(1);
  bool in_quotes = false;
  for (const char c : text) {
    if (c == '"') in_quotes = !in_quotes;
    if (c == ',' && !in_quotes) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

class ItemReader {
 public:
  ItemReader(const policy::Document& document, const std::string& where)
      : document_(document), where_(where) {}

  [[nodiscard]] Result<Expectation> read(const std::string& text) const {
    Expectation out;
    out.text = std::string(trimmed(text));
    const Words words = words_of(text);
    if (words.empty()) return error("expected something between the commas");
    Result<void> taken;
    if (words[0].rfind("rule.", 0) == 0) {
      taken = rule(words, out);
    } else if (words[0].rfind("detector.", 0) == 0) {
      taken = detector(words, out);
    } else if (words[0] == "request") {
      taken = request(words, out);
    } else if (words[0] == "alert") {
      taken = alert(words, out);
    } else if (words[0] == "answer") {
      taken = answer(words, out);
    } else if (words[0] == "nothing" && words.size() == 1) {
      out.kind = Expectation::Kind::kNothing;
    } else {
      taken = knob(words, out);
    }
    if (!taken) return tl::unexpected(taken.error());
    return out;
  }

 private:
  [[nodiscard]] tl::unexpected<Error> error(const std::string& what) const {
    return fail(Errc::kMalformed, where_ + what);
  }

  template <class Spec>
  Result<void> known(const std::vector<Spec>& specs, const std::string& name,
                     const char* what) const {
    Words names;
    for (const Spec& spec : specs) names.push_back(spec.name);
    if (is_one_of(name, names)) return {};
    const std::string near = nearest(name, names);
    return error(std::string("the policy has no ") + what + " " + quoted(name, 64) +
                 (near.empty() ? "" : "; did you mean \"" + near + "\"?") +
                 " (there are: " + joined(names, ", ") + ")");
  }

  Result<void> rule(const Words& words, Expectation& out) const {
    out.kind = Expectation::Kind::kRule;
    out.name = words[0].substr(5);
    if (auto good = known(document_.rules, out.name, "rule"); !good) return good;
    out.at_floor = words.size() == 4 && words[2] == "at" && words[3] == "floor";
    const bool form = words.size() == 2 || out.at_floor;
    if (!form || !is_one_of(words[1], {"quiet", "active", "latched"})) {
      return error("expected " + words[0] + " quiet, active or latched [at floor], found " +
                   quoted(out.text, 60));
    }
    out.word = words[1];
    return {};
  }

  Result<void> compared(const Words& words, Expectation& out) const {
    const auto value = words.size() == 3 ? parse_number(words[2]) : std::nullopt;
    if (!value || !is_one_of(words[1], {"=", "<", ">", "<=", ">="})) {
      return error("expected " + words[0] + " = NUMBER (or <, >, <=, >=), found " +
                   quoted(out.text, 60));
    }
    out.comparison = words[1];
    out.value = *value;
    return {};
  }

  Result<void> detector(const Words& words, Expectation& out) const {
    out.name = words[0].substr(9);
    if (auto good = known(document_.detectors, out.name, "detector"); !good) return good;
    if (words.size() == 2 && is_one_of(words[1], {"votes", "quiet"})) {
      out.kind = Expectation::Kind::kVote;
      out.word = words[1];
      return {};
    }
    out.kind = Expectation::Kind::kStatistic;
    return compared(words, out);
  }

  Result<void> knob(const Words& words, Expectation& out) const {
    out.kind = Expectation::Kind::kKnob;
    out.name = words[0];
    if (auto good = known(document_.knobs, out.name, "knob"); !good) {
      return error(good.error().message.substr(where_.size()) +
                   "; expected rule.NAME STATE, KNOB = VALUE, detector.NAME votes, request TYPE, "
                   "alert SEVERITY, answer STATUS or nothing");
    }
    if (words.size() == 3 && words[1] == "site") {
      out.kind = Expectation::Kind::kSite;
      out.word = words[2];
      return {};
    }
    if (words.size() == 5 && words[1] == "in" && words[2] == "force") {
      out.kind = Expectation::Kind::kInForce;
      return compared({words[0], words[3], words[4]}, out);
    }
    return compared(words, out);
  }

  Result<void> request(const Words& words, Expectation& out) const {
    out.kind = Expectation::Kind::kRequest;
    const bool with_step = words.size() == 4 && words[2] == "to";
    if (with_step) out.to = parse_integer(words[3]);
    const bool form = words.size() == 2 || (with_step && out.to);
    if (!form || !is_one_of(words[1], requests())) {
      return error("expected request rollback [to STEP], checkpoint, pause or stop, found " +
                   quoted(out.text, 60));
    }
    out.name = words[1];
    return {};
  }

  Result<void> alert(const Words& words, Expectation& out) const {
    out.kind = Expectation::Kind::kAlert;
    const bool with_source = words.size() == 4 && words[2] == "from";
    if (with_source) out.name = words[3];
    const bool form = words.size() == 2 || with_source;
    if (!form || !is_one_of(words[1], {"info", "medium", "high", "critical"})) {
      return error("expected alert info, medium, high or critical [from SOURCE], found " +
                   quoted(out.text, 60));
    }
    out.word = words[1];
    return {};
  }

  Result<void> answer(const Words& words, Expectation& out) const {
    out.kind = Expectation::Kind::kAnswer;
    if (words.size() != 2 || !is_one_of(words[1], {"logged", "refused", "conflict"})) {
      return error("expected answer logged, refused or conflict, found " + quoted(out.text, 60));
    }
    out.word = words[1];
    return {};
  }

  const policy::Document& document_;
  const std::string& where_;
};

}  // namespace

Result<ScriptEvent> parse_event(const Words& words, const std::string& where) {
  if (is_one_of(words[0], {"force", "release", "reset", "inhibit", "allow"})) {
    return command_event(words, where);
  }
  ScriptEvent event;
  if (words[0] == "applied") {
    const auto value = words.size() == 3 ? parse_number(words[2]) : std::nullopt;
    if (!value) return fail(Errc::kMalformed, where + "expected applied KNOB VALUE");
    event.kind = ScriptEvent::Kind::kApplied;
    event.name = words[1];
    event.value = *value;
    return event;
  }
  if (words[0] == "end" && words.size() <= 2) {
    event.kind = ScriptEvent::Kind::kEnd;
    event.name = words.size() == 2 ? words[1] : "finished";
    return event;
  }
  const bool outcome = is_one_of(words[0], requests()) && words.size() >= 2 && words.size() <= 3 &&
                       is_one_of(words[1], {"done", "failed", "refused"});
  if (outcome) {
    event.kind = ScriptEvent::Kind::kOutcome;
    event.name = words[0];
    event.status = words[1];
    if (words.size() == 3) event.detail = words[2];
    return event;
  }
  return fail(Errc::kMalformed,
              where +
                  "expected force, release, reset, inhibit, allow, applied KNOB VALUE, rollback to "
                  "STEP, resume at STEP, REQUEST done|failed|refused or end, found " +
                  quoted(joined(words, " "), 60));
}

Result<std::vector<Expectation>> parse_expectations(std::string_view text,
                                                    const policy::Document& document,
                                                    const std::string& where) {
  const ItemReader reader(document, where);
  std::vector<Expectation> out;
  for (const std::string& part : parts_of(text)) {
    auto item = reader.read(part);
    if (!item) return tl::unexpected(item.error());
    out.push_back(std::move(*item));
  }
  return out;
}

}  // namespace phaseguard::ctl
