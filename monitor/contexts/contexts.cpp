#include "monitor/contexts/contexts.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "monitor/base/file.h"
#include "monitor/base/table_text.h"
#include "monitor/base/text.h"
#include "monitor/base/toml/bounds.h"
#include "monitor/base/toml/macros.h"
// Needs the macros above.
#include <toml++/toml.h>

namespace phaseguard::contexts {

namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 20;
constexpr std::size_t kMaxName = 32;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// XDG's: an absolute path of the environment, or one below the home folder.
std::string folder_of(const char* variable, const char* below_home) {
  const std::string named = environment(variable);
  const bool is_usable = !named.empty() && named.front() == '/';
  return (is_usable ? named : environment("HOME") + below_home) + "/phaseguard";
}

bool is_name(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= kMaxName && std::all_of(text.begin(), text.end(), fits);
}

// The first finding is kept: nobody connects by half a file.
class Reader {
 public:
  explicit Reader(const std::string& file) : file_(file) {}

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

  void report(const toml::source_region& where, const std::string& what) {
    if (error_) return;
    error_ = Error{Errc::kMalformed, file_ + ":" + std::to_string(where.begin.line) + ":" +
                                         std::to_string(where.begin.column) + ": " + what};
  }

  std::vector<Daemon> daemons_of(const toml::table& root) {
    std::vector<Daemon> daemons;
    for (const auto& [key, node] : root) {
      if (key.str() != "context") {
        report(key.source(),
               "unknown key " + quoted(key.str(), 80) + "; expected tables [context.NAME]");
        continue;
      }
      const toml::table* table = node.as_table();
      if (table == nullptr) {
        report(node.source(), "context: expected tables [context.NAME]");
        continue;
      }
      for (const auto& [name, entry] : *table) add(name, entry, daemons);
    }
    return daemons;
  }

 private:
  void add(const toml::key& key, const toml::node& node, std::vector<Daemon>& daemons) {
    const std::string name(key.str());
    const std::string place = "context " + quoted(name, 40) + ": ";
    if (!is_name(name)) {
      return report(key.source(), place + "expected a name of 1 to " + std::to_string(kMaxName) +
                                      " characters of A-Z a-z 0-9 . _ -");
    }
    const toml::table* table = node.as_table();
    if (table == nullptr) {
      return report(node.source(), place + "expected a table [context." + name + "]");
    }
    Daemon daemon;
    const std::string directory = text(*table, "endpoint_dir", place);
    const std::string operators = text(*table, "operator", place);
    const std::string query = text(*table, "query", place);
    const std::string feed = text(*table, "feed", place);
    const std::string key_file = text(*table, "key", place);
    check_keys(*table, place);
    if (directory.empty() && (operators.empty() || feed.empty())) {
      return report(key.source(), place + "expected endpoint_dir, or both operator and feed");
    }
    if (!directory.empty()) daemon = daemon_in(directory);
    daemon.name = name;
    daemon.key_file = key_file;
    set(*table, "operator", operators, place, daemon.operators);
    set(*table, "query", query, place, daemon.query);
    set(*table, "feed", feed, place, daemon.feed);
    if (!directory.empty()) check(*table->get("endpoint_dir"), place, daemon.operators);
    daemons.push_back(std::move(daemon));
  }

  std::string text(const toml::table& table, const char* key, const std::string& place) {
    const toml::node* node = table.get(key);
    if (node == nullptr) return "";
    const auto value = node->value_exact<std::string>();
    if (!value || value->empty()) {
      report(node->source(), place + key + ": expected a string that is not empty");
      return "";
    }
    return *value;
  }

  void check_keys(const toml::table& table, const std::string& place) {
    const std::vector<std::string> known{"endpoint_dir", "operator", "query", "feed", "key"};
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      const std::string guess = nearest(name, known);
      report(key.source(),
             place + "unknown key " + quoted(name, 80) +
                 (guess.empty() ? "; expected " + joined(known) : "; did you mean " + guess + "?"));
    }
  }

  void set(const toml::table& table, const char* key, const std::string& value,
           const std::string& place, link::Endpoint& endpoint) {
    if (value.empty()) return;
    const auto parsed = link::parse_endpoint(value);
    if (!parsed) return report(table.get(key)->source(), place + parsed.error().message);
    endpoint = *parsed;
    check(*table.get(key), place, endpoint);
  }

  // As whoever connects would refuse it, but with its place in the file.
  void check(const toml::node& node, const std::string& place, const link::Endpoint& endpoint) {
    const auto parsed = link::parse_endpoint(endpoint.text());
    if (!parsed) return report(node.source(), place + parsed.error().message);
    if (endpoint.transport == link::Endpoint::Transport::kTcp && endpoint.port == 0) {
      return report(node.source(),
                    place + "expected the port of a daemon, found " + quoted(endpoint.text(), 80));
    }
  }

  const std::string& file_;
  std::optional<Error> error_;
};

// TOML keeps a table's keys by name; people read their own order.
void sort_by_place(std::vector<Daemon>& daemons, const toml::table& root) {
  const toml::table* table = root["context"].as_table();
  const auto line = [&](const Daemon& daemon) {
    return table->find(daemon.name)->first.source().begin.line;
  };
  std::stable_sort(daemons.begin(), daemons.end(),
                   [&](const Daemon& a, const Daemon& b) { return line(a) < line(b); });
}

