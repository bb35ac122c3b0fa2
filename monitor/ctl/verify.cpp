// `phaseguard verify RUN`: is the record what was written, and does it give the same decisions
// again?
#include <cstdio>
#include <memory>

#include "monitor/ctl/command.h"
#include "monitor/ctl/files.h"
#include "monitor/ctl/replay.h"
#include "monitor/store/reader.h"

namespace phaseguard::ctl {

namespace {

void print_text(const std::string& file, const RunId& run, const Verification& found) {
  for (const std::string& finding : found.chain.findings) {
    std::printf("%s: %s\n", file.c_str(), finding.c_str());
  }
  if (!found.differences.empty()) {
    const Difference& first = found.differences.front();
    std::printf("%s: seq %lld, step %lld: %s\n", file.c_str(),
                static_cast<long long>(first.seq.value), static_cast<long long>(first.step.value),
                first.what.c_str());
  }
  std::printf("%s: %lld events, hash chain of %lld control records %s; %lld decisions, %s\n",
              run.text().c_str(), static_cast<long long>(found.events),
              static_cast<long long>(found.chain.controls),
              found.chain.findings.empty() ? "whole" : "BROKEN",
              static_cast<long long>(found.decisions),
              found.differences.empty()
                  ? "all recomputed bit for bit"
                  : (std::to_string(found.differences.size()) + " NOT recomputed").c_str());
}

void print_json(const std::string& file, const RunId& run, const Verification& found) {
  nlohmann::json differences = nlohmann::json::array();
  for (const Difference& difference : found.differences) {
    differences.push_back({{"seq", difference.seq.value},
                           {"step", difference.step.value},
                           {"what", difference.what}});
  }
  print({{"file", file},
         {"run", run.text()},
         {"events", found.events},
         {"control_records", found.chain.controls},
         {"reports_not_yet_chained", found.chain.uncovered},
         {"chain_findings", found.chain.findings},
         {"decisions", found.decisions},
         {"differences", differences},
         {"holds", found.holds()}});
}

int verify_file(const std::string& file, bool as_json) {
  auto reader = store::Reader::open(file);
  if (!reader) return failed(reader.error());
  auto found = verify(*reader);
  if (!found) return failed(found.error());
  (as_json ? print_json : print_text)(file, reader->run(), *found);
  return found->holds() ? kDone : kFindings;
}

}  // namespace

void add_verify(CLI::App& app, Context& context) {
  auto file = std::make_shared<std::string>();
  CLI::App* command =
      add_command(app, context, "verify",
                  "Check the hash chain of a run file and recompute every decision from the "
                  "recorded events and "
                  "policy, bit for bit. Exit code 3 names the first place that does not hold.",
                  [file, &context] { return verify_file(*file, context.json); });
  command->add_option("RUN", *file, "Run file (NAME.phaseguard)")->required();
}

}  // namespace phaseguard::ctl
