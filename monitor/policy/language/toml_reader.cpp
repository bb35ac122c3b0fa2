#include "monitor/policy/language/toml_reader.h"

#include <algorithm>
#include <cmath>

#include "monitor/base/text.h"

namespace phaseguard::policy {

namespace {

bool holds(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool comes_before(const Place& a, const Place& b) {
  return a.line != b.line ? a.line < b.line : a.column < b.column;
}

// Keys of a table in the order of the file: toml++ keeps them sorted by name.
std::vector<std::pair<std::string, Place>> keys_in_order(const toml::table& table) {
  std::vector<std::pair<std::string, Place>> keys;
  for (const auto& [key, node] : table) {
    keys.emplace_back(std::string(key.str()), place_of(key.source()));
  }
  std::stable_sort(keys.begin(), keys.end(),
                   [](const auto& a, const auto& b) { return comes_before(a.second, b.second); });
  return keys;
}

bool is_name(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), allowed);
}

// As a file writes it: 2.0 and not 2, which would look like the whole number it is not.
std::string decimal(double value) {
  const std::string text = number_text(value);
  return text.find_first_not_of("-0123456789") == std::string::npos ? text + ".0" : text;
}

}  // namespace

std::string kind_text(const toml::node& node) {
  if (const auto* s = node.as_string()) return "the string " + quoted(s->get(), 60);
  if (const auto* i = node.as_integer()) return "the integer " + std::to_string(i->get());
  if (const auto* f = node.as_floating_point()) return "the number " + decimal(f->get());
  if (const auto* b = node.as_boolean()) return b->get() ? "true" : "false";
  if (node.is_array()) return "an array";
  if (node.is_table()) return "a table";
  return "a date or time";
}

std::string suggestion(std::string_view word, const Words& candidates) {
  const std::string near = nearest(word, candidates);
  return near.empty() ? "" : "; did you mean \"" + near + "\"?";
}

void TableReader::error(Place place, const std::string& message) const {
  out_.push_back({Severity::kError, place.line, place.column, message});
}

void TableReader::warning(Place place, const std::string& message) const {
  out_.push_back({Severity::kWarning, place.line, place.column, message});
}

void TableReader::check_keys(const Words& known, const Words& later) const {
  for (const auto& [key, place] : keys_in_order(table_)) {
    if (holds(known, key)) continue;
    if (holds(later, key)) {
      error(place,
            "\"" + key + "\" in " + where_ +
                " is not supported in this version; remove it, or use a version that has it");
      continue;
    }
    const std::string near = suggestion(key, known);
    error(place, "unknown key " + quoted(key, 60) + " in " + where_ +
                     (near.empty() ? "; expected one of: " + joined(known) : near));
  }
}

Place TableReader::place_of_key(const std::string& key) const {
  const toml::node* node = table_.get(key);
  return node == nullptr ? place_ : place_of(*node);
}

void TableReader::wrong_type(const std::string& key, const toml::node& found,
                             std::string_view expected) const {
  error(place_of(found), "\"" + key + "\" in " + where_ + ": expected " + std::string(expected) +
                             ", found " + kind_text(found));
}

void TableReader::missing(const std::string& key, std::string_view expected) const {
  error(place_, where_ + " has no \"" + key + "\"; add " + key + " = " + std::string(expected));
}

std::optional<double> TableReader::number(const std::string& key, bool required) const {
  const toml::node* node = table_.get(key);
  if (node == nullptr) {
    if (required) missing(key, "a number");
    return std::nullopt;
  }
  double value = 0.0;
  if (const auto* i = node->as_integer()) {
    value = static_cast<double>(i->get());
  } else if (const auto* f = node->as_floating_point()) {
    value = f->get();
  } else {
    wrong_type(key, *node, "a number");
    return std::nullopt;
  }
  if (!std::isfinite(value)) {
    wrong_type(key, *node, "a finite number (a comparison with NaN is never true)");
    return std::nullopt;
  }
  return value;
}

std::optional<std::int64_t> TableReader::count(const std::string& key, Range range,
                                               bool required) const {
  const std::string expected =
      "a whole number from " + std::to_string(range.min) + " to " + std::to_string(range.max);
  const toml::node* node = table_.get(key);
  if (node == nullptr) {
    if (required) missing(key, expected);
    return std::nullopt;
  }
  const auto* i = node->as_integer();
  if (i == nullptr || i->get() < range.min || i->get() > range.max) {
    wrong_type(key, *node, expected);
    return std::nullopt;
  }
  return i->get();
}

