// The folder where a daemon's own key and its list of granted keys are. Who can write there is the
// daemon's administrator: there is no other. Used by `phaseguard keys` and the daemon. C++17-clean.
#pragma once

#include <functional>
#include <string>

#include "monitor/base/result.h"
#include "monitor/keys/key.h"
#include "monitor/keys/ledger.h"

namespace phaseguard::keys {

class Folder {
 public:
  explicit Folder(std::string path) : path_(std::move(path)) {}

  // Makes the folder (0700), the daemon's key and an empty list where they are not there; the
  // daemon's key. Errors: kRefused, the folder is not this user's alone; kIo.
  [[nodiscard]] Result<Pair> prepare() const;

  // The daemon's own. Errors: as of read_key_file().
  [[nodiscard]] Result<Pair> server() const;
  [[nodiscard]] Result<Ledger> ledger() const;

  // Reads the list, lets `change` at it and writes it back whole, one process at a time. Errors:
  // the change's own, and then nothing is written; kIo.
  [[nodiscard]] Result<void> change(const std::function<Result<void>(Ledger&)>& change) const;

  // Differs when the list may have changed. Two looks cost one stat each.
  [[nodiscard]] std::string stamp() const;

  [[nodiscard]] std::string ledger_file() const { return path_ + "/granted"; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  [[nodiscard]] std::string server_file() const { return path_ + "/server.key"; }
  std::string path_;
};

}  // namespace phaseguard::keys
