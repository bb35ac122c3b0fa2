// `phaseguard policy check | explain | test`: what is wrong with a policy, what it means, and
// whether it decides what is expected of it.
#include <cstdio>
#include <memory>
#include <optional>
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

namespace phaseguard::ctl {

namespace {

// What a policy is held against, when it is.
struct Against {
  std::string run;      // a recorded run
  std::string declare;  // a declaration as text
};

struct Given {
  std::optional<wire::Hello> hello;
  std::optional<store::Reader> reader;
};

Result<Given> read_against(const Against& against) {
  Given out;
  if (!against.run.empty()) {
    auto reader = store::Reader::open(against.run);
    if (!reader) return tl::unexpected(reader.error());
    auto hello = recorded_declaration(*reader);
    if (!hello) return tl::unexpected(hello.error());
    out.hello = std::move(*hello);
    out.reader = std::move(*reader);
  } else if (!against.declare.empty()) {
    auto text = read_file(against.declare, "a declaration");
    if (!text) return tl::unexpected(text.error());
    auto hello = read_declaration(*text, against.declare);
    if (!hello) return tl::unexpected(hello.error());
    out.hello = std::move(*hello);
  }
  return out;
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

int check_files(const std::vector<std::string>& files, const Against& against, bool as_json) {
  auto given = read_against(against);
  if (!given) {
    (void)failed(given.error());
    return kUsage;
  }
  nlohmann::json list = nlohmann::json::array();
  bool all_good = true;
  for (const std::string& file : files) {
    auto text = read_file(file, "a policy file");
    if (!text) {
      (void)failed(text.error());
      return kUsage;
    }
    const policy::Parsed parsed = policy::parse(*text, file);
    auto found = check(parsed, *given);
    if (!found) return failed(found.error());
    const bool good = !has_errors(*found);
    all_good = all_good && good;
    nlohmann::json diagnostics = nlohmann::json::array();
    for (const policy::Diagnostic& diagnostic : *found) {
      diagnostics.push_back(to_json(diagnostic));
      if (!as_json) print_line(stdout, "%s", policy::to_text(diagnostic, file).c_str());
    }
    if (as_json) {
      list.push_back({{"file", file},
                      {"ok", good},
                      {"name", parsed.document ? parsed.document->name : ""},
                      {"digest", parsed.document ? parsed.document->digest : ""},
                      {"diagnostics", diagnostics}});
    } else if (good) {
      print_line(
          stdout, "%s: ok: policy %s, %s, %s, mode %s%s", file.c_str(),
          parsed.document->name.c_str(),
          counted(static_cast<std::int64_t>(parsed.document->detectors.size()), "detector").c_str(),
          counted(static_cast<std::int64_t>(parsed.document->rules.size()), "rule").c_str(),
          std::string(wire::text_of(policy::mode_of(*parsed.document))).c_str(),
          given->hello ? ", fits the declaration" : "");
    }
  }
  if (as_json) print({{"policies", list}});
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
  Against against;
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
      assumed
          ? "Earliest steps are those of signals measured every " +
                std::to_string(options.cadence) + " steps (--cadence)."
          : "Earliest steps are those of the declaration in " +
                (options.against.run.empty() ? options.against.declare : options.against.run) + ".";
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

void add_against(CLI::App& command, Against& against) {
  CLI::Option* run = command.add_option("--run", against.run,
                                        "A recorded run: its declaration, and for check its data");
  command
      .add_option("--declare", against.declare,
                  "A declaration as text, or a policy test: signals, knobs and cadence")
      ->excludes(run);
}

}  // namespace

void add_policy(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("policy", "Work with policy files");
  group->require_subcommand(1);
  auto files = std::make_shared<std::vector<std::string>>();
  auto against = std::make_shared<Against>();
  CLI::App* check = add_command(
      *group, context, "check",
      "Read policy files and print what is wrong as FILE:LINE:COLUMN: error: ... With --run or "
      "--declare also whether they fit that trainer; with --run also which rules are saturated on "
      "it. Exit code 3 when there is an error, 2 when a file cannot be read.",
      [files, against, &context] { return check_files(*files, *against, context.json); });
  check->add_option("FILE", *files, "Policy files (TOML)")->required();
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
