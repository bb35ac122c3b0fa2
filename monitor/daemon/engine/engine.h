// The daemon without its sockets, files and clocks: frames in, effects out. For each run it
// records, folds, decides, records the decision, and only then answers. Pure; owned by the daemon's
// one thread (loop.h carries the effects out).
//
// A message that could change a decision becomes an event with a place in the run's one order, so
// that decisions are a pure function of the record. Nothing an unknown peer sends changes anything
// but counters.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/types.h"
#include "monitor/daemon/engine/bounds.h"
#include "monitor/policy/document.h"
#include "monitor/run/liveness.h"
#include "monitor/wire/messages.h"

namespace phaseguard::daemon {

using PeerId = std::uint64_t;  // a connection; never used twice
// kQuery: an operator's, but no command is read there.
enum class Channel : std::uint8_t { kTelemetry, kOperator, kQuery };

// What the key of a connection may do. As it is: a daemon without keys, where whoever can reach a
// socket may use it.
struct Access {
  std::string key;         // id and role, "ann#3f2a91c0 operator", for the record; "": no keys
  std::string runs = "*";  // that a trainer may report, or an operator command; `*` is any text
};

// Which policy a run gets: the first whose pattern matches its name (`*` stands for any text).
struct PolicyChoice {
  std::string pattern;
  policy::Document document;
};

struct EngineSettings {
  std::vector<PolicyChoice> policies;
  std::string runs_dir;  // named in Status::run_file
  std::int64_t heartbeat_ms = 200;
  run::Patience patience;  // with a trainer
  std::int64_t ended_ms =
      600000;  // a lost trainer counts as crashed after this; its run id is then free
  std::int64_t assert_ms = 1000;  // control and status are repeated so often
  std::int64_t unapplied_ms =
      5000;  // a decided value not reported as applied by then raises an alarm
  std::size_t max_runs = 1024;
  // What may wait in memory while run files cannot be written, all runs together. Above the first,
  // what no policy reads is dropped; above the second, frames of those runs' trainers are passed
  // over, unacknowledged; the third is for commands and what else the daemon itself records.
  std::size_t thin_above_bytes = std::size_t{4} << 20;
  std::size_t most_waiting_bytes = std::size_t{16} << 20;
  std::size_t reserve_bytes = std::size_t{4} << 20;
  std::int64_t max_bad_frames = 100;  // of one connection; then it is not listened to
  // Whether the process that a hello names (Hello::process) is known to have ended; not set: never.
  std::function<bool(const std::string&)> is_dead;
};

struct Outgoing {
  PeerId peer = 0;
  std::string bytes;
};

// A page of a run's record for a peer: the loop reads the file and answers with reply_to().
struct HistoryQuery {
  PeerId peer = 0;
  RunId run;
  wire::Query query;
};

// A hello of a run the engine does not know yet: the loop opens its file, restores what is in it
// (also when that is nothing), and delivers the frame again; when it cannot be opened it
// says so with refuse_open().
struct OpenRun {
  PeerId peer = 0;
  RunId run;
  std::string frame;
  Access access{};
};

struct LogLine {
  enum class Level : std::uint8_t { kInfo, kWarning, kError };
  Level level = Level::kInfo;
  std::string text;
};

// A connection that keeps its seat while its run goes on, or does no longer.
struct Seat {
  PeerId peer = 0;
  bool kept = false;
};

struct Effects {
  std::vector<wire::Message> record;  // in order, before anything below; but see stands_alone()
  bool needs_sync = false;            // on disk before `publish` and `send`
  bool tells_record = false;          // a tool is answered: after what it is told of is written
  std::vector<wire::Message> publish;
  std::vector<Outgoing> send;
  std::vector<HistoryQuery> history;
  std::vector<OpenRun> open;
  std::vector<RunId> closed;  // runs that are not kept any more: nor need their files be
  std::vector<Seat> seats;
  std::vector<LogLine> log;
};

// Whether what is to be sent may leave before `record` is written: reports alone are recorded, no
// decision follows from them, and nothing is acknowledged. Lost with the daemon, they come again.
[[nodiscard]] bool stands_alone(const Effects& effects);

// Hands every recorded message of a run, in order, to its argument, until that returns false.
// Empty: nothing is recorded. One at a time, so that a long record needs no memory.
using Messages = std::function<Result<void>(const std::function<bool(const wire::Message&)>& take)>;

struct Record {
  Messages messages;
  std::string identity;  // made with the record's file; a copy has the same
};

struct EngineCounters {
  std::uint64_t frames = 0;
  std::uint64_t malformed = 0;
  std::uint64_t unknown_kinds = 0;
  std::uint64_t unknown_peers = 0;  // frames of a connection that has no run
  std::uint64_t unseated = 0;       // frames of a connection without a seat
  std::uint64_t refused_hellos = 0;
  std::uint64_t denied = 0;    // frames about runs, or of kinds, that their key has no right to
  std::uint64_t left_out = 0;  // values of undeclared names beyond what is remembered
  std::uint64_t duplicates = 0;
  std::uint64_t samples = 0;
  std::uint64_t decisions = 0;
  std::uint64_t commands = 0;
  // While a run file could not be written.
  std::uint64_t samples_dropped = 0;   // that no policy reads
  std::uint64_t frames_not_taken = 0;  // and not acknowledged: they come again
  std::uint64_t waiting_bytes = 0;     // about what waits for the disk now
};

class RunSlot;

class Engine {
 public:
  explicit Engine(EngineSettings settings);
  ~Engine();

