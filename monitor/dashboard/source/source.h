// Where the dashboard's messages come from: a thread of its own receives, the drawing thread takes
// whole batches. Live and recorded sources look alike to everybody else. No lock is held across a
// draw or a send.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <memory_resource>
#include <optional>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/contexts/contexts.h"
#include "monitor/dashboard/model/model.h"
#include "monitor/dashboard/source/kept.h"
#include "monitor/wire/messages.h"

namespace phaseguard::dashboard {

class Source {
 public:
  virtual ~Source() = default;  // ends the thread; at most 0.3 s
  // The oldest of what has come and was not taken, as much as a frame has time for several times;
  // empty when there is nothing. Drawing thread.
  [[nodiscard]] virtual std::vector<Batch> take() = 0;
  // Sends commands to the operator endpoint; a file drops them. Drawing thread.
  virtual void send(std::vector<wire::Message> commands) = 0;
  // The record of this run once more, from its first message: it comes as Batch::recalled. The
  // newest one asked for counts. Drawing thread.
  virtual void recall(const RunId& run) = 0;
  // What a batch of its asked for (Batch::borrows). Drawing thread.
  virtual void lend(std::shared_ptr<const run::RunState> /*state*/) {}
};

// Called from the source's thread when there is something to take where nothing was. It may only
// wake the drawing thread.
using Wake = std::function<void()>;

// How views of long records are kept (kept.h), and taken in place of reading them.
struct Keeping {
  KeptFolder folder;
  // Where points are put that are taken; it is used by the source's thread, at any time.
  std::pmr::memory_resource* memory = std::pmr::get_default_resource();
  std::function<void()> ease{};  // after every few of them, and of those written; may be empty
  double worth_it_s = kWorthIt;  // a record that took longer to read than this is kept
  static constexpr double kWorthIt = 1.0;
};

// One run file, or every run file of a directory. Files that still grow are read on. `keeping`:
// nothing is kept or taken without it; with it somebody must lend (exchange() does). Errors:
// kNotFound, and what store::Reader::open says of a single file; in a directory unreadable files
// are named in SourceState::problem and the others are shown.
[[nodiscard]] Result<std::unique_ptr<Source>> open_files(
    const std::filesystem::path& path, Wake wake, std::optional<Keeping> keeping = std::nullopt);

// A daemon, by its feed and operator endpoint. Succeeds when no daemon is there yet. Asks for the
// history of every run and then follows the feed; a hole in it is asked for again.
[[nodiscard]] Result<std::unique_ptr<Source>> connect_live(const contexts::Daemon& daemon,
                                                           Wake wake);

// One daemon, or several at once, each with a name of its own. Of several a run is "NAME/run": the
// name is put before it on the way in and taken off on the way out, where it says to which daemon
// a command goes, and to no other.
[[nodiscard]] Result<std::unique_ptr<Source>> connect_all(
    const std::vector<contexts::Daemon>& daemons, const Wake& wake);

// SourceState::place of a daemon, and the name of a file or folder in it: the same however it was
// written, relative, with a slash at its end or by a link, since what is kept of alarms is of a
// place.
[[nodiscard]] std::string place_of(const contexts::Daemon& daemon);
[[nodiscard]] std::string full_name(const std::filesystem::path& path);

// Both clocks of this host.
[[nodiscard]] Now now();

// Takes what the source has, for about 6 ms at most, moves the model's clock, sends what the
// operator asked for. True when that was not all. `also` gets each batch too.
bool exchange(Source& source, Model& model, const std::function<void(const Batch&)>& also = {});

}  // namespace phaseguard::dashboard
