// `phaseguard policy check | explain | test`: what is wrong with a policy, what it means, and
// whether it decides what is expected of it.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monitor/base/printable.h"
#include "monitor/base/table_text.h"
#include "monitor/ctl/backtest/trace.h"
#include "monitor/ctl/command.h"
#include "monitor/ctl/files.h"
#include "monitor/ctl/policytest/declaration.h"
#include "monitor/ctl/text_lines.h"
#include "monitor/policy/document.h"
#include "monitor/policy/explain/explain.h"
#include "monitor/store/reader.h"
#include "monitor/wire/declaration.h"
#include "monitor/wire/json_declaration.h"

namespace phaseguard::ctl {

namespace {

// A declaration that a policy is held against, and the run it was recorded in, if it was.
struct Given {
  std::optional<wire::Hello> hello;
  std::optional<store::Reader> reader;
};

Result<Given> read_run(const std::string& file) {
  auto reader = store::Reader::open(file);
  if (!reader) return tl::unexpected(reader.error());
  auto hello = recorded_declaration(*reader);
  if (!hello) return tl::unexpected(hello.error());
  return Given{std::move(*hello), std::move(*reader)};
}

Result<wire::Hello> read_text(const std::string& text, const std::string& file) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos || text[first] != '{') return read_declaration(text, file);
  const auto run = RunId::parse("declared");
  if (!run) return tl::unexpected(run.error());
  auto hello = wire::parse_declaration(text, *run);
  if (!hello) return fail(hello.error().code, file + ": " + hello.error().message);
  const std::string wrong = wire::contradiction_in(*hello);
  if (!wrong.empty()) return fail(Errc::kMalformed, file + ": " + wrong);
  return hello;
}

// `file`: a run file, a declaration as JSON or in lines; "": none.
Result<Given> read_against(const std::string& file) {
  if (file.empty()) return Given{};
  if (std::filesystem::path(file).extension() == ".phaseguard") return read_run(file);
  auto text = read_file(file, "a run file or a declaration");
  if (!text) return tl::unexpected(text.error());
  if (text->rfind("SQLite format 3", 0) == 0) return read_run(file);
  auto hello = read_text(*text, file);
  if (!hello) return tl::unexpected(hello.error());
  return Given{std::move(*hello), std::nullopt};
}

nlohmann::json to_json(const policy::Diagnostic& diagnostic) {
  const bool error = diagnostic.severity == policy::Severity::kError;
  return {{"severity", error ? "error" : "warning"},
          {"line", diagnostic.line},
          {"column", diagnostic.column},
          {"message", diagnostic.message}};
}

bool has_errors(const std::vector<policy::Diagnostic>& diagnostics) {
  for (const policy::Diagnostic& d : diagnostics) {
    if (d.severity == policy::Severity::kError) return true;
  }
  return false;
}

// "can fire at step 20 at the earliest, and did": then the step says nothing of the run.
Result<std::vector<policy::Diagnostic>> saturation(const policy::Document& document,
                                                   const store::Reader& reader) {
  std::vector<policy::Diagnostic> out;
  for (const policy::RuleSpec& rule : document.rules) {
    TraceOptions options;
    options.rule = rule.name;
    auto traced = trace(reader, {document}, options);
    if (!traced) return tl::unexpected(traced.error());
    const auto& found = traced->traces.front();
    if (!found || !found->at_floor) continue;
    out.push_back({policy::Severity::kWarning, rule.place.line, rule.place.column,
                   "[rule." + rule.name + "] is saturated on run " + traced->run.text() +
                       ": it can fire at step " + std::to_string(found->floor.value) +
                       " at the earliest, and did; that step says nothing of the run but that its "
                       "signals were high all along"});
  }
  return out;
}

Result<std::vector<policy::Diagnostic>> check(const policy::Parsed& parsed, const Given& given) {
  std::vector<policy::Diagnostic> out = parsed.diagnostics;
  if (!parsed.document || !given.hello) return out;
  const auto fit = policy::check_fit(*parsed.document, *given.hello);
  out.insert(out.end(), fit.begin(), fit.end());
  if (!given.reader || has_errors(out)) return out;
  auto warnings = saturation(*parsed.document, *given.reader);
  if (!warnings) return warnings;
  out.insert(out.end(), warnings->begin(), warnings->end());
  return out;
}

