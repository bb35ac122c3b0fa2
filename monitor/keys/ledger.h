// Whose keys a daemon lets in, and as what. Pure; folder.h keeps it in a file, the daemon asks it
// at every handshake. C++17-clean.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"

namespace phaseguard::keys {

enum class Role {
  kTrainer,   // reports runs and is told their knobs
  kViewer,    // sees every run of the daemon; changes nothing
  kOperator,  // a viewer that may also command
};
[[nodiscard]] const char* name_of(Role role);
// "trainer", "viewer" or "operator"; error kInvalidArgument, with the nearest.
[[nodiscard]] Result<Role> role_of(std::string_view text);

struct Grant {
  std::string name;  // is_name(); unique
  Role role = Role::kViewer;
  std::string runs = "*";  // a trainer's and an operator's; `*` stands for any text
  std::string public_key;
  bool revoked = false;
  std::string since;  // of the last change, "2026-11-28T10:00:00Z"

  [[nodiscard]] std::string id() const;
};

// One line a key, as in authorized_keys: role, name, runs, public key, since. The role of a revoked
// key is written "revoked-operator". Lines that begin with # are comments.
class Ledger {
 public:
  // Errors kMalformed name file and line: an empty file, a role, name, pattern or key that is none,
  // a name or key given twice.
  [[nodiscard]] static Result<Ledger> parse(std::string_view text, const std::string& file);
  [[nodiscard]] std::string text() const;

  [[nodiscard]] const std::vector<Grant>& grants() const { return grants_; }
  // Null: there is none. Revoked ones are found too.
  [[nodiscard]] const Grant* by_name(std::string_view name) const;
  [[nodiscard]] const Grant* by_key(std::string_view public_key) const;

  // Adds a key, or gives one that is there another role or pattern. A name whose key was revoked
  // may have a new key. Errors: kInvalidArgument, a field that is none; kConflict, the name is
  // another key's, or the key another name's.
  [[nodiscard]] Result<void> grant(const Grant& wanted);
  // Error kNotFound: no such name, with the nearest; kConflict: it is revoked already.
  [[nodiscard]] Result<void> revoke(const std::string& name, const std::string& now);

 private:
  std::vector<Grant> grants_;
};

}  // namespace phaseguard::keys