  // Before the endpoints open: the record of one run. What it says of latches, overrides, request
  // outcomes and acknowledgements is in force again. Errors: those of reading the record; it names
  // a policy that does not parse any more.
  [[nodiscard]] Result<void> restore(const RunId& run, const Record& record, Effects& effects,
                                     Now now);

  // The same a little at a time: every recorded message in order. The run is not known before the
  // end; after an error it is to be given up.
  void begin_restore(const RunId& run, std::string identity);
  [[nodiscard]] Result<void> take_up(const RunId& run, const wire::Message& recorded);
  void end_restore(const RunId& run, Now now, Effects& effects);
  void give_up_restore(const RunId& run);

  // The run as if it had never been here: its record is not there any more.
  void forget(const RunId& run, Effects& effects);

  void on_message(Channel channel, PeerId peer, std::string_view bytes, Now now, Effects& effects,
                  const Access& access = {});

  // The answer to a hello whose run cannot be opened now: it may come again.
  void refuse_open(const OpenRun& wanted, wire::RejectCode code, std::string reason, Now now,
                   Effects& effects);

  // A frame of a trainer for whom every one of `seats` is taken: a hello is refused in words, all
  // else is passed over.
  void on_unseated(PeerId peer, std::string_view bytes, std::size_t seats, Now now,
                   Effects& effects);

  // Called at least every heartbeat_ms: heartbeats, re-assertion, liveness, alarms.
  void on_tick(Now now, Effects& effects);

  // New policies for runs that begin from now on. A run keeps the policy it began with: a reload
  // may not clear a latch.
  void set_policies(std::vector<PolicyChoice> policies) {
    settings_.policies = std::move(policies);
  }

  // Told after each batch of effects: was it written, with what was to be synced. False: what was
  // to be sent of that batch must be dropped; no knob is lowered and nothing more acknowledged
  // until it can be written, while raising goes on, undurably.
  // `fault`: why not, for people. `unwritten`: the runs whose files are concerned; what they record
  // waits in memory, within the bounds of EngineSettings.
  void set_record_healthy(bool healthy, const std::string& fault = "",
                          const std::set<RunId>& unwritten = {});

  [[nodiscard]] const EngineCounters& counters() const { return counters_; }
  [[nodiscard]] std::vector<wire::Message> statuses(
      Now now) const;  // of every run, in order of name

 private:
  void on_telemetry(PeerId peer, const wire::Message& message, std::string_view bytes, Now now,
                    Effects& effects, const Access& access);
  void on_denied(Channel channel, PeerId peer, const wire::Message& message, const Access& access,
                 Now now, Effects& effects);
  void on_hello(PeerId peer, const wire::Message& message, Now now, Effects& effects);
  void on_trainer(PeerId peer, const wire::Message& message, std::uint64_t digest, Now now,
                  Effects& effects);
  void on_operator(PeerId peer, const wire::Message& message, Now now, Effects& effects);
  void on_query(PeerId peer, const wire::Header& header, const wire::Query& query, Now now,
                Effects& effects);
  void list_statuses(std::int64_t from, Now now, wire::Reply& reply) const;
  void refuse(PeerId peer, const wire::Message& hello, wire::Reject reject, Now now,
              Effects& effects);
  [[nodiscard]] std::string no_run_text(const RunId& run) const;
  [[nodiscard]] bool make_room(Effects& effects);
  [[nodiscard]] bool is_cut_off(PeerId peer) const;
  // Counts what waits for the disk: whether that is `more` than most_waiting_bytes.
  [[nodiscard]] bool is_full(std::size_t more);
  [[nodiscard]] std::optional<wire::Reject> refuse_for_room(const RunSlot& slot,
                                                            const wire::Message& hello);
  void on_undecodable(PeerId peer, std::string_view bytes, const Error& error, Now now,
                      Effects& effects);
  [[nodiscard]] const policy::Document* policy_for(const RunId& run) const;

  EngineSettings settings_;
  std::map<RunId, std::unique_ptr<RunSlot>> runs_;
  std::map<RunId, std::unique_ptr<RunSlot>> restoring_;
  EngineCounters counters_;
  std::map<PeerId, std::int64_t> bad_frames_;
  bool record_healthy_ = true;
  Allowance refused_lines_{30};
  RefusedHellos refused_;
  PassedOver passed_over_;
};

// `name` fits `pattern`, in which `*` stands for any text.
[[nodiscard]] bool matches(std::string_view pattern, std::string_view name);

// A reply stays within the frame limit of the feed.
inline constexpr std::size_t kPageBytes = std::size_t{768} * 1024;

[[nodiscard]] Outgoing reply_to(PeerId peer, const RunId& run, wire::Reply reply, Now now);
[[nodiscard]] Outgoing reject_to(PeerId peer, const RunId& run, wire::Reject reject, Now now);

}  // namespace phaseguard::daemon
