// `phaseguard-probe preflight`: what a data set is before it is trained on.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <unordered_map>

#include "monitor/base/text.h"
#include "probe/tool/commands.h"
#include "trainer-hook/judge/source.h"

namespace phaseguard::probe_tool {

namespace {

Result<policy::Document> read_policy(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(Errc::kNotFound, file + ": expected a policy file, found none");
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  policy::Parsed parsed = policy::parse(text, file);
  if (parsed.document) return std::move(*parsed.document);
  std::string message;
  for (const auto& one : parsed.diagnostics) {
    if (one.severity != policy::Severity::kError) continue;
    message += (message.empty() ? "" : "\n") + policy::to_text(one, file);
  }
  return fail(Errc::kMalformed, message);
}

Status write_text(const std::string& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << text;
  out.flush();
  if (!out) return fail(Errc::kIo, file + ": could not be written");
  return {};
}

// Puts the risk of a judge's stored verdict into each sample it knows.
Status merge_judge(const std::string& file, std::vector<probe::SampleScore>& samples) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(Errc::kNotFound, file + ": expected a file of judge scores, found none");
  std::unordered_map<std::string, double> risks;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.empty() || line == "\r") continue;
    const auto read = judge::parse_table_line(line);
    if (!read) {
      return fail(Errc::kMalformed,
                  file + ":" + std::to_string(number) + ": " + read.error().message);
    }
    if (read->score.scored()) risks[read->sample] = judge::risk_of(read->score.score);
  }
  std::size_t known = 0;
  for (probe::SampleScore& sample : samples) {
    const auto found = risks.find(sample.id);
    if (found == risks.end()) continue;
    sample.judge = found->second;
    ++known;
  }
  if (known > 0) return {};
  return fail(Errc::kNotFound, file + ": none of its " + std::to_string(risks.size()) +
                                   " scores is of one of these samples (both are found by sample "
                                   "hash): it is of another data set");
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
  auto file = command.lab.empty() ? probe::read_samples(command.samples) : lab_pass(command, stop);
  if (!file) return failed(file.error());
  if (!command.judge.empty()) {
    if (auto ok = merge_judge(command.judge, file->samples); !ok) return failed(ok.error());
  }
  const auto result = assemble(command, std::move(*file));
  if (!result) return failed(result.error());
  if (!command.html.empty()) {
    if (auto ok = write_text(command.html, page_of(*result)); !ok) return failed(ok.error());
  }
  if (command.json) {
    std::printf(
        "%s\n",
        json_of(*result).dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  } else {
    std::printf("%s", text_of(*result, command.top).c_str());
    if (!command.html.empty()) std::printf("\npage written to %s\n", command.html.c_str());
  }
  return kDone;
}

}  // namespace phaseguard::probe_tool
