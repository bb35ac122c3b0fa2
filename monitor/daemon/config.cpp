#include "monitor/daemon/config.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "monitor/base/file.h"
#include "monitor/base/text.h"
#include "monitor/base/toml/bounds.h"
#include "monitor/base/toml/macros.h"
// Needs the macros above.
#include <toml++/toml.h>

namespace phaseguard::daemon {

namespace {

constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{1} << 20;
constexpr std::int64_t kMostSeats = 65536;
constexpr std::size_t kOwnDescriptors = 96;  // sockets, log, HTTP, records that are read back
constexpr std::size_t kDescriptorsOfATrainer =
    5;  // a connection, a run file, its -wal, -shm, -lock

// Reads the keys of one table; the first finding is kept, since a daemon does not start on any.
class Reader {
 public:
  Reader(const toml::table& table, std::string place, const std::string& file,
         std::optional<Error>& error)
      : table_(table), place_(std::move(place)), file_(file), error_(error) {}

  void text(const char* key, std::string& value) {
    if (const toml::node* node = find(key)) {
      const auto read = node->value_exact<std::string>();
      read ? void(value = *read) : wrong(*node, key, "a string");
    }
  }

  void flag(const char* key, bool& value) {
    if (const toml::node* node = find(key)) {
      const auto read = node->value_exact<bool>();
      read ? void(value = *read) : wrong(*node, key, "true or false");
    }
  }

  void seats(const char* key, std::size_t& value) {
    const toml::node* node = find(key);
    if (!node) return;
    const auto read = node->value_exact<std::int64_t>();
    if (!read || *read < 1 || *read > kMostSeats) {
      return wrong(*node, key, "a number of connections from 1 to " + std::to_string(kMostSeats));
    }
    value = static_cast<std::size_t>(*read);
  }

  void seconds(const char* key, double& value) {
    const toml::node* node = find(key);
    if (!node) return;
    const auto read = node->is_number() ? node->value<double>() : std::nullopt;
    if (!read || !(*read > 0.0) || *read > 1e6)
      return wrong(*node, key, "a number of seconds from 0 (not included) to 1e6");
    value = *read;
  }

  const toml::node* find(const char* key) {
    known_.emplace_back(key);
    return table_.get(key);
  }

  void wrong(const toml::node& node, const std::string& key, const std::string& expected) {
    std::ostringstream found;
    found << toml::node_view<const toml::node>(&node);
    report(node.source(),
           place_ + key + ": expected " + expected + ", found " + quoted(found.str(), 60));
  }

  void finish() {
    for (const auto& [key, node] : table_) {
      const std::string name(key.str());
      if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
      const std::string guess = nearest(name, known_);
      report(key.source(), "unknown key " + quoted(place_ + name, 80) +
                               (guess.empty() ? "" : "; did you mean " + guess + "?"));
    }
  }

 private:
  void report(const toml::source_region& where, const std::string& what) {
    if (error_) return;
    error_ = Error{Errc::kMalformed, file_ + ":" + std::to_string(where.begin.line) + ":" +
                                         std::to_string(where.begin.column) + ": " + what};
  }

