#include "trainer-hook/lab/reproduce/report/command.h"

#include <cstdio>
#include <filesystem>

#include "monitor/base/file.h"
#include "monitor/base/printable.h"
#include "monitor/base/table_text.h"
#include "trainer-hook/lab/reproduce/report/report.h"

namespace phaseguard::lab::reproduce {

namespace {

constexpr int kUsage = 2;

int complain(const Error& error) {
  print_line(stderr, "phaseguard-lab: %s", error.message.c_str());
  return error.code == Errc::kInvalidArgument ? kUsage : 1;
}

// Under another name first, so that a report is whole or the one before.
Result<void> write_whole(const std::filesystem::path& file, const std::string& bytes) {
  const std::filesystem::path part = file.string() + ".part";
  if (auto ok = write_file(part, bytes); !ok) return ok;
  std::error_code error;
  std::filesystem::rename(part, file, error);
  return error ? fail(Errc::kIo, file.string() + ": " + error.message()) : Result<void>();
}

}  // namespace

int run_reproduce(const ReproduceCommand& command, const std::atomic<bool>& stop) {
  const auto results = run_experiment(command, stop);
  if (!results) return complain(results.error());
  if (!*results) return 1;
  const auto standings = standings_of(**results);
  if (!standings) return complain(standings.error());
  const std::vector<Table> tables = tables_of(**results, *standings);
  const std::filesystem::path folder = command.out;
  if (const auto ok = write_whole(folder / "report.html", page_of(**results, tables)); !ok)
    return complain(ok.error());
  if (const auto ok = write_whole(folder / "report.json", json_of(**results, *standings, tables));
      !ok)
    return complain(ok.error());
  for (const Table& table : tables) print_lines(stdout, text_of(table) + "\n");
  for (const std::string& line : discard_lines(**results))
    print_line(stdout, "discarded: %s", line.c_str());
  print_line(stdout, "%s; %.0f s of this call", extent_text(**results).c_str(),
             (*results)->seconds);
  print_line(stdout, "thresholds, SHA-256: %s", (*results)->origin.thresholds_sha256.c_str());
  print_line(stdout, "written: %s and report.json", (folder / "report.html").c_str());
  if ((*results)->failed.empty()) return 0;
  print_line(stderr, "phaseguard-lab: %s failed; the same command tries again",
             counted(static_cast<std::int64_t>((*results)->failed.size()), "run").c_str());
  return 1;
}

}  // namespace phaseguard::lab::reproduce
