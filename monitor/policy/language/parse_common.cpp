#include "monitor/policy/language/parse_common.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "monitor/base/text.h"

namespace phaseguard::policy {

bool is_signal_name(std::string_view name) {
  const bool clean = name.size() <= 128 && std::none_of(name.begin(), name.end(), [](char c) {
                       return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '*';
                     });
  const std::size_t slash = name.find('/');
  return clean && slash != std::string_view::npos && slash > 0 && name.back() != '/';
}

namespace {

const char* unit_text(SpanUnit unit, bool plural) {
  switch (unit) {
    case SpanUnit::kIntervals:
      return plural ? "intervals" : "interval";
    case SpanUnit::kPoints:
      return plural ? "points" : "point";
    case SpanUnit::kSteps:
      return plural ? "steps" : "step";
    case SpanUnit::kSeconds:
      break;
  }
  return "s";
}

bool is_group_name(std::string_view name) {
  return name.size() > 2 && name.substr(name.size() - 2) == "/*" &&
         is_signal_name(std::string(name.substr(0, name.size() - 1)) + "x");
}

bool check_signal(const TableReader& reader, const std::string& key, const std::string& signal) {
  if (is_signal_name(signal)) return true;
  reader.error(reader.place_of_key(key),
               "\"" + key + "\" in " + reader.where() +
                   ": expected a name group/name such as \"canary/js\", found " +
                   quoted(signal, 80));
  return false;
}

// A group needs `combine`, and nothing else may have it.
bool check_group(const TableReader& reader, const SourceSpec& source, bool has_combine) {
  const bool group = is_group_name(source.signal);
  if (group && !has_combine) {
    reader.error(reader.place_of_key("signal"),
                 "\"signal\" in " + reader.where() + " is the group " + quoted(source.signal, 80) +
                     ": add combine = \"max\" or combine = \"mean\"");
  } else if (!group && has_combine) {
    reader.error(reader.place_of_key("combine"),
                 "\"combine\" in " + reader.where() +
                     " needs a group such as signal = \"canary/js/*\", found " +
                     quoted(source.signal, 80));
  }
  return group == has_combine;
}

bool check_one_of(const TableReader& reader) {
  Words found;
  for (const char* key : {"combine", "minus", "over"}) {
    if (reader.find(key) != nullptr) found.emplace_back(key);
  }
  if (found.size() < 2) return true;
  reader.error(reader.place_of_key(found[1]),
               reader.where() + ": expected at most one of combine, minus and over, found \"" +
                   joined(found, "\" and \"") + "\"; make two detectors of it");
  return false;
}

std::string example(const std::vector<SpanUnit>& allowed) {
  std::string text;
  for (const SpanUnit unit : allowed) {
    text += (text.empty() ? "\"" : ", \"") + to_text(Span{10, unit}) + "\"";
  }
  return text;
}

// "30 s", "1 step": a number, spaces, a unit; the singular is taken with any number.
std::optional<Span> span_of(std::string_view text) {
  Span span;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, span.count);
  if (error != std::errc() || rest == end || *rest != ' ') return std::nullopt;
  std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  unit.remove_prefix(std::min(unit.find_first_not_of(' '), unit.size()));
  for (const SpanUnit known :
       {SpanUnit::kIntervals, SpanUnit::kPoints, SpanUnit::kSteps, SpanUnit::kSeconds}) {
    if (unit != unit_text(known, true) && unit != unit_text(known, false)) continue;
    span.unit = known;
    return span;
  }
  return std::nullopt;
}

bool is_in_range(const Span& span) {
  const bool whole_number = span.count == std::floor(span.count);
  return span.count > 0.0 && span.count <= static_cast<double>(kMaxSpan) &&
         (whole_number || span.unit == SpanUnit::kSeconds);
}

}  // namespace

std::string to_text(const Span& span) {
  return number_text(span.count) + " " + unit_text(span.unit, span.count != 1.0);
}

std::string to_text(const SourceSpec& source) {
  if (source.combine == Combine::kMax) return "max(" + source.signal + ")";
  if (source.combine == Combine::kMean) return "mean(" + source.signal + ")";
  if (!source.minus.empty()) return source.signal + " - " + source.minus;
  if (!source.over.empty()) return source.signal + " / " + source.over;
  return source.signal;
}

const Words& source_keys() {
  static const Words kKeys{"signal", "combine", "minus", "over"};
  return kKeys;
}

std::optional<SourceSpec> parse_source(const TableReader& reader) {
  const auto signal = reader.text("signal", true);
  const auto combine = reader.choice("combine", false, {"max", "mean"});
  const auto minus = reader.text("minus", false);
  const auto over = reader.text("over", false);
  bool ok = check_one_of(reader);
  const auto present = [&](const char* key) { return reader.find(key) != nullptr; };
  ok = ok && signal && (combine || !present("combine")) && (minus || !present("minus")) &&
       (over || !present("over"));
  if (!ok) return std::nullopt;
  SourceSpec source;
  source.signal = *signal;
  if (combine) source.combine = *combine == "max" ? Combine::kMax : Combine::kMean;
  source.minus = minus.value_or("");
  source.over = over.value_or("");
  if (!is_group_name(source.signal) && !check_signal(reader, "signal", source.signal)) {
    return std::nullopt;
  }
  if (!check_group(reader, source, combine.has_value())) return std::nullopt;
  if (minus && !check_signal(reader, "minus", *minus)) return std::nullopt;
  if (over && !check_signal(reader, "over", *over)) return std::nullopt;
  return source;
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0.0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<Span> parse_span(const TableReader& reader, const std::string& key, bool required,
                               const std::vector<SpanUnit>& allowed) {
  const toml::node* node = reader.find(key);
  const auto wrong = [&](const std::string& found) {
    reader.error(reader.place_of_key(key), "\"" + key + "\" in " + reader.where() +
                                               ": expected an amount with its unit, such as " +
                                               example(allowed) + ", found " + found);
    return std::nullopt;
  };
  if (node == nullptr) {
    if (!required) return std::nullopt;
    reader.error(reader.place(), reader.where() + " has no \"" + key + "\"; add " + key +
                                     " = an amount with its unit, such as " + example(allowed));
    return std::nullopt;
  }
  if (!node->is_string()) return wrong(kind_text(*node));
  const std::string text = node->as_string()->get();
  const auto span = span_of(text);
  const bool known = span && std::find(allowed.begin(), allowed.end(), span->unit) != allowed.end();
  if (!known) return wrong(quoted(text, 60));
  if (is_in_range(*span)) return span;
  reader.error(reader.place_of_key(key),
               "\"" + key + "\" in " + reader.where() + ": expected " +
                   (span->unit == SpanUnit::kSeconds ? "a number" : "a whole number") +
                   " above 0 and up to 1e9, found " + quoted(text, 60));
  return std::nullopt;
}

}  // namespace phaseguard::policy
