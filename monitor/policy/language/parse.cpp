#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "monitor/base/sha256.h"
#include "monitor/base/text.h"
#include "monitor/base/toml/bounds.h"
#include "monitor/policy/language/parse_parts.h"

namespace phaseguard::policy {

namespace {

constexpr std::size_t kMaxDiagnostics = 100;

void parse_head(const toml::table& root, Document& document, std::vector<Diagnostic>& out) {
  const TableReader head(root, "the policy file", {1, 1}, out);
  head.check_keys(
      {"version", "name", "mode", "profile", "shadow", "knob", "signal", "detector", "rule", "on"},
      {"include"});
  if (root.get("version") == nullptr) {
    head.error({1, 1}, "the policy file has no \"version\"; add version = 1");
  } else if (const auto version = head.count("version", {0, INT64_MAX}); version && *version != 1) {
    head.error(head.place_of_key("version"), "expected version = 1, found " +
                                                 std::to_string(*version) +
                                                 "; this build reads policies of version 1");
  }
  if (const auto name = head.text("name", true)) {
    const bool clean = !name->empty() && name->size() <= 64 &&
                       std::none_of(name->begin(), name->end(), [](char c) {
                         return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
                       });
    if (!clean) {
      head.error(head.place_of_key("name"),
                 "expected a name of 1 to 64 bytes without control characters, found " +
                     quoted(*name, 80));
    }
    document.name = *name;
  }
  document.shadow = head.word<wire::Mode>("mode") == wire::Mode::kShadow;
  const auto raises = head.choice("shadow", false, {"forcible", "strict"});
  if (raises && !document.shadow) {
    head.error(head.place_of_key("shadow"),
               "\"shadow\" says what operators may do in shadow mode; "
               "it needs mode = \"shadow\"");
  }
  document.strict_shadow = raises == "strict";
  document.profile = head.word<wire::Profile>("profile").value_or(wire::Profile::kWatch);
  // A key in [on] wins.
  if (document.profile == wire::Profile::kEnforce) document.bad_signal = BadSignal::kVote;
}

// "3 intervals" -> 3.
std::optional<std::int64_t> intervals(const std::string& text) {
  std::int64_t n = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, n);
  if (error != std::errc() || n < 1 || n > 1000) return std::nullopt;
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  if (unit != " intervals" && !(unit == " interval" && n == 1)) return std::nullopt;
  return n;
}

void check_substitute(const TableReader& on, const Document& document) {
  const bool any = std::any_of(document.knobs.begin(), document.knobs.end(),
                               [](const KnobSpec& knob) { return knob.substitute.has_value(); });
  if (document.link_loss == wire::OnLoss::kSubstitute && !any) {
    on.error(on.place_of_key("link_loss"),
             "link_loss = \"substitute\" needs the value to put in: no [knob.NAME] has "
             "\"substitute\"; add substitute = a number there");
  }
}

bool in_file_order(const Diagnostic& a, const Diagnostic& b) {
  return a.line != b.line ? a.line < b.line : a.column < b.column;
}

bool is_error(const Diagnostic& d) { return d.severity == Severity::kError; }

Parsed one_error(Place place, std::string message) {
  return {std::nullopt, {{Severity::kError, place.line, place.column, std::move(message)}}};
}

}  // namespace

void parse_on(const toml::table& root, Document& document, std::vector<Diagnostic>& out) {
  const toml::node* node = root.get("on");
  if (node == nullptr) return;
  const toml::table* table = node->as_table();
  if (table == nullptr) {
    out.push_back({Severity::kError, place_of(*node).line, place_of(*node).column,
                   "expected a table [on], found on = " + kind_text(*node)});
    return;
  }
  const TableReader on(*table, "[on]", place_of(*node), out);
  on.check_keys({"bad_signal", "missing_after", "link_loss", "resume"});
  document.carries_detectors =
      on.choice("resume", false, {"fresh", "carried"}).value_or("") == "carried";
  if (const auto bad = on.choice("bad_signal", false, {"alarm", "vote"})) {
    document.bad_signal = *bad == "vote" ? BadSignal::kVote : BadSignal::kAlarm;
  }
  if (const auto after = on.text("missing_after", false)) {
    if (const auto n = intervals(*after)) {
      document.missing_after_intervals = *n;
    } else {
      on.error(on.place_of_key("missing_after"),
               "\"missing_after\" in [on]: expected \"N intervals\" with N from 1 to 1000, found " +
                   quoted(*after, 60));
    }
  }
  if (const auto loss = on.word<wire::OnLoss>("link_loss")) {
    document.link_loss = *loss;
  }
  check_substitute(on, document);
}

Parsed parse(std::string_view toml, std::string_view file_name) {
  if (toml.size() > kMaxPolicyBytes) {
    return one_error({1, 1}, "expected a policy of at most 65536 bytes, found " +
                                 std::to_string(toml.size()) + "; is this the right file?");
  }
  if (const auto excess = toml_excess(toml)) {
    return one_error(
        {static_cast<std::uint32_t>(excess->line), static_cast<std::uint32_t>(excess->column)},
        excess->what);
  }
  const toml::parse_result result = toml::parse(toml, file_name);
  if (!result) {
    const toml::parse_error& error = result.error();
    const std::string what(error.description());
    const bool twice = what.find("redefine") != std::string::npos;
    return one_error(place_of(error.source()),
                     "not valid TOML: " + what +
                         (twice ? "; it is written twice, and each name may be there once" : ""));
  }
  const toml::table& root = result.table();
  Parsed parsed;
  Document document;
  document.text = std::string(toml);
  document.digest = hex(sha256(toml));
  NamesInFile names;
  parse_head(root, document, parsed.diagnostics);
  parse_knobs(root, document, names, parsed.diagnostics);
  parse_on(root, document, parsed.diagnostics);  // detectors take bad_signal from it
  parse_detectors(root, document, names, parsed.diagnostics);
  parse_rules(root, document, names, parsed.diagnostics);
  parse_signals(root, document, parsed.diagnostics);

  auto& found = parsed.diagnostics;
  std::stable_sort(found.begin(), found.end(), in_file_order);
  const bool broken = std::any_of(found.begin(), found.end(), is_error);
  if (found.size() > kMaxDiagnostics) found.resize(kMaxDiagnostics);
  if (!broken) parsed.document = std::move(document);
  return parsed;
}

}  // namespace phaseguard::policy