  const toml::table& table_;
  std::string place_;
  const std::string& file_;
  std::optional<Error>& error_;
  std::vector<std::string> known_;
};

void read_daemon(const toml::table& table, const std::string& file, Config& config,
                 std::optional<Error>& error) {
  Reader reader(table, "daemon.", file, error);
  reader.text("policy", config.policy);
  reader.text("runs_dir", config.runs_dir);
  reader.text("endpoint_dir", config.endpoint_dir);
  reader.text("telemetry", config.telemetry);
  reader.text("operator", config.operators);
  reader.text("query", config.query);
  reader.text("feed", config.feed);
  reader.text("keys", config.keys);
  reader.flag("allow_local_tcp", config.allow_local_tcp);
  reader.text("http", config.http);
  reader.text("log_level", config.log_level);
  reader.seats("trainer_seats", config.trainer_seats);
  reader.seats("operator_seats", config.operator_seats);
  reader.seconds("silent_s", config.silent_s);
  reader.seconds("lost_s", config.lost_s);
  reader.seconds("ended_s", config.ended_s);
  reader.finish();
}

void read_runs(const toml::node& node, Reader& root, const std::string& file, Config& config,
               std::optional<Error>& error) {
  const toml::array* list = node.as_array();
  if (!list) return root.wrong(node, "run", "tables [[run]]");
  for (const toml::node& entry : *list) {
    const toml::table* table = entry.as_table();
    if (!table) return root.wrong(entry, "run", "tables [[run]]");
    RunPolicy run;
    Reader reader(*table, "run.", file, error);
    reader.text("match", run.pattern);
    reader.text("policy", run.file);
    reader.finish();
    if (run.pattern.empty() || run.file.empty())
      reader.wrong(entry, "match, run.policy", "both, and neither empty");
    config.runs.push_back(std::move(run));
  }
}

}  // namespace

Result<Config> read_config(const std::string& file) {
  const Result<std::string> text = read_file(file, "a configuration file (TOML)", kMaxConfigBytes);
  if (!text) return tl::unexpected(text.error());
  if (const auto excess = toml_excess(*text)) {
    return fail(Errc::kLimit, file + ":" + std::to_string(excess->line) + ":" +
                                  std::to_string(excess->column) + ": " + excess->what);
  }
  Config config;
  std::optional<Error> error;
  try {
    const toml::table root = toml::parse(*text, file);
    Reader reader(root, "", file, error);
    if (const toml::node* node = reader.find("daemon")) {
      const toml::table* table = node->as_table();
      table ? read_daemon(*table, file, config, error)
            : reader.wrong(*node, "daemon", "a table [daemon]");
    }
    if (const toml::node* node = reader.find("run")) read_runs(*node, reader, file, config, error);
    reader.finish();
  } catch (const toml::parse_error& fault) {
    return fail(Errc::kMalformed, file + ":" + std::to_string(fault.source().begin.line) + ":" +
                                      std::to_string(fault.source().begin.column) +
                                      ": not TOML: " + std::string(fault.description()));
  }
  if (error) return tl::unexpected(*error);
  return config;
}

std::size_t seats_within(const Config& config, std::size_t descriptors) {
  const std::size_t taken = kOwnDescriptors + config.operator_seats;
  const std::size_t room = descriptors > taken ? (descriptors - taken) / kDescriptorsOfATrainer : 0;
  return std::clamp<std::size_t>(room, 1, config.trainer_seats);
}

std::string to_toml(const Config& config) {
  toml::table daemon{{"policy", config.policy},
                     {"runs_dir", config.runs_dir},
                     {"endpoint_dir", config.endpoint_dir},
                     {"telemetry", config.telemetry},
                     {"operator", config.operators},
                     {"query", config.query},
                     {"feed", config.feed},
                     {"keys", config.keys},
                     {"allow_local_tcp", config.allow_local_tcp},
                     {"http", config.http},
                     {"log_level", config.log_level},
                     {"trainer_seats", static_cast<std::int64_t>(config.trainer_seats)},
                     {"operator_seats", static_cast<std::int64_t>(config.operator_seats)},
                     {"silent_s", config.silent_s},
                     {"lost_s", config.lost_s},
                     {"ended_s", config.ended_s}};
  toml::array runs;
  for (const RunPolicy& run : config.runs)
    runs.push_back(toml::table{{"match", run.pattern}, {"policy", run.file}});
  toml::table root{{"daemon", daemon}};
  if (!runs.empty()) root.insert("run", runs);
  std::ostringstream out;
  out << root << '\n';
  return out.str();
}

std::string default_runs_dir(const std::string& xdg_state_home, const std::string& home) {
  const bool usable = !xdg_state_home.empty() && xdg_state_home.front() == '/';
  return (usable ? xdg_state_home : home + "/.local/state") + "/phaseguard/runs";
}

}  // namespace phaseguard::daemon
