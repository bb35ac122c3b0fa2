// One [rule.NAME].
#include <algorithm>
#include <charconv>
#include <string>

#include "monitor/base/text.h"
#include "monitor/policy/language/parse_common.h"
#include "monitor/policy/language/parse_parts.h"

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

constexpr std::int64_t kMaxPoints = 10000;
constexpr std::int64_t kMaxPriority = 1000000;
constexpr std::int64_t kMaxFromStep = 1000000000000;

struct RuleReader {
  const TableReader& reader;
  const Document& document;
  const NamesInFile& names;
  RuleSpec& rule;
  std::vector<Diagnostic>& out;
  std::size_t listed = 0;  // entries of `of`, also those that are wrong

  void parse_of();
  [[nodiscard]] std::optional<Term> find_term(const std::string& name, Place place) const;
  void parse_when();
  void group_terms();
  void parse_count(const std::string& when, Place place);
  void parse_timing();
  void check_timing() const;
  void parse_set();
  void parse_setting(const TableReader& set, const std::string& knob);
  void parse_sites();
  [[nodiscard]] std::optional<std::size_t> find_knob(const TableReader& table,
                                                     const std::string& verb,
                                                     const std::string& knob) const;
  void parse_requests();
  void parse_rollback();
  void warn() const;

  [[nodiscard]] bool has(const char* key) const { return reader.find(key) != nullptr; }
  [[nodiscard]] bool asks_for(wire::RequestType type) const {
    return std::find(rule.requests.begin(), rule.requests.end(), type) != rule.requests.end();
  }
};

std::optional<Term> RuleReader::find_term(const std::string& name, Place place) const {
  const bool is_rule = name.rfind("rule.", 0) == 0;
  const std::string plain = is_rule ? name.substr(5) : name;
  const Words& known = is_rule ? names.rules : names.detectors;
  if (is_rule) {
    const auto found = std::find(known.begin(), known.end(), plain);
    if (found != known.end()) return Term{true, static_cast<std::size_t>(found - known.begin())};
  } else if (const auto index = index_of(document.detectors, plain)) {
    return Term{false, *index};
  } else if (holds(known, plain)) {
    return std::nullopt;  // its own table has an error already
  }
  std::string hint = suggestion(plain, known);
  if (hint.empty() && !is_rule && holds(names.rules, plain)) {
    hint = "; there is a rule of that name: write \"rule." + plain + "\"";
  }
  if (hint.empty()) hint = "; add [" + std::string(is_rule ? "rule." : "detector.") + plain + "]";
  reader.error(place, reader.where() + " names the " + (is_rule ? "rule " : "detector ") +
                          quoted(plain, 60) + ", which this file does not have" + hint);
  return std::nullopt;
}

void RuleReader::parse_of() {
  if (!has("of")) {
    if (rule.gate == Gate::kAlways) return;
    reader.error(reader.place(), reader.where() + " has no \"of\"; add of = [\"DETECTOR\", ...]");
    return;
  }
  if (rule.gate == Gate::kAlways) {
    reader.error(reader.place_of_key("of"), reader.where() +
                                                ": impossible combination: when = \"always\" looks "
                                                "at nothing, so it has no \"of\"");
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
      const char* what = name.rfind("rule.", 0) == 0 ? "" : "detector ";
      reader.error(place, what + quoted(name, 60) + " is listed twice in " + reader.where() +
                              "; each has one vote");
      continue;
    }
    seen.push_back(name);
    if (const auto term = find_term(name, place)) rule.of.push_back(*term);
  }
}

void RuleReader::parse_when() {
  const auto when = reader.text("when", false);
  if (!when || *when == "all") return;
  if (*when == "any") {
    rule.gate = Gate::kAny;
  } else if (*when == "not") {
    rule.gate = Gate::kNot;
  } else if (*when == "always") {
    rule.gate = Gate::kAlways;
    rule.needed = 0;
  } else {
    rule.gate = Gate::kCount;
  }
}

// Detectors of one group have one vote in a count.
void RuleReader::group_terms() {
  const auto group_of = [&](const Term& term) {
    return term.is_rule ? std::string() : document.detectors[term.index].group;
  };
  for (std::size_t i = 0; i < rule.of.size(); ++i) {
    const std::string group = group_of(rule.of[i]);
    std::size_t first = i;
    for (std::size_t j = 0; j < i && !group.empty() && first == i; ++j) {
      if (group_of(rule.of[j]) == group) first = j;
    }
    rule.groups.push_back(first);
  }
}

