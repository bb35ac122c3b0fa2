// What only all rules together can tell: their order, circles, and what is not used.
#include <algorithm>
#include <string>

#include "monitor/policy/language/parse_parts.h"

namespace phaseguard::policy {

namespace {

bool acts(const RuleSpec& rule) {
  return !rule.sets.empty() || !rule.sites.empty() || !rule.requests.empty() || !!rule.alert;
}

bool is_error(const Diagnostic& d) { return d.severity == Severity::kError; }

void warn_of_unused(const Document& document, const std::vector<NamedTable>& tables,
                    std::vector<Diagnostic>& out) {
  // Beside errors it would be noise: a rule that is wrong is the likely reason.
  if (std::any_of(out.begin(), out.end(), is_error)) return;
  std::vector<Term> used;
  for (const RuleSpec& rule : document.rules) {
    used.insert(used.end(), rule.of.begin(), rule.of.end());
  }
  const auto is_used = [&](Term term) {
    return std::find(used.begin(), used.end(), term) != used.end();
  };
  for (std::size_t i = 0; i < document.detectors.size(); ++i) {
    if (is_used({false, i})) continue;
    const DetectorSpec& detector = document.detectors[i];
    out.push_back(
        {Severity::kWarning, detector.place.line, detector.place.column,
         "no rule uses [detector." + detector.name + "]: it is shown and decides nothing"});
  }
  for (std::size_t i = 0; i < document.rules.size(); ++i) {
    if (acts(document.rules[i]) || is_used({true, i})) continue;
    tables[i].reader.warning(document.rules[i].place,
                             tables[i].reader.where() +
                                 " has no action and no rule uses it: add set.KNOB, request or "
                                 "alert, or remove it");
  }
  if (document.rules.empty() && !document.detectors.empty()) {
    out.push_back({Severity::kWarning, 1, 1, "the policy has no [rule.NAME]: it never acts"});
  }
}

// Depth-first from each rule in the order of the file: terms first. A cycle is an error that prints
// its path.
struct Order {
  Document& document;
  std::vector<Diagnostic>& out;
  std::vector<std::uint8_t> seen;  // 1: on the path, 2: done
  std::vector<std::size_t> path;

  bool visit(std::size_t index) {
    if (seen[index] == 2) return true;
    path.push_back(index);
    if (seen[index] == 1) {
      report(index);
      return false;
    }
    seen[index] = 1;
    for (const Term& term : document.rules[index].of) {
      if (term.is_rule && !visit(term.index)) return false;
    }
    seen[index] = 2;
    path.pop_back();
    document.rule_order.push_back(index);
    return true;
  }

  void report(std::size_t index) {
    const auto begin = std::find(path.begin(), path.end(), index);
    std::string text;
    for (auto at = begin; at != path.end(); ++at) {
      text += (text.empty() ? "rule." : " -> rule.") + document.rules[*at].name;
    }
    const Place place = document.rules[index].place;
    out.push_back({Severity::kError, place.line, place.column,
                   "rules wait for one another in a circle: " + text + "; break it"});
  }
};

void order_rules(Document& document, std::vector<Diagnostic>& out) {
  Order order{document, out, std::vector<std::uint8_t>(document.rules.size(), 0), {}};
  for (std::size_t i = 0; i < document.rules.size(); ++i) {
    if (!order.visit(i)) return;
  }
}

}  // namespace

void parse_rules(const toml::table& root, Document& document, NamesInFile& names,
                 std::vector<Diagnostic>& out) {
  const std::vector<NamedTable> tables = named_tables(root, "rule", out);
  for (const NamedTable& table : tables) names.rules.push_back(table.name);
  for (const NamedTable& table : tables) {
    document.rules.push_back(parse_rule(table, document, names, out));
  }
  order_rules(document, out);
  warn_of_unused(document, tables, out);
}

}  // namespace phaseguard::policy
