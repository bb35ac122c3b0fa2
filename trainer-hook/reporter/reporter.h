// A trainer's end of the link: hands reports to a bounded ring and reads the latest lambda from one
// atomic cell, while one I/O thread of its own talks to the daemon, keeps what is not yet
// acknowledged, and holds the local guard.
//
// Promises. No method throws. `send`, `lambda`, `applied` and `take_requests` never block, take no
// lock that another thread may hold, and touch no socket; when the ring is full the report is
// dropped and counted. `decide` waits at most its deadline, `stop` at most its own. Loss of the
// daemon never lowers lambda. In a forked child every method does nothing. Leases and deadlines use
// the monotonic clock alone.
//
// Threads. One thread, the trainer's, calls everything here; `state`, `state_text`, `stats` and
// `refusal` may be called from any thread. C++17-clean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/types.h"
#include "monitor/wire/messages.h"

namespace phaseguard::reporter {

using LinkState = wire::HookLink;
using Source = wire::Source;  // where the value in force came from
[[nodiscard]] inline const char* name_of(LinkState state) noexcept {
  return wire::text_of(state).data();
}

// What start() does while no daemon answers.
enum class OnStart : std::uint8_t {
  kProceed,  // return at once; lambda is the declared initial value until a daemon is found
  kWait,     // wait for the link up to start_wait_s, then proceed
  kRefuse,   // wait for the link up to start_wait_s, then fail: training must not begin unwatched
};

// What `enforce` asks the trainer for when the reporter fails by an error of its own.
enum class OnError : std::uint8_t {
  kStop,      // a checkpoint, then a stop; each only where Hello::requests has it
  kContinue,  // nothing: training goes on unwatched, as under `watch`
};

struct Options {
  RunId run;
  // Of this process within the run, from 1; 0: the daemon says which (a process that its supervisor
  // starts anew need not know).
  std::int64_t attempt = 1;
  // What lineage() gave with the checkpoint that this process goes on from; empty: it begins anew.
  std::string lineage;
  std::string endpoint;  // the daemon's telemetry endpoint; empty: the default of this user
  // Of a daemon that asks for keys; empty: $PHASEGUARD_KEY, if that is set (keys/key_file.h).
  std::string key_file;
  std::string knob = "kl";  // the knob that lambda() reads; must be declared in Hello::knobs
  OnStart on_start = OnStart::kProceed;
  double start_wait_s = 60.0;
  // The stricter of this and the policy's own counts. kEnforce: on_start is kRefuse.
  wire::Profile profile = wire::Profile::kWatch;
  OnError on_error = OnError::kStop;
  std::size_t ring_slots = 1024;          // rounded up to a power of two, 2 to 65536
  std::size_t journal_bytes = 64u << 20;  // unacknowledged messages kept for back-fill
  double default_lease_s = 10.0;          // used until a Welcome names a lease
  double drain_interval_ms = 2.0;         // how often the I/O thread empties the ring
};

// One scalar of a step report: `signal` is the index into Hello::signals.
struct SignalValue {
  std::int32_t signal = 0;
  double value = wire::kNaN;
};
inline constexpr std::size_t kMaxStepValues = 16;

// The knobs in force, as of one read. Read it once per optimiser step, before the first
// micro-batch.
struct Latched {
  double value = 0.0;         // of Options::knob
  std::vector<double> items;  // one per sample of the batch decided on; empty: `value` for all
  wire::Cause cause;
  std::int64_t decision = 0;  // id of the daemon's decision; 0: initial value or local guard
  Source source = Source::kInitial;
  bool answered = false;  // decide(): this is the answer to that very batch
  // The policy only records: `value` is the initial one, or an operator raised it.
  bool shadow = false;
  std::int64_t state_version = -1;  // of the newest control that is obeyed; -1: none yet
  // Every declared knob, its site included, in the order of Hello::knobs.
  std::vector<wire::KnobSetting> knobs;
};

// The reporter's own cost and losses since start().
struct Stats {
  std::int64_t reports = 0;          // handed to the ring
  std::int64_t dropped_ring = 0;     // the ring was full
  std::int64_t dropped_journal = 0;  // the journal was full: oldest telemetry first
  std::int64_t oversize = 0;         // messages that the protocol does not allow: not sent
  std::int64_t sent = 0;             // messages given to the socket, resends included
  std::int64_t acknowledged = 0;     // highest sender seq the daemon has recorded
  std::int64_t journaled = 0;        // messages waiting for an acknowledgement
  std::int64_t controls = 0;         // controls that took effect
  std::int64_t stale_frames =
      0;  // of an old epoch, repeated, reordered or past valid_until_step: ignored
  std::int64_t refused_controls = 0;  // a value outside the declared range: not applied, reported
  std::int64_t malformed_frames = 0;
  std::int64_t connections = 0;      // hellos sent
  std::int64_t losses = 0;           // times the lease ran out
  std::int64_t guard_decisions = 0;  // decisions of the local guard while it was in charge
  std::int64_t errors = 0;           // caught errors of our own
  std::int64_t calls = 0;  // send and step_values on the training thread, and what they cost
  double mean_ns = 0.0;
  double max_ns = 0.0;
};

class Core;

class Reporter {
 public:
  // Starts the I/O thread. `hello` declares the run; an empty hello.session is filled in. Errors: a
  // declaration that cannot work (no such knob, initial value outside its range, bad endpoint) or,
  // with kRefuse, no link in time.
  [[nodiscard]] static Result<Reporter> start(Options options, wire::Hello hello) noexcept;

