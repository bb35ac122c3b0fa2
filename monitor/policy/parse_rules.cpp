// [rule.NAME], and what only the whole file can tell: references, unused detectors.
#include <algorithm>
#include <charconv>
#include <string>

#include "monitor/base/text.h"
#include "monitor/policy/parse_parts.h"

namespace phaseguard::policy {

namespace {

template <class Spec>
std::optional<std::size_t> index_of(const std::vector<Spec>& specs, std::string_view name) {
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].name == name) return i;
  }
  return std::nullopt;
}

bool holds(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

struct RuleReader {
  const TableReader& reader;
  const Document& document;
  const NamesInFile& names;
  RuleSpec& rule;
  std::vector<Diagnostic>& out;
  std::size_t listed = 0;  // entries of `of`, also those that are wrong

  void parse_of();
  void parse_when();
  void parse_set();
  void parse_setting(const TableReader& set, const std::string& knob);
  void parse_requests();
  void warn() const;
};

void RuleReader::parse_of() {
  if (reader.find("of") == nullptr) {
    reader.error(reader.place(), reader.where() + " has no \"of\"; add of = [\"DETECTOR\", ...]");
    return;
  }
  const auto entries = reader.texts("of", false);
  listed = entries.size();
  if (const auto* array = reader.find("of")->as_array(); array != nullptr && array->empty()) {
    reader.error(reader.place_of_key("of"),
                 "\"of\" in " + reader.where() + ": expected at least one detector, found none");
  }
  Words seen;
  for (const auto& [name, place] : entries) {
    if (holds(seen, name)) {
      reader.error(place, "detector " + quoted(name, 60) + " is listed twice in " + reader.where() +
                              "; one detector has one vote");
      continue;
    }
    seen.push_back(name);
    if (const auto index = index_of(document.detectors, name)) {
      rule.of.push_back({false, *index});
    } else if (!holds(names.detectors, name)) {
      const std::string near = suggestion(name, names.detectors);
      reader.error(place, reader.where() + " names the detector " + quoted(name, 60) +
                              ", which this file does not have" +
                              (near.empty() ? "; add [detector." + name + "]" : near));
    }
  }
}

// "2_of_n", or "2_of_3" where 3 is the number of detectors.
void RuleReader::parse_when() {
  const auto when = reader.text("when", false);
  const Place place = reader.place_of_key("when");
  if (!when) {
    if (reader.find("when") == nullptr && listed > 1) {
      reader.error(place, reader.where() + " has " + std::to_string(listed) +
                              " detectors and no \"when\"; add when = \"all\", \"any\" or "
                              "\"K_of_n\"");
    }
    return;
  }
  if (*when == "all") return;
  if (*when == "any") {
    rule.gate = Gate::kAny;
    rule.needed = 1;
    return;
  }
  if (*when == "not") {
    reader.error(place, "when = \"not\" in " + reader.where() +
                            " is not supported in this version; it has all, any and K_of_n");
    return;
  }
  std::int64_t k = 0;
  std::int64_t n = static_cast<std::int64_t>(listed);
  const char* end = when->data() + when->size();
  const auto [rest, error] = std::from_chars(when->data(), end, k);
  std::string_view tail(rest, static_cast<std::size_t>(end - rest));
  bool understood = error == std::errc() && tail.substr(0, 4) == "_of_";
  if (understood && tail != "_of_n") {
    const auto [stop, bad] = std::from_chars(rest + 4, end, n);
    understood = bad == std::errc() && stop == end;
  }
  if (!understood) {
    reader.error(place, "\"when\" in " + reader.where() +
                            ": expected \"all\", \"any\" or \"K_of_n\" such as \"2_of_n\", found " +
                            quoted(*when, 60));
    return;
  }
  if (n != static_cast<std::int64_t>(listed) || k < 1 || k > n) {
    reader.error(place, "\"when\" in " + reader.where() + ": expected from 1 to " +
                            std::to_string(listed) + " votes of " + std::to_string(listed) +
                            " detectors, found " + quoted(*when, 60));
    return;
  }
  rule.gate = Gate::kCount;
  rule.needed = k;
}

// A number, or {controller = "constant", value = a number}.
std::optional<double> constant_value(const TableReader& set, const std::string& knob,
                                     std::vector<Diagnostic>& out) {
  const toml::table* table = set.find(knob)->as_table();
  if (table == nullptr) return set.number(knob, true);
  const TableReader inner(*table, "set." + knob, place_of(*table), out);
  const Words later{"ramp", "ladder", "risk_linear", "risk_clamp", "per_sample", "adaptive_kl"};
  if (!inner.choice("controller", true, {"constant"}, later)) return std::nullopt;
  inner.check_keys({"controller", "value"});
  return inner.number("value", true);
}

void RuleReader::parse_setting(const TableReader& set, const std::string& knob) {
  const Place place = set.place_of_key(knob);
  const auto value = constant_value(set, knob, out);
  const auto index = index_of(document.knobs, knob);
  if (!index) {
    if (holds(names.knobs, knob)) return;  // its own table has an error already
    const std::string near = suggestion(knob, names.knobs);
    set.error(place, reader.where() + " sets the knob " + quoted(knob, 60) +
                         ", which this file does not have" +
                         (near.empty() ? "; add [knob." + knob + "]" : near));
    return;
  }
  if (!value) return;
  const KnobSpec& spec = document.knobs[*index];
  if (*value < spec.min || *value > spec.max) {
    set.error(place, "set." + knob + " in " + reader.where() + ": expected a value from " +
                         number_text(spec.min) + " to " + number_text(spec.max) +
                         " (min and max of [knob." + knob + "]), found " + number_text(*value));
    return;
  }
  if (*value < spec.base) {
    set.warning(place, "set." + knob + " = " + number_text(*value) + " in " + reader.where() +
                           " is below the base of " + number_text(spec.base) +
                           ": the rule would lower the knob when it fires");
  }
  rule.sets.push_back({*index, ConstantController{*value}, place});
}

void RuleReader::parse_set() {
  const toml::node* node = reader.find("set");
  if (node == nullptr) return;
  const toml::table* table = node->as_table();
  if (table == nullptr) {
    reader.error(place_of(*node),
                 "\"set\" in " + reader.where() +
                     ": expected set.KNOB = a number, found set = " + kind_text(*node));
    return;
  }
  const TableReader set(*table, reader.where(), place_of(*node), out);
  for (const auto& [key, value] : *table) parse_setting(set, std::string(key.str()));
}

void RuleReader::parse_requests() {
  const Words known{"checkpoint", "rollback", "pause", "stop"};
  for (const auto& [request, place] : reader.texts("request", true)) {
    if (!holds(known, request)) {
      reader.error(place, "\"request\" in " + reader.where() + ": expected one of \"" +
                              joined(known, "\", \"") + "\", found " + quoted(request, 60) +
                              suggestion(request, known));
    } else if (holds(rule.requests, request)) {
      reader.error(place, "request \"" + request + "\" is listed twice in " + reader.where());
    } else {
      rule.requests.push_back(request);
    }
  }
}

void RuleReader::warn() const {
  const bool acts = reader.find("set") != nullptr || reader.find("request") != nullptr ||
                    reader.find("alert") != nullptr;
  if (!acts) {
    reader.warning(reader.place(), reader.where() +
                                       " has no action: add set.KNOB, request or alert, or remove "
                                       "the rule");
  }
  if (!rule.latch && holds(rule.requests, "rollback")) {
    reader.warning(reader.place_of_key("request"),
                   reader.where() +
                       " asks for a rollback each time it fires; add latch = true to "
                       "do it once until an operator resets it");
  }
}

void warn_of_unused(const Document& document, const NamesInFile& names,
                    const std::vector<Words>& used, std::vector<Diagnostic>& out) {
  // Beside errors it would be noise: a rule that is wrong is the likely reason.
  const auto is_error = [](const Diagnostic& d) { return d.severity == Severity::kError; };
  if (std::any_of(out.begin(), out.end(), is_error)) return;
  for (const DetectorSpec& detector : document.detectors) {
    const bool is_used = std::any_of(used.begin(), used.end(),
                                     [&](const Words& of) { return holds(of, detector.name); });
    if (is_used) continue;
    out.push_back(
        {Severity::kWarning, detector.place.line, detector.place.column,
         "no rule uses [detector." + detector.name + "]: it is shown and decides nothing"});
  }
  if (used.empty() && !names.detectors.empty()) {
    out.push_back({Severity::kWarning, 1, 1, "the policy has no [rule.NAME]: it never acts"});
  }
}

}  // namespace

void parse_rules(const toml::table& root, Document& document, const NamesInFile& names,
                 std::vector<Diagnostic>& out) {
  std::vector<Words> used;
  for (const auto& [name, reader] : named_tables(root, "rule", out)) {
    reader.check_keys({"when", "of", "latch", "set", "request", "alert"},
                      {"clear_after", "requires", "inhibit"});
    RuleSpec rule;
    rule.name = name;
    rule.place = reader.place();
    RuleReader parts{reader, document, names, rule, out, 0};
    parts.parse_of();
    parts.parse_when();
    rule.latch = reader.boolean("latch").value_or(false);
    parts.parse_set();
    parts.parse_requests();
    rule.alert = reader.choice("alert", false, {"info", "medium", "high", "critical"}).value_or("");
    parts.warn();
    if (rule.gate == Gate::kAll) rule.needed = static_cast<std::int64_t>(rule.of.size());
    Words of;
    for (const Term& term : rule.of) of.push_back(document.detectors[term.index].name);
    used.push_back(std::move(of));
    document.rules.push_back(std::move(rule));
  }
  warn_of_unused(document, names, used, out);
}

}  // namespace phaseguard::policy
