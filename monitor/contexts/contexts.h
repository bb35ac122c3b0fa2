// Daemons by name: a file of contexts says where each is, so that a person writes `--connect lab`
// in place of a folder or a port.
//
//   [context.lab]
//   endpoint_dir = "/run/user/1000/phaseguard"
//
//   [context.cluster]                       # forwarded by ssh -L
//   operator = "tcp://127.0.0.1:7001"
//   feed = "tcp://127.0.0.1:7002"
//
// A context of a daemon that asks for keys has `key`, the path of a key file, and `query`, the
// endpoint where a viewer's key asks.
//
// Reads that file and key files, nothing else. Used by command line and dashboard.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/types.h"
#include "monitor/keys/key_file.h"
#include "monitor/link/endpoint.h"

namespace phaseguard::contexts {

// A daemon as its viewers reach it.
struct Daemon {
  std::string name;  // of its context; "": it was named by its folder, or by nothing
  link::Endpoint operators;
  link::Endpoint query{};
  link::Endpoint feed;
  std::string key_file{};  // as its context has it; "": none
  std::optional<keys::ClientKey> key{};

  // Where it is asked: a viewer's key is not let in where commands are taken.
  [[nodiscard]] const link::Endpoint& asked() const;

  [[nodiscard]] std::string place() const;  // its folder, or else its operator endpoint
};

// The one whose sockets are in this folder.
[[nodiscard]] Daemon daemon_in(const std::string& endpoint_dir);

// With the key of its context, else of `key_file`, else of the environment (find_client_key()).
// Errors: of that; kRefused: the context's endpoint is beyond loopback and there is no key.
[[nodiscard]] Result<Daemon> with_key(Daemon daemon, const std::string& key_file);

// Of what a user has written for our programs: $XDG_CONFIG_HOME/phaseguard, where that is set to an
// absolute path, or ~/.config/phaseguard.
[[nodiscard]] std::string config_folder();
// Of what our programs keep for a user: $XDG_STATE_HOME/phaseguard, likewise, or
// ~/.local/state/phaseguard.
[[nodiscard]] std::string state_folder();
// contexts.toml in the former.
[[nodiscard]] std::string default_file();

// In the order of the file. Errors name file, line and column: kNotFound; kMalformed for TOML that
// is none, a name given twice, an unknown key (with the nearest known one), an endpoint that is
// none, or one beyond loopback without a key.
[[nodiscard]] Result<std::vector<Daemon>> read(const std::string& file);

// Those named, in that order. Errors: kNotFound names the contexts that there are; kConflict: a
// name given twice, or two names of one daemon, whose runs would be shown twice.
// `key_file`: as with_key().
[[nodiscard]] Result<std::vector<Daemon>> choose(const std::vector<std::string>& names,
                                                 const std::string& file,
                                                 const std::string& key_file = "");

// A run as a person names it: "run-7" of the only daemon, "lab/run-7" of one of several, and the
// same is what a viewer calls it. Errors: no name of a run; several daemons and none is named.
[[nodiscard]] Result<RunId> run_named(const std::string& text, const std::vector<Daemon>& daemons);

}  // namespace phaseguard::contexts