// "2_of_n", or "2_of_3" where 3 is the number of terms; of votes, where terms share one.
void RuleReader::parse_count(const std::string& when, Place place) {
  std::int64_t k = 0;
  std::int64_t n = static_cast<std::int64_t>(listed);
  const char* end = when.data() + when.size();
  const auto [rest, error] = std::from_chars(when.data(), end, k);
  std::string_view tail(rest, static_cast<std::size_t>(end - rest));
  bool understood = error == std::errc() && tail.substr(0, 4) == "_of_";
  if (understood && tail != "_of_n") {
    const auto [stop, bad] = std::from_chars(rest + 4, end, n);
    understood = bad == std::errc() && stop == end;
  }
  if (!understood) {
    reader.error(place, "\"when\" in " + reader.where() +
                            ": expected \"all\", \"any\", \"not\", \"always\" or \"K_of_n\" "
                            "such as \"2_of_n\", found " +
                            quoted(when, 60));
    return;
  }
  if (listed == 0) return;  // what is wrong with "of" has been said
  const auto shared = static_cast<std::int64_t>(rule.of.size()) - votes_of(rule);
  if (shared > 0 && k > n - shared) {
    reader.error(place, "\"when\" in " + reader.where() + ": expected at most " +
                            std::to_string(n - shared) +
                            " votes, because detectors of one group have one vote, found " +
                            quoted(when, 60));
    return;
  }
  if (n != static_cast<std::int64_t>(listed) || k < 1 || k > n) {
    const std::string all = std::to_string(listed);
    reader.error(place, "\"when\" in " + reader.where() + ": expected " +
                            (listed == 1 ? "1 vote of 1 detector"
                                         : "from 1 to " + all + " votes of " + all + " detectors") +
                            ", found " + quoted(when, 60));
    return;
  }
  rule.needed = k;
}

void RuleReader::parse_timing() {
  using enum SpanUnit;
  rule.latch = reader.boolean("latch").value_or(false);
  rule.from_step = Step{reader.count("from_step", {0, kMaxFromStep}).value_or(0)};
  rule.for_points = reader.count("for_points", {1, kMaxPoints}).value_or(1);
  rule.for_time = parse_span(reader, "for", false, {kSteps, kSeconds});
  rule.hold = parse_span(reader, "hold", false, {kPoints, kSteps, kSeconds});
  rule.release_points = reader.count("release_points", {1, kMaxSpan}).value_or(0);
  rule.cooldown = parse_span(reader, "cooldown", false, {kPoints, kSteps, kSeconds});
  rule.priority = reader.count("priority", {-kMaxPriority, kMaxPriority}).value_or(0);
  check_timing();
}

void RuleReader::check_timing() const {
  for (const char* key : {"hold", "release_points", "cooldown", "for_points", "for"}) {
    const bool releases = *key != 'f';
    if (!has(key)) continue;
    if (rule.latch && releases) {
      reader.error(reader.place_of_key(key),
                   reader.where() +
                       ": impossible combination: latch = true stays until an operator's "
                       "reset, so \"" +
                       key + "\" means nothing; remove one of the two");
    } else if (rule.gate == Gate::kAlways) {
      reader.error(reader.place_of_key(key),
                   reader.where() +
                       ": impossible combination: when = \"always\" never goes quiet "
                       "and needs no evidence, so \"" +
                       key + "\" means nothing; use from_step to begin later");
    }
  }
}

std::optional<std::size_t> RuleReader::find_knob(const TableReader& table, const std::string& verb,
                                                 const std::string& knob) const {
  const auto index = index_of(document.knobs, knob);
  if (index || holds(names.knobs, knob)) return index;  // else its own table has an error already
  const std::string near = suggestion(knob, names.knobs);
  table.error(table.place_of_key(knob), reader.where() + " " + verb + " the knob " +
                                            quoted(knob, 60) + ", which this file does not have" +
                                            (near.empty() ? "; add [knob." + knob + "]" : near));
  return std::nullopt;
}

void RuleReader::parse_setting(const TableReader& set, const std::string& knob) {
  const auto index = find_knob(set, "sets", knob);
  auto controller = parse_controller(set, knob, index ? &document.knobs[*index] : nullptr, out);
  if (index && controller) {
    rule.sets.push_back({*index, std::move(*controller), set.place_of_key(knob)});
  }
}

void RuleReader::parse_set() {
  const toml::node* node = reader.find("set");
  if (node == nullptr) return;
  const toml::table* table = node->as_table();
  if (table == nullptr) {
    reader.error(
        place_of(*node),
        "\"set\" in " + reader.where() +
            ": expected set.KNOB = a number or a controller, found set = " + kind_text(*node));
    return;
  }
  const TableReader set(*table, reader.where(), place_of(*node), out);
  for (const auto& [key, value] : *table) parse_setting(set, std::string(key.str()));
}

