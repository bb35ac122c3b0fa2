#include "trainer-hook/lab/commands/preflight_note.h"

#include "monitor/base/file.h"
#include "monitor/base/json.h"
#include "monitor/base/sha256.h"
#include "monitor/base/table_text.h"
#include "monitor/base/text.h"

namespace phaseguard::lab {

namespace {

using nlohmann::json;

constexpr std::size_t kMostWarnings = 4;

std::string short_text(const json& number) {
  return number.is_number() ? short_number(number.get<double>(), 3) : "none";
}

// "L 0.2 / 1.4 / 6.3 nats"; "" where the column has no value.
std::string quantiles(const json& column, const std::string& name) {
  const json& q = column.at("quantiles");
  if (q.is_null()) return "";
  const std::string unit = column.at("unit").get<std::string>();
  return ", " + name + " " + short_text(q.at("p05")) + " / " + short_text(q.at("p50")) + " / " +
         short_text(q.at("p95")) + (unit.empty() || unit == "1" ? "" : " " + unit);
}

std::string line_of(const json& found) {
  std::string out =
      "preflight: " + found.at("title").get<std::string>() + ": " +
      std::to_string(found.at("samples").get<std::size_t>()) + " samples, " +
      std::to_string(found.at("flagged").get<std::size_t>()) + " flagged; 5 % / median / 95 %" +
      quantiles(found.at(found.at("decisive").get<bool>() ? "nll_max" : "nll"), "L") +
      quantiles(found.at("llr"), "persona ratio") + quantiles(found.at("judge"), "judge's risk");
  for (const json& one : found.at("lambda_star")) {
    out += "; lambda* " + one.at("at").get<std::string>() + " " + short_text(one.at("lambda"));
  }
  return out;
}

}  // namespace

Result<std::vector<std::string>> preflight_notes(const std::string& file,
                                                 const std::string& theta0) {
  const auto text = read_file(file, "a pre-flight's JSON");
  if (!text) return tl::unexpected<Error>(text.error());
  const auto found = parse_json(*text);
  const auto wrong = [&](const std::string& what) {
    return fail(Errc::kMalformed,
                file + ": expected what 'phaseguard-probe preflight --json' prints, found " + what);
  };
  if (!found) return wrong("broken JSON: " + found.error().message);
  if (!found->is_object() || found->value("schema", json()) != json("phaseguard-preflight/1")) {
    return wrong("another schema");
  }
  try {
    const std::string reference = found->at("reference").get<std::string>();
    if (reference != theta0) {
      return fail(Errc::kConflict, file + ": expected a pre-flight under " +
                                       phaseguard::quoted(theta0) + ", found one under " +
                                       phaseguard::quoted(reference));
    }
    std::vector<std::string> notes = {line_of(*found).substr(0, 1000),
                                      "preflight.sha256: " + hex(sha256(*text))};
    for (const json& warning : found->at("warnings")) {
      if (notes.size() == 2 + kMostWarnings) break;
      notes.push_back("preflight.warning: " + warning.get<std::string>().substr(0, 500));
    }
    return notes;
  } catch (const json::exception& error) {
    return wrong(error.what());
  }
}

}  // namespace phaseguard::lab
