// How a computed answer is held against the wanted one of a vector file (schema
// phaseguard-vectors/1). Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace phaseguard::conformance {

using nlohmann::json;

struct Tolerance {
  double abs = 0.0, rel = 0.0;
};

// What differs, one line each: "by_k[0].lower: got 0.1, wanted 0.2". Numbers match when
// |got - want| <= abs + rel |want|; everything else must be equal, lengths of lists included. Keys
// that are information (wrong_*, full_before_rounding, lambda_star_exact) are not compared; a key
// that `want` does not name is not asked for, except that a refusal or a BAD value must be wanted.
[[nodiscard]] std::vector<std::string> differences(const json& got, const json& want,
                                                   const Tolerance& tolerance);

// A number, or "NaN", "Infinity", "-Infinity" for those JSON cannot write. Throws json::exception
// for anything else.
[[nodiscard]] double number_of(const json& value);

[[nodiscard]] std::string short_text(const json& value);

}  // namespace phaseguard::conformance