struct Checked {
  std::string file;
  policy::Parsed parsed;
  std::vector<policy::Diagnostic> found;

  [[nodiscard]] bool good() const { return !has_errors(found); }
};

Result<Checked> check_file(const std::string& file, const Given& given) {
  auto text = read_file(file, "a policy file");
  if (!text) return tl::unexpected(text.error());
  Checked out{file, policy::parse(*text, file), {}};
  auto found = check(out.parsed, given);
  if (!found) return tl::unexpected(found.error());
  out.found = std::move(*found);
  return out;
}

nlohmann::json to_json(const Checked& checked) {
  nlohmann::json diagnostics = nlohmann::json::array();
  for (const policy::Diagnostic& diagnostic : checked.found) {
    diagnostics.push_back(to_json(diagnostic));
  }
  const auto& document = checked.parsed.document;
  return {{"file", checked.file},
          {"ok", checked.good()},
          {"name", document ? document->name : ""},
          {"digest", document ? document->digest : ""},
          {"diagnostics", diagnostics}};
}

void say(const Checked& checked, const Given& given) {
  for (const policy::Diagnostic& diagnostic : checked.found) {
    print_line(stdout, "%s", policy::to_text(diagnostic, checked.file).c_str());
  }
  if (!checked.good()) return;
  const policy::Document& document = *checked.parsed.document;
  print_line(stdout, "%s: ok: policy %s, %s, %s, mode %s%s", checked.file.c_str(),
             document.name.c_str(),
             counted(static_cast<std::int64_t>(document.detectors.size()), "detector").c_str(),
             counted(static_cast<std::int64_t>(document.rules.size()), "rule").c_str(),
             std::string(wire::text_of(policy::mode_of(document))).c_str(),
             given.hello ? ", fits the declaration" : "");
}

// The policies that ship with the programs and fit. Error: they are not where find_asset() looks.
Result<std::vector<std::string>> shipped_that_fit(const wire::Hello& hello) {
  auto folder = find_asset("policies");
  if (!folder) return tl::unexpected(folder.error());
  auto files = files_named({folder->string()}, ".toml", "policies");
  if (!files) return tl::unexpected(files.error());
  std::vector<std::string> out;
  for (const std::string& file : *files) {
    auto document = read_policy(file);
    if (!document) return tl::unexpected(document.error());
    if (!has_errors(policy::check_fit(*document, hello))) out.push_back(file);
  }
  return out;
}

// What to take instead of a policy that does not fit.
void say_shipped(const Result<std::vector<std::string>>& fit) {
  if (!fit) {
    print_line(stdout, "which shipped policy would fit cannot be said: %s",
               fit.error().message.c_str());
  } else if (fit->empty()) {
    print_line(stdout, "no shipped policy fits this declaration");
  } else {
    print_line(stdout, "of the shipped policies these fit: %s", joined(*fit).c_str());
  }
}

int check_files(const std::vector<std::string>& files, const std::string& against, bool as_json) {
  if (files.empty() && against.empty()) {
    (void)failed({Errc::kInvalidArgument, "expected policy files, --against, or both; found none"});
    return kUsage;
  }
  auto given = read_against(against);
  if (!given) {
    (void)failed(given.error());
    return kUsage;
  }
  std::vector<Checked> all;
  for (const std::string& file : files) {
    auto checked = check_file(file, *given);
    if (!checked) {
      (void)failed(checked.error());
      return kUsage;
    }
    if (!as_json) say(*checked, *given);
    all.push_back(std::move(*checked));
  }
  const bool all_good = std::all_of(all.begin(), all.end(), [](const auto& c) { return c.good(); });
  nlohmann::json out = {{"policies", nlohmann::json::array()}};
  for (const Checked& checked : all) out["policies"].push_back(to_json(checked));
  if (given->hello && (files.empty() || !all_good)) {
    const auto fit = shipped_that_fit(*given->hello);
    if (!as_json) say_shipped(fit);
    out["shipped_that_fit"] = fit ? nlohmann::json(*fit) : nlohmann::json(nullptr);
  }
  if (as_json) print(out);
  return all_good ? kDone : kFindings;
}

