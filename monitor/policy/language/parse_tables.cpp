// [knob.NAME].
#include <algorithm>
#include <string>

#include "monitor/base/text.h"
#include "monitor/policy/language/parse_parts.h"

namespace phaseguard::policy {

namespace {

void check_range(const TableReader& reader, const KnobSpec& knob, const std::string& key,
                 double value) {
  if (value >= knob.min && value <= knob.max) return;
  reader.error(reader.place_of_key(key),
               "\"" + key + "\" in " + reader.where() +
                   ": expected a value from min = " + number_text(knob.min) +
                   " to max = " + number_text(knob.max) + ", found " + number_text(value));
}

// Nothing when a required value is not there: the rest would be reported against made-up limits.
std::optional<KnobSpec> parse_knob(const std::string& name, const TableReader& reader) {
  reader.check_keys({"base", "min", "max", "slew_per_step", "substitute", "protects"});
  const auto base = reader.number("base", true);
  const auto max = reader.number("max", true);
  const auto min = reader.number("min", false);
  const auto slew = reader.number("slew_per_step", false);
  const auto substitute = reader.number("substitute", false);
  if (slew && *slew <= 0.0) {
    reader.error(reader.place_of_key("slew_per_step"),
                 "\"slew_per_step\" in " + reader.where() +
                     ": expected a number above 0 (leave it out for moves at once), found " +
                     number_text(*slew));
  }
  const bool min_failed = !min && reader.find("min") != nullptr;
  if (!base || !max || min_failed) return std::nullopt;
  KnobSpec knob{name, *base,      min.value_or(0.0), *max,
                slew, substitute, reader.place(),    reader.word<wire::Protects>("protects")};
  if (knob.min > knob.max) {
    reader.error(reader.place_of_key("max"),
                 reader.where() + ": expected min <= max, found min = " + number_text(knob.min) +
                     " and max = " + number_text(knob.max));
    return std::nullopt;
  }
  check_range(reader, knob, "base", knob.base);
  if (substitute) check_range(reader, knob, "substitute", *substitute);
  return knob;
}

}  // namespace

void parse_knobs(const toml::table& root, Document& document, NamesInFile& names,
                 std::vector<Diagnostic>& out) {
  for (const auto& [name, reader] : named_tables(root, "knob", out)) {
    names.knobs.push_back(name);
    if (auto knob = parse_knob(name, reader)) document.knobs.push_back(std::move(*knob));
  }
}

}  // namespace phaseguard::policy
