// Parts of the policy language that detectors, rules and controllers share. Private to the policy
// room; errors go where `reader` puts them, at the line and column of the key.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/policy/language/toml_reader.h"
#include "monitor/policy/source_spec.h"
#include "monitor/policy/span.h"

namespace phaseguard::policy {

inline constexpr std::int64_t kMaxSpan = 1000000000;  // of any unit

// group/name, 128 bytes at most, without control characters and "*".
[[nodiscard]] bool is_signal_name(std::string_view name);

// The keys that parse_source reads, for check_keys: "signal", "combine", "minus", "over".
[[nodiscard]] const Words& source_keys();

// signal (required), combine, minus, over. Nothing: an error was reported.
[[nodiscard]] std::optional<SourceSpec> parse_source(const TableReader& reader);

// A finite decimal number and nothing else.
[[nodiscard]] std::optional<double> parse_number(std::string_view text);

// A span in one of the `allowed` units. Nothing: absent (an error where `required`), or an error
// was reported. A bare number is an error that names the units.
[[nodiscard]] std::optional<Span> parse_span(const TableReader& reader, const std::string& key,
                                             bool required, const std::vector<SpanUnit>& allowed);

}  // namespace phaseguard::policy