Result<void> check_reach(const Daemon& daemon) {
  for (const link::Endpoint* endpoint : {&daemon.operators, &daemon.query, &daemon.feed}) {
    if (endpoint->path.empty() && endpoint->host.empty()) continue;  // `query` need not be given
    auto opens = link::check_connect(*endpoint, daemon.key.has_value());
    if (!opens) return opens;
  }
  return {};
}

std::string names_of(const std::vector<Daemon>& daemons) {
  std::vector<std::string> names;
  for (const Daemon& daemon : daemons) names.push_back(daemon.name);
  return names.empty() ? "none" : joined(names);
}

}  // namespace

std::string Daemon::place() const {
  const bool is_ipc = operators.transport == link::Endpoint::Transport::kIpc;
  const std::string folder = operators.path.substr(0, operators.path.rfind('/'));
  const bool is_folder = is_ipc && link::endpoints_in(folder).operators.path == operators.path &&
                         link::endpoints_in(folder).feed.text() == feed.text();
  return is_folder ? folder : operators.text();
}

Daemon daemon_in(const std::string& endpoint_dir) {
  const link::Endpoints endpoints = link::endpoints_in(endpoint_dir);
  Daemon daemon;
  daemon.operators = endpoints.operators;
  daemon.query = endpoints.query;
  daemon.feed = endpoints.feed;
  return daemon;
}

const link::Endpoint& Daemon::asked() const {
  return key && key->role == keys::Role::kViewer ? query : operators;
}

Result<Daemon> with_key(Daemon daemon, const std::string& key_file) {
  auto key = keys::find_client_key(daemon.key_file.empty() ? key_file : daemon.key_file,
                                   keys::Role::kOperator);
  if (!key) return tl::unexpected(key.error());
  daemon.key = std::move(*key);
  const std::string who = daemon.name.empty() ? "" : "context " + daemon.name + ": ";
  if (auto reached = check_reach(daemon); !reached)
    return fail(reached.error().code, who + reached.error().message);
  const link::Endpoint& asked = daemon.asked();
  if (asked.path.empty() && asked.host.empty()) {
    return fail(Errc::kInvalidArgument, who +
                                            "its key is a viewer's, which asks at the endpoint "
                                            "`query`; give that too");
  }
  return daemon;
}

std::string config_folder() { return folder_of("XDG_CONFIG_HOME", "/.config"); }

std::string state_folder() { return folder_of("XDG_STATE_HOME", "/.local/state"); }

std::string default_file() { return config_folder() + "/contexts.toml"; }

Result<std::vector<Daemon>> read(const std::string& file) {
  const Result<std::string> text = read_file(file, "a file of contexts (TOML)", kMaxBytes);
  if (!text) return tl::unexpected(text.error());
  if (const auto excess = toml_excess(*text)) {
    return fail(Errc::kLimit, file + ":" + std::to_string(excess->line) + ":" +
                                  std::to_string(excess->column) + ": " + excess->what);
  }
  try {
    const toml::table root = toml::parse(*text, file);
    Reader reader(file);
    std::vector<Daemon> daemons = reader.daemons_of(root);
    if (reader.error()) return tl::unexpected(*reader.error());
    if (!daemons.empty()) sort_by_place(daemons, root);
    return daemons;
  } catch (const toml::parse_error& fault) {
    return fail(Errc::kMalformed, file + ":" + std::to_string(fault.source().begin.line) + ":" +
                                      std::to_string(fault.source().begin.column) +
                                      ": not TOML: " + std::string(fault.description()) +
                                      "; expected tables [context.NAME], each name once");
  }
}

Result<std::vector<Daemon>> choose(const std::vector<std::string>& names, const std::string& file,
                                   const std::string& key_file) {
  const auto known = read(file);
  if (!known) return tl::unexpected(known.error());
  std::vector<Daemon> chosen;
  for (const std::string& name : names) {
    const auto found = std::find_if(known->begin(), known->end(),
                                    [&](const Daemon& daemon) { return daemon.name == name; });
    if (found == known->end()) {
      return fail(Errc::kNotFound, "there is no context " + quoted(name, 40) + " in " + file +
                                       "; it has " + names_of(*known));
    }
    for (const Daemon& other : chosen) {
      if (other.name == name) return fail(Errc::kConflict, "context " + name + " is given twice");
      if (other.operators.text() == found->operators.text()) {
        return fail(Errc::kConflict, "contexts " + other.name + " and " + name +
                                         " are the same daemon, at " + found->operators.text());
      }
    }
    auto keyed = with_key(*found, key_file);
    if (!keyed) return tl::unexpected(keyed.error());
    chosen.push_back(std::move(*keyed));
  }
  return chosen;
}

Result<RunId> run_named(const std::string& text, const std::vector<Daemon>& daemons) {
  const std::size_t slash = text.find('/');
  const std::string place = slash == std::string::npos ? "" : text.substr(0, slash);
  const auto at = std::find_if(daemons.begin(), daemons.end(), [&](const Daemon& daemon) {
    return !place.empty() && daemon.name == place;
  });
  const bool is_placed = at != daemons.end();
  const auto run = RunId::parse(is_placed ? text.substr(slash + 1) : text);
  if (daemons.size() == 1) return run;
  if (is_placed) return run ? Result<RunId>(run->within(place)) : run;
  return fail(Errc::kInvalidArgument,
              "run " + quoted(text, 80) +
                  ": expected CONTEXT/RUN, as there are several daemons: " + names_of(daemons));
}

}  // namespace phaseguard::contexts
