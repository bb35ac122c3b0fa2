// [knob.NAME] and [signal."NAME"].
#include <algorithm>
#include <string>

#include "monitor/base/text.h"
#include "monitor/policy/asks.h"
#include "monitor/policy/language/parse_common.h"
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

template <class Decl>
Words with_asks(Words keys, const std::vector<AskRow<Decl>>& rows) {
  for (const AskRow<Decl>& row : rows) keys.emplace_back(row.key);
  return keys;
}

// Nothing: not asked, or an error was reported.
template <class Decl>
std::optional<std::string> parse_ask(const TableReader& reader, const AskRow<Decl>& row) {
  if (row.is_flag) {
    const auto flag = reader.boolean(row.key);
    if (!flag) return std::nullopt;
    return std::string(*flag ? "true" : "false");
  }
  if (!row.words.empty()) return reader.choice(row.key, false, row.words);
  auto text = reader.text(row.key, false);
  if (!text || !text->empty()) return text;
  reader.error(reader.place_of_key(row.key),
               std::string("\"") + row.key + "\" in " + reader.where() +
                   ": expected the word that the trainer must declare, found \"\"; leave the key "
                   "out where any fits");
  return std::nullopt;
}

template <class Decl>
std::vector<Ask> parse_asks(const TableReader& reader, const std::vector<AskRow<Decl>>& rows) {
  std::vector<Ask> asks;
  for (const AskRow<Decl>& row : rows) {
    if (auto word = parse_ask(reader, row)) {
      asks.push_back({row.key, std::move(*word), reader.place_of_key(row.key)});
    }
  }
  return asks;
}

// Nothing when a required value is not there: the rest would be reported against made-up limits.
std::optional<KnobSpec> parse_knob(const std::string& name, const TableReader& reader) {
  reader.check_keys(
      with_asks({"base", "min", "max", "slew_per_step", "substitute", "protects"}, knob_asks()));
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
  KnobSpec knob{name,
                *base,
                min.value_or(0.0),
                *max,
                slew,
                substitute,
                reader.place(),
                reader.word<wire::Protects>("protects"),
                parse_asks(reader, knob_asks())};
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

// A signal that nothing reads decides nothing: the name is wrong, or the table left over. The rules
// and detectors must be without error, or what they read is not known.
void check_is_read(const TableReader& reader, const std::string& name, const Words& read) {
  const auto reads = [&](const std::string& one) { return is_read_as(name, one); };
  if (std::any_of(read.begin(), read.end(), reads)) return;
  const std::string near = suggestion(name, read);
  reader.error(
      reader.place(),
      reader.where() + ": no detector and no controller of this policy reads " + quoted(name, 128) +
          (near.empty() ? "; they read: " + (read.empty() ? "none" : joined(read)) : near));
}

}  // namespace

void parse_signals(const toml::table& root, Document& document, std::vector<Diagnostic>& out) {
  static const NameRule kSignalNames{
      is_signal_name, "the name of a signal, group/name such as \"canary/js\"", true};
  const bool is_sound = std::none_of(
      out.begin(), out.end(), [](const Diagnostic& d) { return d.severity == Severity::kError; });
  const Words read = signals_read(document);
  for (const auto& [name, reader] : named_tables(root, "signal", out, kSignalNames)) {
    reader.check_keys(with_asks({}, signal_asks()));
    if (reader.table().empty()) {
      reader.error(reader.place(), reader.where() + " asks for nothing; add unit = \"...\" or " +
                                       "variant = \"...\", or remove it");
    }
    if (is_sound) check_is_read(reader, name, read);
    document.signals.push_back({name, parse_asks(reader, signal_asks()), reader.place()});
  }
}

void parse_knobs(const toml::table& root, Document& document, NamesInFile& names,
                 std::vector<Diagnostic>& out) {
  for (const auto& [name, reader] : named_tables(root, "knob", out)) {
    names.knobs.push_back(name);
    if (auto knob = parse_knob(name, reader)) document.knobs.push_back(std::move(*knob));
  }
}

}  // namespace phaseguard::policy
