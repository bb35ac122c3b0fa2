// `phaseguard keys`: who may come in at a daemon that asks for keys. Works on the daemon's key
// folder, so that whoever can write there is its administrator; the daemon reads the list again by
// itself.
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "monitor/base/printable.h"
#include "monitor/base/table_text.h"
#include "monitor/base/text.h"
#include "monitor/base/time/utc.h"
#include "monitor/contexts/contexts.h"
#include "monitor/ctl/command.h"
#include "monitor/ctl/files.h"
#include "monitor/keys/folder.h"
#include "monitor/keys/key_file.h"

namespace phaseguard::ctl {

namespace {

constexpr const char* kUtcStamp = "%Y-%m-%dT%H:%M:%SZ";

struct KeyOptions {
  std::string folder;  // empty: the user's
  std::string name;
  std::string role;
  std::string runs = "*";
  std::string out;         // of `new`; empty: NAME.key
  std::string public_key;  // of `grant`; empty: the one that the name has

  [[nodiscard]] keys::Folder at() const {
    return keys::Folder(folder.empty() ? contexts::config_folder() + "/keys" : folder);
  }
};

std::string now_text() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return utc_text(std::chrono::duration<double>(now).count(), kUtcStamp);
}

nlohmann::json json_of(const keys::Grant& grant) {
  return {{"name", grant.name},  {"id", grant.id()},           {"role", keys::name_of(grant.role)},
          {"runs", grant.runs},  {"public", grant.public_key}, {"revoked", grant.revoked},
          {"since", grant.since}};
}

// A role for every run where no pattern means anything.
Result<keys::Grant> grant_of(const KeyOptions& options) {
  auto role = keys::role_of(options.role);
  if (!role) return tl::unexpected(role.error());
  if (*role == keys::Role::kViewer && options.runs != "*") {
    return fail(Errc::kInvalidArgument,
                "--runs: a viewer sees every run of its daemon; give a daemon of their own to runs "
                "that not every viewer may see");
  }
  return keys::Grant{options.name, *role, options.runs, "", false, now_text()};
}

int tell(const keys::Grant& grant, const std::string& server, const std::string& file,
         bool as_json) {
  if (as_json) {
    nlohmann::json out = json_of(grant);
    out["server"] = server;
    if (!file.empty()) out["file"] = file;
    print(out);
    return kDone;
  }
  print_line(stdout, "%s is granted: %s%s%s", grant.id().c_str(), keys::name_of(grant.role),
             grant.role == keys::Role::kViewer ? "" : " of runs ",
             grant.role == keys::Role::kViewer ? "" : grant.runs.c_str());
  if (!file.empty())
    print_line(stdout, "its key file: %s (whoever has it may act as %s)", file.c_str(),
               grant.name.c_str());
  print_line(stdout, "the daemon's public key: %s", server.c_str());
  return kDone;
}

// The file first: a granted key that nobody has would be of no use.
int make_new(const KeyOptions& options, bool as_json) {
  auto grant = grant_of(options);
  if (!grant) return failed(grant.error());
  const keys::Folder folder = options.at();
  const auto server = folder.prepare();
  if (!server) return failed(server.error());
  auto pair = keys::make_pair();
  if (!pair) return failed(pair.error());
  grant->public_key = pair->public_key;
  const std::string file = options.out.empty() ? options.name + ".key" : options.out;
  if (!keys::is_name(options.name)) {
    return failed({Errc::kInvalidArgument, std::string("NAME: expected ") + keys::kNameText +
                                               ", found " + quoted(options.name, 60)});
  }
  const keys::ClientKey key{grant->name, grant->role, pair->secret_key, pair->public_key,
                            server->public_key};
  if (auto written = keys::write_key_file(file, key); !written) return failed(written.error());
  const auto granted = folder.change([&](keys::Ledger& ledger) { return ledger.grant(*grant); });
  if (granted) return tell(*grant, server->public_key, file, as_json);
  std::remove(file.c_str());
  return failed(granted.error());
}

// Of a key that its holder made elsewhere, or another role or other runs for one that is known.
int grant_key(const KeyOptions& options, bool as_json) {
  auto grant = grant_of(options);
  if (!grant) return failed(grant.error());
  const keys::Folder folder = options.at();
  const auto server = folder.prepare();
  if (!server) return failed(server.error());
  const auto granted = folder.change([&](keys::Ledger& ledger) -> Result<void> {
    const keys::Grant* known = ledger.by_name(options.name);
    grant->public_key = options.public_key;
    if (options.public_key.empty() && known != nullptr) grant->public_key = known->public_key;
    if (grant->public_key.empty()) {
      return fail(Errc::kNotFound, "there is no key of the name " + quoted(options.name, 60) +
                                       "; give its public key too, or make one with `phaseguard "
                                       "keys new`");
    }
    return ledger.grant(*grant);
  });
  return granted ? tell(*grant, server->public_key, "", as_json) : failed(granted.error());
}

int revoke_key(const KeyOptions& options, bool as_json) {
  const keys::Folder folder = options.at();
  const auto revoked =
      folder.change([&](keys::Ledger& ledger) { return ledger.revoke(options.name, now_text()); });
  if (!revoked) return failed(revoked.error());
  if (as_json) {
    print({{"name", options.name}, {"revoked", true}});
    return kDone;
  }
  print_line(stdout,
             "the key of %s is revoked in %s; a daemon that uses this list refuses it within a "
             "second",
             options.name.c_str(), folder.ledger_file().c_str());
  return kDone;
}

int list_keys(const KeyOptions& options, bool as_json) {
  const keys::Folder folder = options.at();
  const auto server = folder.server();
  if (!server) return failed(server.error());
  const auto ledger = folder.ledger();
  if (!ledger) return failed(ledger.error());
  if (as_json) {
    nlohmann::json out = {{"folder", folder.path()},
                          {"server", server->public_key},
                          {"keys", nlohmann::json::array()}};
    for (const keys::Grant& grant : ledger->grants()) out["keys"].push_back(json_of(grant));
    print(out);
    return kDone;
  }
  print_line(stdout, "the daemon's public key: %s", server->public_key.c_str());
  if (ledger->grants().empty())
    std::printf("no key is granted; `phaseguard keys new NAME --role ROLE` makes one\n");
  for (const keys::Grant& grant : ledger->grants()) {
    const std::string runs = grant.role == keys::Role::kViewer ? "every run" : grant.runs;
    const std::string row = padded(grant.id(), 42) + padded(keys::name_of(grant.role), 10) +
                            padded(runs, 20) + (grant.revoked ? "revoked " : "granted ") +
                            grant.since;
    print_line(stdout, "%s", row.c_str());
  }
  return kDone;
}

void add_folder(CLI::App& command, KeyOptions& options) {
  command
      .add_option("--keys", options.folder,
                  "The daemon's folder of keys (default: $XDG_CONFIG_HOME/phaseguard/keys)")
      ->envname("PHASEGUARD_KEYS");
}

void add_grant(CLI::App& command, KeyOptions& options) {
  command.add_option("NAME", options.name, "Whose key it is")->required();
  command.add_option("--role", options.role, "trainer, viewer or operator")->required();
  command
      .add_option("--runs", options.runs,
                  "Runs that a trainer may report or an operator command; * is any text")
      ->capture_default_str();
  add_folder(command, options);
}

}  // namespace

void add_keys(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("keys", "Who may come in at a daemon that asks for keys");
  group->require_subcommand(1);
  const auto add = [&](const char* name, const char* what, auto run) {
    auto options = std::make_shared<KeyOptions>();
    CLI::App* command = add_command(*group, context, name, what,
                                    [=, &context] { return run(*options, context.json); });
    return std::pair{command, options};
  };
  auto [make, made] = add("new", "Make a key, grant it and write its file", make_new);
  add_grant(*make, *made);
  make->add_option("--out", made->out, "File to write (default: NAME.key)");
  auto [grant, granted] =
      add("grant", "Grant a key that was made elsewhere, or give one other rights", grant_key);
  add_grant(*grant, *granted);
  grant->add_option("PUBLIC", granted->public_key,
                    "Its public key, of 40 characters (default: that of the name)");
  auto [list, listed] = add("list", "The keys that are granted, and those that were", list_keys);
  add_folder(*list, *listed);
  auto [revoke, revoked] = add("revoke", "Take a key's rights away for good", revoke_key);
  revoke->add_option("NAME", revoked->name, "Whose key")->required();
  add_folder(*revoke, *revoked);
}

}  // namespace phaseguard::ctl
