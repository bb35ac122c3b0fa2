// `phaseguard verify RUN...`: is each record what was written, and does it give the same decisions
// again?
#include <cstdio>
#include <memory>
#include <vector>

#include "monitor/base/printable.h"
#include "monitor/base/table_text.h"
#include "monitor/ctl/command.h"
#include "monitor/ctl/files.h"
#include "monitor/ctl/record/replay.h"
#include "monitor/store/reader.h"

namespace phaseguard::ctl {

namespace {

void print_place(const std::string& file, const Difference& place) {
  print_line(stdout, "%s: seq %lld, step %lld: %s", file.c_str(),
             static_cast<long long>(place.seq.value), static_cast<long long>(place.step.value),
             place.what.c_str());
}

nlohmann::json places(const std::vector<Difference>& all) {
  nlohmann::json list = nlohmann::json::array();
  for (const Difference& place : all) {
    list.push_back({{"seq", place.seq.value}, {"step", place.step.value}, {"what", place.what}});
  }
  return list;
}

// The findings are printed above it.
std::string chain_text(const store::ChainReport& chain) {
  if (chain.findings.empty()) return "whole";
  return "checked: " + counted(static_cast<std::int64_t>(chain.findings.size()), "finding");
}

void print_text(const std::string& file, const RunId& run, const Verification& found) {
  for (const std::string& finding : found.chain.findings) {
    print_line(stdout, "%s: %s", file.c_str(), finding.c_str());
  }
  if (!found.differences.empty()) print_place(file, found.differences.front());
  for (const Difference& adoption : found.adoptions) print_place(file, adoption);
  print_line(stdout, "%s: %lld events, hash chain of %lld control records %s; %lld decisions, %s",
             run.text().c_str(), static_cast<long long>(found.events),
             static_cast<long long>(found.chain.controls), chain_text(found.chain).c_str(),
             static_cast<long long>(found.decisions),
             found.differences.empty()
                 ? "all recomputed bit for bit"
                 : (std::to_string(found.differences.size()) + " NOT recomputed").c_str());
}

nlohmann::json to_json(const std::string& file, const RunId& run, const Verification& found) {
  return {{"file", file},
          {"run", run.text()},
          {"events", found.events},
          {"control_records", found.chain.controls},
          {"reports_not_yet_chained", found.chain.uncovered},
          {"chain_findings", found.chain.findings},
          {"decisions", found.decisions},
          {"differences", places(found.differences)},
          {"adoptions", places(found.adoptions)},
          {"holds", found.holds()}};
}

int verify_files(const std::vector<std::string>& files, bool as_json) {
  nlohmann::json list = nlohmann::json::array();
  bool all_read = true, all_hold = true;
  for (const std::string& file : files) {
    auto reader = store::Reader::open(file);
    auto found = reader ? verify(*reader) : tl::unexpected<Error>(reader.error());
    if (!found) {
      (void)failed(found.error());
      all_read = false;
      continue;
    }
    all_hold = all_hold && found->holds();
    if (as_json) {
      list.push_back(to_json(file, reader->run(), *found));
    } else {
      print_text(file, reader->run(), *found);
    }
  }
  if (as_json) print({{"runs", list}});
  if (!all_read) return kFailed;
  return all_hold ? kDone : kFindings;
}

}  // namespace

void add_verify(CLI::App& app, Context& context) {
  auto files = std::make_shared<std::vector<std::string>>();
  CLI::App* command =
      add_command(app, context, "verify",
                  "Check the hash chain of each run file and recompute every decision from the "
                  "recorded events and policy, bit for bit. Exit code 3: a place does not hold; "
                  "the first of each file is named.",
                  [files, &context] { return verify_files(*files, context.json); });
  command->add_option("RUN", *files, "Run files (NAME.phaseguard)")->required();
}

}  // namespace phaseguard::ctl