std::optional<bool> TableReader::boolean(const std::string& key) const {
  const toml::node* node = table_.get(key);
  if (node == nullptr) return std::nullopt;
  const auto* b = node->as_boolean();
  if (b == nullptr) {
    wrong_type(key, *node, "true or false");
    return std::nullopt;
  }
  return b->get();
}

std::optional<std::string> TableReader::text(const std::string& key, bool required) const {
  const toml::node* node = table_.get(key);
  if (node == nullptr) {
    if (required) missing(key, "\"...\"");
    return std::nullopt;
  }
  const auto* s = node->as_string();
  if (s == nullptr) {
    wrong_type(key, *node, "a string in quotes");
    return std::nullopt;
  }
  return s->get();
}

std::optional<std::string> TableReader::choice(const std::string& key, bool required,
                                               const Words& choices) const {
  if (const toml::node* node = table_.get(key); node != nullptr && !node->is_string()) {
    wrong_type(key, *node, "one of \"" + joined(choices, "\", \"") + "\"");
    return std::nullopt;
  }
  if (table_.get(key) == nullptr && required) {
    missing(key, "one of \"" + joined(choices, "\", \"") + "\"");
    return std::nullopt;
  }
  auto word = text(key, false);
  if (!word || holds(choices, *word)) return word;
  error(place_of_key(key), "\"" + key + "\" in " + where_ + ": expected one of \"" +
                               joined(choices, "\", \"") + "\", found " + quoted(*word, 60) +
                               suggestion(*word, choices));
  return std::nullopt;
}

std::vector<std::pair<std::string, Place>> TableReader::texts(const std::string& key,
                                                              bool allow_single) const {
  std::vector<std::pair<std::string, Place>> out;
  const toml::node* node = table_.get(key);
  if (node == nullptr) return out;
  if (const auto* s = node->as_string(); s != nullptr && allow_single) {
    out.emplace_back(s->get(), place_of(*node));
    return out;
  }
  const auto* array = node->as_array();
  if (array == nullptr) {
    wrong_type(key, *node,
               allow_single ? "a string or an array of strings" : "an array of strings");
    return out;
  }
  for (const toml::node& element : *array) {
    if (const auto* s = element.as_string()) {
      out.emplace_back(s->get(), place_of(element));
    } else {
      wrong_type(key, element, "an array of strings");
    }
  }
  return out;
}

const NameRule& plain_names() {
  static const NameRule kRule{is_name, "a name of 1 to 64 letters, digits, \"_\" or \"-\"", false};
  return kRule;
}

std::vector<NamedTable> named_tables(const toml::table& root, const std::string& group,
                                     std::vector<Diagnostic>& out, const NameRule& rule) {
  std::vector<NamedTable> tables;
  const std::string form = "[" + group + (rule.is_quoted ? ".\"NAME\"]" : ".NAME]");
  const toml::node* node = root.get(group);
  if (node == nullptr) return tables;
  const toml::table* parent = node->as_table();
  const auto report = [&](Place place, const std::string& message) {
    out.push_back({Severity::kError, place.line, place.column, message});
  };
  if (parent == nullptr) {
    report(place_of(*node),
           "expected tables " + form + ", found \"" + group + "\" = " + kind_text(*node));
    return tables;
  }
  for (const auto& [name, key_place] : keys_in_order(*parent)) {
    const toml::node& child = *parent->get(name);
    const toml::table* table = child.as_table();
    if (table == nullptr) {
      report(key_place, "expected a table " + form + ", found the key " + quoted(name, 60) +
                            " in [" + group + "]");
      continue;
    }
    if (!rule.fits(name)) {
      report(key_place, std::string("expected ") + rule.expected + ", found " + quoted(name, 80) +
                            " in " + form);
      continue;
    }
    const std::string shown = rule.is_quoted ? quoted(name, 128) : name;
    tables.push_back({name, TableReader(*table, "[" + group + "." + shown + "]", key_place, out)});
  }
  return tables;
}

}  // namespace phaseguard::policy
