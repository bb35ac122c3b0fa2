#include "tests/conformance/runner.h"

#include <algorithm>
#include <exception>
#include <fstream>
#include <ostream>
#include <sstream>
#include <system_error>

#include "monitor/base/json.h"
#include "monitor/base/text.h"

namespace phaseguard::conformance {

namespace {

namespace fs = std::filesystem;

constexpr const char* kSchema = "phaseguard-vectors/1";
constexpr std::size_t kShownDifferences = 4;

bool wanted(const std::vector<std::string>& filter, const std::string& name) {
  return filter.empty() || std::find(filter.begin(), filter.end(), name) != filter.end();
}

Result<std::vector<fs::path>> vector_files(const fs::path& folder, const Options& options) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    return fail(Errc::kNotFound, folder.string() + ": expected a folder of vector files, found " +
                                     (fs::exists(folder, error) ? "a file" : "nothing"));
  }
  std::vector<fs::path> files;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const fs::path& path = it->path();
    if (path.extension() != ".json") continue;
    if (wanted(options.files, path.filename().string()) ||
        wanted(options.files, path.stem().string())) {
      files.push_back(path);
    }
  }
  if (error) return fail(Errc::kIo, folder.string() + ": " + error.message());
  if (files.empty()) {
    return fail(Errc::kNotFound,
                folder.string() + (options.files.empty()
                                       ? ": expected files named *.json, found none"
                                       : ": holds none of the files asked for with --file"));
  }
  std::sort(files.begin(), files.end());
  return files;
}

Result<json> read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return fail(Errc::kIo, path.string() + ": could not be read");
  auto file = parse_json(text.str());
  if (!file)
    return fail(Errc::kMalformed, path.string() + ": broken JSON: " + file.error().message);
  if (!file->is_object() || file->value("schema", json()) != kSchema) {
    return fail(
        Errc::kUnsupported,
        path.string() + ": expected \"schema\": \"" + kSchema + "\", found " +
            (file->is_object() ? short_text(file->value("schema", json())) : "no JSON object"));
  }
  if (!file->contains("cases") || !(*file)["cases"].is_array()) {
    return fail(Errc::kMalformed, path.string() + ": expected a list of \"cases\", found none");
  }
  return file;
}

class FileRun {
 public:
  FileRun(std::string name, json tolerance, const Operations& operations, std::ostream& out)
      : name_(std::move(name)),
        tolerance_(std::move(tolerance)),
        operations_(operations),
        out_(out) {}

  // True when the case passes; otherwise its line is written.
  bool run(const json& one) {
    if (!one.is_object() || !one.contains("op") || !one["op"].is_string() ||
        !one.contains("expect") || !one.contains("input")) {
      say(one, "", "the case lacks op, input or expect");
      return false;
    }
    const auto it = operations_.find(one["op"].get<std::string>());
    if (it == operations_.end()) {
      say(one, "", "unknown operation");
      return false;
    }
    const json tolerance = one.value("tolerance", tolerance_);
    bool passed = hold(one, it->second, it->second.in_double, tolerance, "abs", "");
    if (it->second.in_float && tolerance.contains("abs_float32")) {
      passed =
          hold(one, it->second, it->second.in_float, tolerance, "abs_float32", "float32") && passed;
    }
    return passed;
  }

 private:
  bool hold(const json& one, const Operation& operation,
            const std::function<json(const json&)>& body, const json& tolerance,
            const std::string& absolute, const std::string& path) {
    try {
      const Tolerance allowed{number_of(tolerance.value(absolute, json(0.0))),
                              number_of(tolerance.value("rel", json(0.0)))};
      const json got = body(one["input"]);
      std::vector<std::string> found = differences(got, one["expect"], allowed);
      if (operation.breach) {
        if (std::string breach = operation.breach(got); !breach.empty()) found.push_back(breach);
      }
      if (found.empty()) return true;
      for (std::size_t i = 0; i < std::min(found.size(), kShownDifferences); ++i) {
        say(one, path, found[i]);
      }
      if (found.size() > kShownDifferences) {
        say(one, path, std::to_string(found.size() - kShownDifferences) + " more differences");
      }
    } catch (const std::exception& error) {
      say(one, path, std::string("its input could not be read: ") + error.what());
    }
    return false;
  }

  void say(const json& one, const std::string& path, const std::string& what) {
    const auto text = [&](const char* key) {
      return one.is_object() && one.contains(key) && one[key].is_string()
                 ? one[key].get<std::string>()
                 : std::string("?");
    };
    out_ << "FAIL " << name_ << " " << text("id") << " (" << text("op")
         << (path.empty() ? "" : ", " + path) << "): " << what << "\n";
  }

  std::string name_;
  json tolerance_;
  const Operations& operations_;
  std::ostream& out_;
};

}  // namespace

Result<Tally> run_folder(const fs::path& folder, const Options& options,
                         const Operations& operations, std::ostream& out) {
  const auto files = vector_files(folder, options);
  if (!files) return tl::unexpected<Error>(files.error());
  Tally tally;
  for (const fs::path& path : *files) {
    const auto file = read_file(path);
    if (!file) return tl::unexpected<Error>(file.error());
    FileRun run(path.filename().string(), file->value("tolerance", json::object()), operations,
                out);
    for (const json& one : (*file)["cases"]) {
      if (!options.operations.empty() &&
          (!one.is_object() || !wanted(options.operations, one.value("op", std::string())))) {
        continue;
      }
      (run.run(one) ? tally.passed : tally.failed) += 1;
    }
  }
  if (tally.passed + tally.failed == 0) {
    return fail(Errc::kNotFound,
                folder.string() + ": no case to run" +
                    (options.operations.empty() ? "" : " is of the --op asked for"));
  }
  return tally;
}

}  // namespace phaseguard::conformance
