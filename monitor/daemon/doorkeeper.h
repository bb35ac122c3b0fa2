// Who may come in at which door, and how often: the list of granted keys as it is in force. Reads
// the list again when it changes. Owned and used by the daemon's one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/types.h"
#include "monitor/daemon/engine/engine.h"
#include "monitor/keys/folder.h"
#include "monitor/link/security.h"

namespace phaseguard::daemon {

// What one key may send, in any second and at once after a silence.
struct Rate {
  double per_s = 0.0;
  double burst = 0.0;
};
inline constexpr Rate kTrainerFrames{2000.0, 8000.0};
inline constexpr Rate kQuestions{100.0, 400.0};
inline constexpr Rate kCommands{5.0, 20.0};

// A bucket that fills at `rate`: what is taken beyond it is refused.
class Bucket {
 public:
  [[nodiscard]] bool take(const Rate& rate, Nanos now);

 private:
  double spent_ = 0.0;
  Nanos at_;
};

class Doorkeeper {
 public:
  // Errors: those of the folder's files.
  [[nodiscard]] static Result<Doorkeeper> open(const std::string& folder);

  // For ServerOptions; it refers to this object, which must stay where it is.
  [[nodiscard]] link::Security security();

  // Whether the list has changed since, and read it if so. A list that cannot be read leaves the
  // one in force as it is: Result's error says why, once for each change.
  struct Change {
    bool any = false;
    bool rights_taken = false;  // a key was revoked, or has another role or fewer runs
  };
  [[nodiscard]] Result<Change> look();

  // What that key may do now. Of a key that is not granted any more: nothing.
  [[nodiscard]] Access access_of(const std::string& id) const;
  // Counts the frame; false: it is more than the key may send.
  [[nodiscard]] bool is_within_rate(const std::string& id, link::Door door, std::string_view frame,
                                    Nanos now);

  [[nodiscard]] std::size_t granted() const { return entries_.size(); }

 private:
  struct Entry {
    keys::Role role = keys::Role::kViewer;
    std::string runs;
  };
  using Entries = std::map<std::string, Entry>;  // by id; those in force

  explicit Doorkeeper(std::string folder) : folder_(std::move(folder)) {}
  [[nodiscard]] std::string admit(link::Door door, const std::string& public_key) const;
  [[nodiscard]] bool takes(link::Door door, const std::string& id) const;
  void put_in_force(keys::Ledger ledger);

  keys::Folder folder_;
  std::string secret_key_;
  std::string stamp_;
  keys::Ledger ledger_;
  Entries entries_;
  struct Spent {
    Bucket frames, questions, commands;
  };
  std::map<std::string, Spent> spent_;
};

}  // namespace phaseguard::daemon
