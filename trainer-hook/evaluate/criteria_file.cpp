// The two JSON files of the criteria: what is asked for, and what was measured.
#include <algorithm>
#include <set>

#include "monitor/base/json.h"
#include "monitor/base/text.h"
#include "trainer-hook/evaluate/criteria.h"

namespace phaseguard::evaluate {

namespace {

using nlohmann::json;

tl::unexpected<Error> wrong(const std::string& what) { return fail(Errc::kMalformed, what); }

Result<std::string> text_of(const json& object, const std::string& key) {
  if (!object.contains(key)) return wrong("has no \"" + key + "\"");
  if (!object[key].is_string()) {
    return wrong(
        "\"" + key + "\": expected a text" +
        (object[key].is_number() ? "; write numbers in quotes, so that they stay exact" : ""));
  }
  std::string text = object[key].get<std::string>();
  if (text.empty()) return wrong("\"" + key + "\" is empty");
  return text;
}

// The file as an object of the wanted schema.
Result<json> open(std::string_view text, const std::string& schema,
                  const std::vector<std::string>& keys) {
  auto file = parse_json(text);
  if (!file) return wrong("broken JSON: " + file.error().message);
  if (!file->is_object() || file->value("schema", json()) != json(schema)) {
    return fail(Errc::kUnsupported,
                "expected a JSON object with \"schema\": \"" + schema + "\", found another");
  }
  if (auto ok = known_keys(*file, keys); !ok) return tl::unexpected<Error>(ok.error());
  return file;
}

Result<Rule> rule_of(const std::string& text) {
  std::vector<std::string> names;
  for (Rule rule : {Rule::kRecovery, Rule::kRetention, Rule::kAtMost, Rule::kAtLeast}) {
    if (text == name_of(rule)) return rule;
    names.emplace_back(name_of(rule));
  }
  return wrong("\"rule\": expected recovery, retention, at_most or at_least, found " +
               phaseguard::quoted(text, 60));
}

Result<Criterion> read_criterion(const json& object) {
  if (!object.is_object()) return wrong("expected an object");
  if (auto ok = known_keys(object, {"name", "metric", "rule", "amount", "line"}); !ok) {
    return tl::unexpected<Error>(ok.error());
  }
  Criterion out;
  const auto name = text_of(object, "name"), metric = text_of(object, "metric"),
             rule = text_of(object, "rule"), amount = text_of(object, "amount");
  for (const auto* one : {&name, &metric, &rule, &amount}) {
    if (!*one) return tl::unexpected<Error>(one->error());
  }
  out.name = *name;
  out.metric = *metric;
  auto kind = rule_of(*rule);
  if (!kind) return tl::unexpected<Error>(kind.error());
  out.rule = *kind;
  const bool share = out.rule == Rule::kRecovery || out.rule == Rule::kRetention;
  auto value = share ? stats::Fraction::parse(*amount) : stats::percent_of(*amount);
  if (!value) return wrong("\"amount\": " + value.error().message);
  if (share && (value->num() < 0 || value->num() > value->den())) {
    return wrong("\"amount\": expected a share of 0 to 1, found " +
                 phaseguard::quoted(*amount, 40));
  }
  out.amount = *value;
  if (object.contains("line")) {
    const auto line = text_of(object, "line");
    if (!line) return tl::unexpected<Error>(line.error());
    auto percent = stats::percent_of(*line);
    if (!percent) return wrong("\"line\": " + percent.error().message);
    out.line = *percent;
  }
  return out;
}

Result<RunMetrics> read_run(const json& object) {
  if (!object.is_object()) return wrong("expected an object");
  if (auto ok = known_keys(object, {"name", "metrics"}); !ok) {
    return tl::unexpected<Error>(ok.error());
  }
  auto name = text_of(object, "name");
  if (!name) return tl::unexpected<Error>(name.error());
  RunMetrics out;
  out.name = *name;
  if (!object.contains("metrics") || !object["metrics"].is_object()) {
    return wrong("expected \"metrics\" as an object of rates");
  }
  for (const auto& [metric, value] : object["metrics"].items()) {
    if (value.is_null()) continue;  // not measured
    const auto text = text_of(object["metrics"], metric);
    if (!text) return tl::unexpected<Error>(text.error());
    auto percent = stats::percent_of(*text);
    if (!percent) {
      return wrong("metric " + phaseguard::quoted(metric, 60) + ": " + percent.error().message);
    }
    out.metrics.emplace(metric, *percent);
  }
  return out;
}

// Reads each element of `list` by `read`, and refuses a name that is used twice.
template <class T, class Read>
Result<std::vector<T>> read_list(const json& file, const std::string& key, const Read& read) {
  if (!file.contains(key) || !file[key].is_array() || file[key].empty()) {
    return wrong("expected \"" + key + "\" as a list with at least one element");
  }
  std::vector<T> out;
  std::set<std::string> names;
  for (const json& element : file[key]) {
    const std::string place = key + "[" + std::to_string(out.size()) + "]: ";
    auto one = read(element);
    if (!one) return fail(one.error().code, place + one.error().message);
    if (!names.insert(one->name).second) {
      return wrong(place + "the name " + phaseguard::quoted(one->name, 60) + " is used twice");
    }
    out.push_back(std::move(*one));
  }
  return out;
}

tl::unexpected<Error> in_file(std::string_view source, const Error& error) {
  return fail(error.code, std::string(source) + ": " + error.message);
}

}  // namespace

Result<Criteria> parse_criteria(std::string_view text, std::string_view source) {
  const auto file =
      open(text, "phaseguard-criteria/1",
           {"schema", "name", "registered", "undefended", "always_on", "criteria", "note"});
  if (!file) return in_file(source, file.error());
  Criteria out;
  const std::vector<std::pair<const char*, std::string*>> texts = {{"name", &out.name},
                                                                   {"registered", &out.registered},
                                                                   {"undefended", &out.undefended},
                                                                   {"always_on", &out.always_on}};
  for (const auto& [key, target] : texts) {
    auto value = text_of(*file, key);
    if (!value) return in_file(source, value.error());
    *target = std::move(*value);
  }
  auto list = read_list<Criterion>(*file, "criteria", read_criterion);
  if (!list) return in_file(source, list.error());
  out.criteria = std::move(*list);
  return out;
}

Result<std::vector<RunMetrics>> parse_results(std::string_view text, std::string_view source) {
  const auto file = open(text, "phaseguard-results/1", {"schema", "runs", "note"});
  if (!file) return in_file(source, file.error());
  auto runs = read_list<RunMetrics>(*file, "runs", read_run);
  if (!runs) return in_file(source, runs.error());
  return std::move(*runs);
}

}  // namespace phaseguard::evaluate