  Reporter() noexcept;  // does nothing: every call is accepted, lambda() is 0 from kInitial
  ~Reporter();          // stop(0.5) if need be
  Reporter(Reporter&&) noexcept;
  Reporter& operator=(Reporter&&) noexcept;
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;

  // Up to kMaxStepValues scalars of step `step`, with no allocation. False: dropped (ring full, too
  // many, bad index).
  bool step_values(Step step, const SignalValue* values, std::size_t count) noexcept;

  // Any report; moved, not copied. False: dropped.
  bool send(wire::Report report, Step step) noexcept;

  // The newest settings; valid until the next call of lambda() or decide().
  [[nodiscard]] const Latched& lambda() noexcept;

  // Sends a report, of a batch or of the canaries, and waits for the control that answers it, at
  // most `max_wait_s`: what it measures at step s acts on the update that follows. Without
  // an answer in time (or without a daemon: at once) the local guard's values for this very batch
  // come back, never below what an operator or a latched rule holds; without a guard the newest
  // settings, of values that each batch gives the most protecting of the last 8. answered is then
  // false, but where the guard is in charge. report.batch 0: numbered here.
  [[nodiscard]] const Latched& decide(wire::Report report, Step step, double max_wait_s) noexcept;

  // Things to do at this step boundary, each id once. Finish each by naming its outcome in
  // applied().
  [[nodiscard]] std::vector<wire::Request> take_requests() noexcept;

  // To be stored with a checkpoint of `step`, written now, after `segment` rollbacks of this
  // process: Options::lineage of the process that goes on from it. A few hundred bytes. Waits for
  // no socket.
  [[nodiscard]] std::string lineage(Step step, std::int64_t segment) const noexcept;

  // Says that what lambda() or decide() returned last is in force during `step`. Sent when it
  // changed, when there are outcomes, and every second; otherwise costs a comparison.
  void applied(Step step, std::int64_t segment,
               std::vector<wire::RequestOutcome> outcomes = {}) noexcept;

  // Sends goodbye, waits for the journal to be acknowledged up to `max_flush_s`, ends the I/O
  // thread. Repeated: nothing.
  void stop(const std::string& reason = "finished", double max_flush_s = 0.5) noexcept;

  [[nodiscard]] LinkState state() const noexcept;
  [[nodiscard]] Stats stats() const noexcept;
  [[nodiscard]] std::string refusal()
      const noexcept;  // the last reject or error in words; empty: none

 private:
  explicit Reporter(std::shared_ptr<Core> core) noexcept;
  void release() noexcept;
  [[nodiscard]] Core* live() const noexcept;  // null in a forked child or after a move
  std::shared_ptr<Core> core_;
};

}  // namespace phaseguard::reporter
