// `phaseguard export RUN --format csv|jsonl [-o FILE]`: the record for other tools.
#include "monitor/store/export.h"

#include <fstream>
#include <iostream>
#include <memory>

#include "monitor/base/file.h"
#include "monitor/ctl/command.h"
#include "monitor/store/reader.h"

namespace phaseguard::ctl {

namespace {

struct ExportOptions {
  std::string file;
  std::string format = "csv";
  std::string output;  // empty: standard output
};

int export_file(const ExportOptions& options, bool as_json) {
  auto reader = store::Reader::open(options.file);
  if (!reader) return failed(reader.error());
  const bool lines = as_json || options.format == "jsonl";
  std::ofstream file;
  if (!options.output.empty()) {
    if (auto taken = check_output(options.output); !taken) return failed(taken.error());
    file.open(options.output, std::ios::binary | std::ios::trunc);
    if (!file) {
      return failed({Errc::kIo, options.output + ": cannot be written; does its folder exist?"});
    }
  }
  std::ostream& out = options.output.empty() ? std::cout : file;
  auto written = lines ? store::export_jsonl(*reader, out) : store::export_csv(*reader, out);
  return written ? kDone : failed(written.error());
}

}  // namespace

void add_export(CLI::App& app, Context& context) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command =
      add_command(app, context, "export",
                  "Write a run file as text: csv, one row per point of a signal (seq, t, attempt, "
                  "segment, step, "
                  "signal, value, quality), or jsonl, one JSON object per recorded message. --json "
                  "means jsonl.",
                  [options, &context] { return export_file(*options, context.json); });
  command->add_option("RUN", options->file, "Run file (NAME.phaseguard)")->required();
  command->add_option("--format", options->format, "csv or jsonl")
      ->check(CLI::IsMember({"csv", "jsonl"}))
      ->capture_default_str();
  command->add_option("-o,--output", options->output, "File to write (default: standard output)");
}

}  // namespace phaseguard::ctl
