// What a program needs to come in at a daemon that asks for keys: one small file, or two variables
// of the environment. C++17-clean: the trainer's reporter uses it.
//
//   name ann
//   role operator
//   secret <40 characters>
//   server <40 characters>
#pragma once

#include <optional>
#include <string>

#include "monitor/base/result.h"
#include "monitor/keys/ledger.h"

namespace phaseguard::keys {

struct ClientKey {
  std::string name;  // for people; the daemon goes by its own list
  Role role = Role::kTrainer;
  std::string secret_key;
  std::string public_key;  // belongs to the secret one
  std::string server_key;  // the daemon's public key: who answers with another is not believed
};

// Errors: kNotFound; kRefused, the file can be read or written by others, or is not one; kMalformed
// names line and what was expected.
[[nodiscard]] Result<ClientKey> read_key_file(const std::string& path);

// A new file of mode 0600. Error kConflict: there is a file already, and it is left as it is.
[[nodiscard]] Result<void> write_key_file(const std::string& path, const ClientKey& key);

// That of `path`; where it is empty that of $PHASEGUARD_KEY, a path; where that is unset too,
// $PHASEGUARD_SECRET_KEY and $PHASEGUARD_SERVER_KEY, with the role in $PHASEGUARD_KEY_ROLE or else
// `role`. None of them: no key. Errors: as above, or one of the two variables alone.
[[nodiscard]] Result<std::optional<ClientKey>> find_client_key(const std::string& path, Role role);

}  // namespace phaseguard::keys
