// The parts of parse(), one per kind of table. Private to the policy room.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monitor/policy/document.h"
#include "monitor/policy/language/toml_reader.h"

namespace phaseguard::policy {

// Names that the file uses, also of tables that have errors, so that one fault is reported once.
struct NamesInFile {
  Words knobs;
  Words detectors;
  Words rules;
};

// set.KNOB = a number or {controller = ..., ...} as `set` has it, checked against its knob (null:
// the file does not have it, which is reported elsewhere). Nothing: an error was reported.
[[nodiscard]] std::optional<Controller> parse_controller(const TableReader& set,
                                                         const std::string& knob,
                                                         const KnobSpec* spec,
                                                         std::vector<Diagnostic>& out);

// One rule; `out` gets what is wrong with it.
[[nodiscard]] RuleSpec parse_rule(const NamedTable& table, const Document& document,
                                  const NamesInFile& names, std::vector<Diagnostic>& out);

void parse_on(const toml::table& root, Document& document, std::vector<Diagnostic>& out);
void parse_knobs(const toml::table& root, Document& document, NamesInFile& names,
                 std::vector<Diagnostic>& out);
void parse_detectors(const toml::table& root, Document& document, NamesInFile& names,
                     std::vector<Diagnostic>& out);
// [signal."NAME"]: after the detectors and rules, which say what is read.
void parse_signals(const toml::table& root, Document& document, std::vector<Diagnostic>& out);
void parse_rules(const toml::table& root, Document& document, NamesInFile& names,
                 std::vector<Diagnostic>& out);

}  // namespace phaseguard::policy