void RuleReader::parse_sites() {
  const toml::node* node = reader.find("site");
  if (node == nullptr) return;
  const toml::table* table = node->as_table();
  if (table == nullptr) {
    reader.error(place_of(*node),
                 "\"site\" in " + reader.where() +
                     ": expected site.KNOB = \"replay\", found site = " + kind_text(*node));
    return;
  }
  const TableReader sites(*table, reader.where(), place_of(*node), out);
  for (const auto& [key, value] : *table) {
    const std::string knob(key.str());
    const auto index = find_knob(sites, "moves", knob);
    const std::string site = value.value_or(std::string());
    if (!index) continue;
    if (site.empty() || site.size() > 64) {
      sites.error(sites.place_of_key(knob), "site." + knob + " in " + reader.where() +
                                                ": expected a declared site such as \"replay\", "
                                                "found " +
                                                kind_text(value));
      continue;
    }
    rule.sites.push_back({*index, wire::Word<wire::Site>::from(site), sites.place_of_key(knob)});
  }
}

void RuleReader::parse_requests() {
  const Words known = words_of<wire::RequestType>();
  for (const auto& [request, place] : reader.texts("request", true)) {
    const auto type = wire::word_of<wire::RequestType>(request);
    if (!type) {
      reader.error(place, "\"request\" in " + reader.where() + ": expected one of \"" +
                              joined(known, "\", \"") + "\", found " + quoted(request, 60) +
                              suggestion(request, known));
    } else if (asks_for(*type)) {
      reader.error(place, "request \"" + request + "\" is listed twice in " + reader.where());
    } else {
      rule.requests.push_back(*type);
    }
  }
}

void RuleReader::parse_rollback() {
  const toml::node* node = reader.find("rollback");
  if (node == nullptr) return;
  const toml::table* table = node->as_table();
  if (table == nullptr) {
    reader.error(place_of(*node), "\"rollback\" in " + reader.where() +
                                      ": expected a table such as { at_most = 1 }, found " +
                                      kind_text(*node) +
                                      "; to ask for one write request = \"rollback\"");
    return;
  }
  if (!asks_for(wire::RequestType::kRollback)) {
    reader.error(place_of(*node), reader.where() +
                                      ": impossible combination: \"rollback\" has options for a "
                                      "request that the rule does not make; add request = "
                                      "\"rollback\"");
  }
  const TableReader options(*table, "rollback in " + reader.where(), place_of(*node), out);
  options.check_keys({"at_most", "every", "without_snapshot"});
  rule.rollback.at_most = options.count("at_most", {1, 1000000}).value_or(0);
  rule.rollback.every = parse_span(options, "every", false, {SpanUnit::kSteps, SpanUnit::kSeconds});
  const Words choices{"reference", "pause", "stop", "nothing"};
  if (const auto choice = options.choice("without_snapshot", false, choices)) {
    const auto at = std::find(choices.begin(), choices.end(), *choice) - choices.begin();
    rule.rollback.without_snapshot = static_cast<WithoutSnapshot>(at);
  }
}

void RuleReader::warn() const {
  const bool bounded = rule.rollback.at_most > 0 || rule.rollback.every;
  if (!rule.latch && !bounded && asks_for(wire::RequestType::kRollback)) {
    reader.warning(reader.place_of_key("request"),
                   reader.where() +
                       " asks for a rollback each time it fires; add latch = true to "
                       "do it once until an operator resets it, or rollback = { at_most = 1 }");
  }
}

}  // namespace

RuleSpec parse_rule(const NamedTable& table, const Document& document, const NamesInFile& names,
                    std::vector<Diagnostic>& out) {
  const TableReader& reader = table.reader;
  reader.check_keys({"when", "of", "from_step", "for_points", "for", "latch", "hold",
                     "release_points", "cooldown", "priority", "set", "site", "request", "rollback",
                     "alert"});
  RuleSpec rule;
  rule.name = table.name;
  rule.place = reader.place();
  RuleReader parts{reader, document, names, rule, out, 0};
  parts.parse_when();
  parts.parse_of();
  if (rule.gate == Gate::kCount) {
    parts.group_terms();
    parts.parse_count(*reader.text("when", false), reader.place_of_key("when"));
  } else if (!parts.has("when") && parts.listed > 1) {
    reader.error(reader.place(), reader.where() + " has " + std::to_string(parts.listed) +
                                     " detectors and no \"when\"; add when = \"all\", \"any\" or "
                                     "\"K_of_n\"");
  }
  if (rule.gate == Gate::kAll || rule.gate == Gate::kNot) {
    rule.needed = static_cast<std::int64_t>(rule.of.size());
  }
  parts.parse_timing();
  parts.parse_set();
  parts.parse_sites();
  parts.parse_requests();
  parts.parse_rollback();
  rule.alert = reader.word<wire::Severity>("alert");
  parts.warn();
  return rule;
}

}  // namespace phaseguard::policy
