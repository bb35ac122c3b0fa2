// `phaseguard-probe preflight`: what a data set is before it is trained on.
#include <cstdio>
#include <limits>

#include "monitor/base/file.h"
#include "monitor/base/printable.h"
#include "probe/tool/commands.h"
#include "trainer-hook/judge/command_options.h"
#include "trainer-hook/samples/samples.h"

namespace phaseguard::probe_tool {

namespace {

Result<policy::Document> read_policy(const std::string& file) {
  const auto text = read_file(file, "a policy file");
  if (!text) return tl::unexpected(text.error());
  policy::Parsed parsed = policy::parse(*text, file);
  if (parsed.document) return std::move(*parsed.document);
  std::string message;
  for (const auto& one : parsed.diagnostics) {
    if (one.severity != policy::Severity::kError) continue;
    message += (message.empty() ? "" : "\n") + policy::to_text(one, file);
  }
  return fail(Errc::kMalformed, message);
}

// Puts the judge's risks in place of those the samples came with: two judges do not mix, so that a
// sample it does not know has none.
Result<void> merge_judge(const judge::TableSource& table, const std::string& name,
                         std::vector<probe::SampleScore>& samples) {
  std::size_t known = 0;
  for (probe::SampleScore& sample : samples) {
    const auto score = table.score_of(sample.id);
    sample.judge = score ? judge::risk_of(*score) : std::numeric_limits<double>::quiet_NaN();
    known += score ? 1 : 0;
  }
  if (known > 0) return {};
  return fail(Errc::kNotFound, name + ": none of its " + std::to_string(table.size()) +
                                   " scores is of one of these samples (both are found by sample "
                                   "hash): it is of another data set");
}

Result<std::vector<TrainingSample>> read_data(const std::string& file) {
  const auto text = read_file(file, "the samples in words");
  if (!text) return tl::unexpected(text.error());
  return parse_samples(*text, file);
}

Result<void> judge_samples(const PreflightCommand& command, LabPass& pass) {
  if (!command.judge.named()) return {};
  if (!command.judge_data.empty()) {
    auto data = read_data(command.judge_data);
    if (!data) return tl::unexpected(data.error());
    pass.samples = std::move(*data);
  }
  judge::ProgressBar bar;
  const auto table =
      judge::open_table(command.judge, pass.samples,
                        [&](const judge::PrescoreProgress& progress) { bar.show(progress); });
  if (!table) return tl::unexpected(table.error());
  const bool ahead = !command.judge.scores.empty();
  return merge_judge(**table, ahead ? command.judge.scores : command.judge.out, pass.file.samples);
}

Result<LabPass> read_pass(const PreflightCommand& command, const std::atomic<bool>& stop) {
  if (!command.lab.empty()) return lab_pass(command, stop);
  auto file = probe::read_samples(command.samples);
  if (!file) return tl::unexpected(file.error());
  return LabPass{std::move(*file), {}};
}

// What is wrong with the words about a judge.
Result<void> check_judge(const PreflightCommand& command) {
  const judge::TableWords& judge = command.judge;
  if (auto ok = judge::check(judge, "--judge-"); !ok) return ok;
  const bool endpoint = !judge.endpoint.url.empty();
  const auto wrong = [](const char* what) { return fail(Errc::kInvalidArgument, what); };
  if (!command.judge_data.empty() && (!endpoint || !command.lab.empty())) {
    return wrong("--judge-data goes with --judge-endpoint and a file of SAMPLES");
  }
  if (endpoint && command.lab.empty() && command.judge_data.empty()) {
    return wrong(
        "--judge-endpoint needs --judge-data, the prompts and answers of SAMPLES: the file of "
        "scores does not hold them");
  }
  return {};
}

Result<preflight::Preflight> assemble(const PreflightCommand& command, probe::SampleFile file) {
  preflight::Preflight out;
  out.options = command.options;
  out.options.lambda = command.lambda;
  out.options.lambda_from = "--lambda";
  std::optional<policy::Document> document;
  if (!command.policy.empty()) {
    auto read = read_policy(command.policy);
    if (!read) return tl::unexpected(read.error());
    document = std::move(*read);
    const auto largest = preflight::largest_lambda(*document);
    if (!command.lambda && largest) {
      out.options.lambda = largest->value;
      out.options.lambda_from = "rule " + largest->rule + " of " + document->name;
    }
  }
  if (!command.clean.empty()) {
    auto clean = probe::read_samples(command.clean);
    if (!clean) return tl::unexpected(clean.error());
    out.options.clean = std::move(clean->samples);
  }
  auto summary = preflight::summarise(file, out.options);
  if (!summary) return tl::unexpected(summary.error());
  out.summary = std::move(*summary);
  out.title = file.source.data.empty() ? command.samples : file.source.data;
  if (document) {
    auto rehearsed = preflight::step_zero(
        *document, file.samples,
        {command.options.flag_llr, command.batch, command.cadence, command.measurements});
    if (!rehearsed) {
      return fail(rehearsed.error().code, command.policy + ": " + rehearsed.error().message);
    }
    out.policy = std::move(*rehearsed);
  }
  out.samples = std::move(file.samples);
  return out;
}

}  // namespace

int run_preflight(const PreflightCommand& command, const std::atomic<bool>& stop) {
  if (auto ok = check_judge(command); !ok) {
    (void)failed(ok.error());
    return kUsage;
  }
  if (!command.html.empty()) {
    if (auto ok = check_output(command.html); !ok) return failed(ok.error());
  }
  auto pass = read_pass(command, stop);
  if (!pass) return failed(pass.error());
  if (auto ok = judge_samples(command, *pass); !ok) return failed(ok.error());
  const auto result = assemble(command, std::move(pass->file));
  if (!result) return failed(result.error());
  if (!command.html.empty()) {
    if (auto ok = write_file(command.html, page_of(*result)); !ok) return failed(ok.error());
  }
  if (command.json) {
    const std::string text =
        json_of(*result).dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
    std::printf("%s\n", printable_json(text).c_str());
  } else {
    print_lines(stdout, text_of(*result, command.top));
    if (command.html.empty()) return kDone;
    std::printf("\n");
    print_line(stdout, "page written to %s", command.html.c_str());
  }
  return kDone;
}

}  // namespace phaseguard::probe_tool
