// The rows of all laws together: what one file says of its law, held against docs/POLICY.md, the
// parser and the other rows.
#include <set>
#include <sstream>

#include "monitor/policy/laws/law_row.h"
#include "tests/policy/support.h"
#include "tests/support/catch.h"

namespace phaseguard::policy {
namespace {

using Words = std::set<std::string>;

Words keys_of(const LawRow& row) {
  const phaseguard::Span<const Key> keys = row.keys;
  Words names;
  for (const Key& key : keys) names.insert(key.name);
  return names;
}

// What stands between backticks and is no value in quotes.
Words named_in(const std::string& cell) {
  Words names;
  std::istringstream in(cell);
  std::string outside, name;
  while (std::getline(in, outside, '`') && std::getline(in, name, '`')) {
    if (name.find('"') == std::string::npos) names.insert(name);
  }
  return names;
}

// The cells of the line that begins with "| `type` |" in the table of detectors.
std::vector<std::string> documented(const std::string& type) {
  std::istringstream page(test::read_file(test::source_dir() + "/docs/POLICY.md"));
  std::string line;
  while (std::getline(page, line) && line.rfind("| `type` | keys (default) |", 0) != 0) continue;
  while (std::getline(page, line) && line.rfind("| `" + type + "` |", 0) != 0) {
    if (line.empty()) return {};
  }
  std::vector<std::string> cells;
  std::istringstream in(line);
  for (std::string cell; std::getline(in, cell, '|');) cells.push_back(cell);
  return cells;
}

TEST_CASE("docs/POLICY.md has every law with its very keys", "[policy]") {
  for (const DetectorLaw& law : all_laws()) {
    INFO(name_of(law));
    const std::vector<std::string> cells = documented(name_of(law));
    REQUIRE(cells.size() >= 5);
    Words expected = named_in(cells[2]);
    if (expected.erase("level") > 0) {  // "as `level`, and ..."
      expected.merge(keys_of(row_of(LevelLaw{})));
    }
    CHECK(keys_of(row_of(law)) == expected);
  }
}

TEST_CASE("every law has a name, a number of keys and sentences of its own", "[policy]") {
  Words names, sentences;
  for (const DetectorLaw& law : all_laws()) {
    INFO(name_of(law));
    const LawRow& row = row_of(law);
    const phaseguard::Span<const Key> keys = row.keys;
    DetectorSpec spec;
    spec.law = law;
    CHECK(names.insert(name_of(law)).second);
    CHECK(keys_of(row).size() == keys.size());
    CHECK(sentences.insert(row.watched(spec, "a/b")).second);
    CHECK(row.watched(spec, "a/b").find("a/b") != std::string::npos);
    CHECK(all_laws()[law.index()].index() == law.index());
  }
  CHECK(names.size() == std::variant_size_v<DetectorLaw>);
}

// A value that the key takes, as a file writes it.
std::string value_for(const Key& key) {
  const KeyRange& in = key.wanted;
  switch (key.kind) {
    case Key::Kind::kNumber:
      return in.max > 1.0 ? std::to_string(std::max(in.min, 0.0) + 1.0) : "0.5";
    case Key::Kind::kCount:
      return std::to_string(static_cast<std::int64_t>(in.max));
    case Key::Kind::kWord:
      return "\"" + std::string(in.words[in.words.size() - 1]) + "\"";
    case Key::Kind::kAmount:
      return "\"7 steps\"";
    case Key::Kind::kHysteresis:
      break;
  }
  return "1";
}

Parsed parsed(const std::string& type, const std::string& keys) {
  return parse("version = 1\nname = \"t\"\n[detector.d]\nsignal = \"a/b\"\ntype = \"" + type +
                   "\"\n" + keys + "[rule.r]\nof = [\"d\"]\nalert = \"info\"\n",
               "t.toml");
}

// A key that writes into another law would throw; one that is read and not declared is unknown.
TEST_CASE("every law is read with all its keys, with those it needs, and not with one less",
          "[policy]") {
  for (const DetectorLaw& law : all_laws()) {
    const std::string type = name_of(law);
    INFO(type);
    const phaseguard::Span<const Key> keys = row_of(law).keys;
    std::string all, needed;
    for (const Key& key : keys) {
      const std::string line = std::string(key.name) + " = " + value_for(key) + "\n";
      all += line;
      if (key.wanted.required) needed += line;
    }
    for (const std::string& some : {all, needed}) {
      const Parsed found = parsed(type, some);
      INFO(some << (found.diagnostics.empty() ? "" : found.diagnostics[0].message));
      REQUIRE(found.document);
      CHECK(found.document->detectors.at(0).law.index() == law.index());
    }
    for (const Key& key : keys) {
      if (!key.wanted.required) continue;
      std::string less = needed;
      const std::size_t at = less.find(std::string(key.name) + " = ");
      less.erase(at, less.find('\n', at) + 1 - at);
      const Parsed found = parsed(type, less);
      CHECK_FALSE(found.document);
      REQUIRE(found.diagnostics.size() == 1);
      CHECK(found.diagnostics[0].message.find("has no \"" + std::string(key.name) + "\"") !=
            std::string::npos);
    }
  }
}

TEST_CASE("every law can go on from the state it begins with", "[policy]") {
  for (const DetectorLaw& law : all_laws()) {
    INFO(name_of(law));
    DetectorSpec spec;
    spec.law = law;
    CHECK(row_of(law).is_sound(spec, LawState{}));
  }
}

}  // namespace
}  // namespace phaseguard::policy