nlohmann::json to_json(const std::vector<policy::ExplainedPart>& parts) {
  nlohmann::json out = nlohmann::json::array();
  for (const policy::ExplainedPart& part : parts) {
    nlohmann::json one = {{"name", part.name}, {"text", part.text}};
    if (!part.null_hypothesis.empty()) one["null_hypothesis"] = part.null_hypothesis;
    if (!part.above.empty()) one["of"] = part.above;
    if (part.earliest >= Step{0}) one["earliest_step"] = part.earliest.value;
    out.push_back(std::move(one));
  }
  return out;
}

struct ExplainOptions {
  std::string file;
  std::string against;
  std::int64_t cadence = 5;
};

int explain_file(const ExplainOptions& options, bool as_json) {
  auto document = read_policy(options.file);
  if (!document) return failed(document.error());
  auto given = read_against(options.against);
  if (!given) return failed(given.error());
  const bool assumed = !given->hello;
  if (assumed) given->hello = policy::assumed_declaration(*document, options.cadence);
  for (const policy::Diagnostic& misfit : policy::check_fit(*document, *given->hello)) {
    if (misfit.severity != policy::Severity::kError || assumed) continue;
    print_line(stderr, "%s", policy::to_text(misfit, options.file).c_str());
  }
  const policy::Explanation explained = policy::explain(*document, *given->hello);
  const std::string grounds =
      assumed ? "Earliest steps are those of signals measured every " +
                    std::to_string(options.cadence) + " steps (--cadence)."
              : "Earliest steps are those of the declaration in " + options.against + ".";
  if (as_json) {
    print({{"policy", document->name},
           {"digest", document->digest},
           {"summary", explained.summary},
           {"knobs", to_json(explained.knobs)},
           {"signals", to_json(explained.signals)},
           {"detectors", to_json(explained.detectors)},
           {"rules", to_json(explained.rules)},
           {"precedence", explained.precedence},
           {"failures", explained.failures},
           {"cadence", assumed ? nlohmann::json(options.cadence) : nlohmann::json(nullptr)}});
  } else {
    print_lines(stdout, policy::to_text(explained) + "\n");
    print_line(stdout, "%s", grounds.c_str());
  }
  return kDone;
}

void add_against(CLI::App& command, std::string& against) {
  command.add_option("--against,--run,--declare", against,
                     "What a trainer declares: a run file; a hello as JSON; lines as in a policy "
                     "test");
}

}  // namespace

void add_policy(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("policy", "Work with policy files");
  group->require_subcommand(1);
  auto files = std::make_shared<std::vector<std::string>>();
  auto against = std::make_shared<std::string>();
  CLI::App* check = add_command(
      *group, context, "check",
      "Read policy files and print what is wrong as FILE:LINE:COLUMN: error: ... With --against "
      "also what the trainer lacks for each and which of the shipped policies fit it; without FILE "
      "the latter alone; with a run file also which rules are saturated on it. Exit code 3 when "
      "there is an error, 2 when a file cannot be read.",
      [files, against, &context] { return check_files(*files, *against, context.json); });
  check->add_option("FILE", *files, "Policy files (TOML)");
  add_against(*check, *against);

  auto options = std::make_shared<ExplainOptions>();
  CLI::App* explain = add_command(
      *group, context, "explain",
      "Say in plain English what a policy watches, when it acts, what it then does, who wins on a "
      "knob, what happens when data or the link fail, and the earliest step at which each rule can "
      "fire.",
      [options, &context] { return explain_file(*options, context.json); });
  explain->add_option("FILE", options->file, "Policy file (TOML)")->required();
  explain->add_option("--cadence", options->cadence, "Steps between measurements of every signal")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  add_against(*explain, options->against);
  add_policy_test(*group, context);
}

}  // namespace phaseguard::ctl
