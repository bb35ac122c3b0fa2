// Typed access to a parsed TOML file with one diagnostic per fault: what was expected, what was
// found, where. Private to the policy room's parse*.cpp; the only place that includes toml++, in
// its exception-free form.
#pragma once

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include "monitor/base/toml/macros.h"
// Needs the macros above.
#include <toml++/toml.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monitor/base/table_text.h"
#include "monitor/policy/document.h"

namespace phaseguard::policy {

using Words = std::vector<std::string>;

[[nodiscard]] inline Place place_of(const toml::source_region& source) {
  return {source.begin.line, source.begin.column};
}
[[nodiscard]] inline Place place_of(const toml::node& node) { return place_of(node.source()); }

// "the string \"on\"", "the integer 3", "an array", ...: for "found ...".
[[nodiscard]] std::string kind_text(const toml::node& node);

// The texts of a vocabulary of the wire.
template <class E>
[[nodiscard]] Words words_of() {
  return {wire::Words<E>::kTexts.begin(), wire::Words<E>::kTexts.end()};
}

struct Range {
  std::int64_t min;
  std::int64_t max;
};

// One table of the file and where to put what is wrong with it. `where` is the table's name as the
// file writes it ("[detector.llr]").
class TableReader {
 public:
  TableReader(const toml::table& table, std::string where, Place place,
              std::vector<Diagnostic>& out)
      : table_(table), where_(std::move(where)), place_(place), out_(out) {}

  void error(Place place, const std::string& message) const;
  void warning(Place place, const std::string& message) const;

  // Reports every key that is neither in `known` nor in `later`; a key in `later` belongs to the
  // language but not to this version.
  void check_keys(const Words& known, const Words& later = {}) const;

  // Each gives nothing when the key is absent (an error where `required`) or of the wrong type or
  // outside its range (always an error).
  [[nodiscard]] std::optional<double> number(const std::string& key, bool required) const;
  [[nodiscard]] std::optional<std::int64_t> count(const std::string& key, Range range,
                                                  bool required = false) const;
  [[nodiscard]] std::optional<bool> boolean(const std::string& key) const;
  [[nodiscard]] std::optional<std::string> text(const std::string& key, bool required) const;
  // One of `choices`.
  [[nodiscard]] std::optional<std::string> choice(const std::string& key, bool required,
                                                  const Words& choices) const;
  // One of the words of E.
  template <class E>
  [[nodiscard]] std::optional<E> word(const std::string& key) const {
    const auto text = choice(key, false, words_of<E>());
    return text ? wire::word_of<E>(*text) : std::nullopt;
  }
  // A string, or an array of strings.
  [[nodiscard]] std::vector<std::pair<std::string, Place>> texts(const std::string& key,
                                                                 bool allow_single) const;

  [[nodiscard]] const toml::node* find(const std::string& key) const { return table_.get(key); }
  [[nodiscard]] Place place_of_key(const std::string& key) const;  // of its value, else the table's
  [[nodiscard]] const toml::table& table() const { return table_; }
  [[nodiscard]] const std::string& where() const { return where_; }
  [[nodiscard]] Place place() const { return place_; }

 private:
  void wrong_type(const std::string& key, const toml::node& found, std::string_view expected) const;
  void missing(const std::string& key, std::string_view expected) const;

  const toml::table& table_;
  std::string where_;
  Place place_;
  std::vector<Diagnostic>& out_;
};

// What the name of a table may be.
struct NameRule {
  bool (*fits)(std::string_view);
  const char* expected;  // "a name of 1 to 64 letters, ..."
  bool is_quoted;        // as the file must write it
};
[[nodiscard]] const NameRule& plain_names();  // [A-Za-z0-9_-]{1,64}

// The tables [`group`.NAME] of the file in the order in which they are written, each name checked.
struct NamedTable {
  std::string name;
  TableReader reader;
};
[[nodiscard]] std::vector<NamedTable> named_tables(const toml::table& root,
                                                   const std::string& group,
                                                   std::vector<Diagnostic>& out,
                                                   const NameRule& rule = plain_names());

// "; did you mean \"above\"?", or "" when no candidate is near.
[[nodiscard]] std::string suggestion(std::string_view word, const Words& candidates);

}  // namespace phaseguard::policy
