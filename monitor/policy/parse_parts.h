// The parts of parse(), one per kind of table. Private to the policy room.
#pragma once

#include <vector>

#include "monitor/policy/document.h"
#include "monitor/policy/toml_reader.h"

namespace phaseguard::policy {

// Names that the file uses, also of tables that have errors, so that one fault is reported once.
struct NamesInFile {
  Words knobs;
  Words detectors;
};

void parse_on(const toml::table& root, Document& document, std::vector<Diagnostic>& out);
void parse_knobs(const toml::table& root, Document& document, NamesInFile& names,
                 std::vector<Diagnostic>& out);
void parse_detectors(const toml::table& root, Document& document, NamesInFile& names,
                     std::vector<Diagnostic>& out);
void parse_rules(const toml::table& root, Document& document, const NamesInFile& names,
                 std::vector<Diagnostic>& out);

}  // namespace phaseguard::policy
