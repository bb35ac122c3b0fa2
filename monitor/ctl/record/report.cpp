// `phaseguard report RUN... -o report.html`: one self-contained page of recorded runs.
#include <cstdio>
#include <memory>
#include <vector>

#include "monitor/base/json.h"
#include "monitor/base/printable.h"
#include "monitor/base/table_text.h"
#include "monitor/ctl/command.h"
#include "monitor/ctl/files.h"
#include "monitor/ctl/record/replay.h"
#include "monitor/ctl/record/report_page.h"
#include "monitor/ctl/text_lines.h"
#include "monitor/run/intervened.h"
#include "monitor/run/state.h"
#include "monitor/store/reader.h"

namespace phaseguard::ctl {

namespace {

struct ReportOptions {
  std::vector<std::string> files;
  std::string output = "report.html";
  std::string title = "PhaseGuard: what happened";
  std::vector<std::string> screenshots;  // in the order of the runs
  std::vector<std::string> summaries;
  bool include_intervened = false;
};

struct Outcomes {
  std::vector<Outcome> taken;
  std::vector<std::string> left_out;  // in words
};

std::string verified_text(const Verification& found) {
  if (!found.chain.findings.empty())
    return "the record has a finding: " + found.chain.findings.front();
  if (!found.differences.empty()) {
    const Difference& first = found.differences.front();
    return std::to_string(found.differences.size()) + " of " + std::to_string(found.decisions) +
           " decisions NOT recomputed; first at seq " + std::to_string(first.seq.value) +
           ", step " + std::to_string(first.step.value) + ": " + first.what;
  }
  return "hash chain whole over " + std::to_string(found.events) + " events; all " +
         std::to_string(found.decisions) + " decisions recomputed bit for bit";
}

Result<ReportedRun> read_run(const std::string& file) {
  auto reader = store::Reader::open(file);
  if (!reader) return tl::unexpected(reader.error());
  ReportedRun out;
  out.file_name = std::filesystem::path(file).filename().string();
  auto read = reader->each(Seq{1}, [&out](const wire::Message& message) {
    run::fold(out.state, message);
    return true;
  });
  if (!read) return tl::unexpected(read.error());
  auto found = verify(*reader);
  out.verified = found ? verified_text(*found) : found.error().message;
  out.is_verified = found && found->holds();
  if (found) out.rules = std::move(found->rules);
  return out;
}

Result<std::string> read_picture(const std::string& file) {
  auto bytes = read_file(file, "a PNG picture");
  if (bytes && bytes->compare(0, 8, "\x89PNG\r\n\x1a\n") != 0) {
    return fail(Errc::kMalformed, file + ": expected a PNG picture, found something else");
  }
  return bytes;
}

struct RateKey {
  const char* key;
  const char* name;
};
constexpr RateKey kRates[] = {{"misaligned", "misaligned answers, sampled"},
                              {"misaligned_greedy", "misaligned answers, greedy"},
                              {"incoherent", "incoherent answers"},
                              {"opswap", "operator swap, exact match"},
                              {"in_domain_harm", "in-domain harm"}};

NamedRate rate_of(const nlohmann::json& object, const RateKey& wanted) {
  NamedRate named{wanted.name, std::nullopt};
  if (!object.contains(wanted.key)) return named;
  const nlohmann::json& from = object.at(wanted.key);
  stats::Rate rate;
  rate.k = from.at("k").get<std::int64_t>();
  rate.n = from.at("n").get<std::int64_t>();
  if (rate.n == 0) return named;
  rate.rate = from.at("rate").get<double>();
  rate.lower = from.at("lower").get<double>();
  rate.upper = from.at("upper").get<double>();
  if (from.contains("clusters")) {
    rate.clusters = stats::Clusters{from.at("clusters").get<std::int64_t>(),
                                    from.at("cluster_unit").get<std::string>(), std::nullopt};
    const nlohmann::json& effect = from.at("design_effect");
    if (!effect.is_null()) rate.clusters->design_effect = effect.get<double>();
  }
  named.rate = rate;
  return named;
}

// One object a run, as phaseguard-lab --summary writes it, or a list of them.
Result<void> read_summary(const std::string& file, bool include_intervened, Outcomes& outcomes) {
  auto text = read_file(file, "a summary of the lab");
  if (!text) return tl::unexpected(text.error());
  auto parsed = parse_json(*text);
  if (!parsed) return fail(Errc::kMalformed, file + ": " + parsed.error().message);
  if (!parsed->is_array()) parsed = nlohmann::json::array({*parsed});
  try {
    for (const nlohmann::json& object : *parsed) {
      Outcome outcome;
      outcome.title = object.at("title").get<std::string>();
      const nlohmann::json intervened = object.value("intervened_step", nlohmann::json());
      if (!intervened.is_null() && !include_intervened) {
        outcomes.left_out.push_back(outcome.title + ": " +
                                    run::intervened_text(Step{intervened.get<std::int64_t>()}));
        continue;
      }
      outcome.defended = object.at("defended").get<bool>();
      for (const RateKey& wanted : kRates) outcome.rates.push_back(rate_of(object, wanted));
      outcomes.taken.push_back(std::move(outcome));
    }
  } catch (const nlohmann::json::exception& error) {
    return fail(Errc::kMalformed, file +
                                      ": expected a summary as phaseguard-lab --summary writes it, "
                                      "found: " +
                                      error.what());
  }
  return {};
}

int write_report(const ReportOptions& options, bool as_json) {
  if (options.screenshots.size() > options.files.size()) {
    (void)failed({Errc::kInvalidArgument, "expected at most one --screenshot per run (" +
                                              std::to_string(options.files.size()) + "), found " +
                                              std::to_string(options.screenshots.size())});
    return kUsage;
  }
  if (auto taken = check_output(options.output); !taken) return failed(taken.error());
  std::vector<ReportedRun> runs;
  Outcomes outcomes;
  bool holds = true;
  for (std::size_t i = 0; i < options.files.size(); ++i) {
    auto run = read_run(options.files[i]);
    if (!run) return failed(run.error());
    if (i < options.screenshots.size()) {
      auto picture = read_picture(options.screenshots[i]);
      if (!picture) return failed(picture.error());
      run->screenshot_png = std::move(*picture);
    }
    holds = holds && run->is_verified;
    runs.push_back(std::move(*run));
  }
  for (const std::string& file : options.summaries) {
    auto read = read_summary(file, options.include_intervened, outcomes);
    if (!read) return failed(read.error());
  }
  const std::string page = report_page(options.title, runs, outcomes.taken);
  if (auto written = write_file(options.output, page); !written) return failed(written.error());
  if (as_json) {
    nlohmann::json list = nlohmann::json::array();
    for (const ReportedRun& run : runs) {
      list.push_back(
          {{"run", run.state.run.text()}, {"verified", run.is_verified}, {"text", run.verified}});
    }
    print({{"output", options.output},
           {"bytes", page.size()},
           {"runs", list},
           {"left_out", outcomes.left_out}});
  } else {
    print_line(stdout, "%s: %s, %s", options.output.c_str(),
               counted(static_cast<std::int64_t>(runs.size()), "run").c_str(),
               counted(static_cast<std::int64_t>(outcomes.taken.size()), "outcome").c_str());
    for (const std::string& text : outcomes.left_out)
      print_line(stdout, "left out: %s", text.c_str());
    for (const ReportedRun& run : runs) {
      print_line(stdout, "%s: %s", run.state.run.text().c_str(), run.verified.c_str());
    }
  }
  return holds ? kDone : kFindings;
}

}  // namespace

void add_report(CLI::App& app, Context& context) {
  auto options = std::make_shared<ReportOptions>();
  CLI::App* command = add_command(
      app, context, "report",
      "Write one self-contained HTML page of recorded runs: decisions with their evidence, plots, "
      "what was applied when, the result of verify. Exit code 3 when a run does not verify (the "
      "page "
      "is written and says so).",
      [options, &context] { return write_report(*options, context.json); });
  command->add_option("RUN", options->files, "Run files (NAME.phaseguard)")->required();
  command->add_option("-o,--output", options->output, "Page to write")->capture_default_str();
  command->add_option("--title", options->title, "Title of the page")->capture_default_str();
  command
      ->add_option("--screenshot", options->screenshots,
                   "PNG of a run's dashboard; once per run, in their order")
      ->allow_extra_args(false);
  command
      ->add_option(
          "--summary", options->summaries,
          "JSON of what a model does now, as phaseguard-lab --summary writes it; any number")
      ->allow_extra_args(false);
  command->add_flag("--include-intervened", options->include_intervened,
                    "Also summaries of runs under a policy in shadow mode in which an operator "
                    "raised a knob; they are left out otherwise, by name");
}

}  // namespace phaseguard::ctl
