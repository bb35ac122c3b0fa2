// What the trainer's thread and the reporter's I/O thread share, and the I/O thread itself.
// reporter.cpp calls the first half on the trainer's thread; the second half runs on the I/O
// thread, which alone owns the socket and the session.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "monitor/keys/key_file.h"
#include "trainer-hook/reporter/latch.h"
#include "trainer-hook/reporter/lineage.h"
#include "trainer-hook/reporter/reporter.h"
#include "trainer-hook/reporter/ring.h"
#include "trainer-hook/reporter/session.h"

namespace phaseguard::link {
class DealerClient;
}

namespace phaseguard::reporter {

// One place of the ring. Step values lie in the slot itself; the rest is moved in and out.
struct Slot {
  enum class Kind : std::uint8_t { kValues, kReport, kApplied };
  Kind kind = Kind::kValues;
  Step step;
  std::int64_t at_ns = 0;  // monotonic, of the call
  Nanos answer_by;         // of a report
  std::uint32_t count = 0;
  std::array<SignalValue, kMaxStepValues> values;
  wire::Report report;
  wire::Applied applied;
};

class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(Options options, wire::Hello hello, std::optional<keys::ClientKey> key);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // The trainer's thread.
  [[nodiscard]] Result<void> launch();
  [[nodiscard]] Result<void> await_link();  // Options::on_start
  bool push_values(Step step, const SignalValue* values, std::size_t count);
  bool push_report(wire::Report&& report, Step step, Nanos answer_by = kNoDeadline);
  const Latched& read();
  const Latched& decide(wire::Report&& report, Step step, double max_wait_s);
  std::vector<wire::Request> take_requests();
  void push_applied(Step step, std::int64_t segment, std::vector<wire::RequestOutcome>&& outcomes);
  void stop(const std::string& reason, double max_flush_s);
  [[nodiscard]] const Latched& held() const { return *last_; }
  [[nodiscard]] std::uint64_t born_in() const { return born_in_; }

  // Any thread.
  [[nodiscard]] LinkState state() const { return state_.load(std::memory_order_acquire); }
  [[nodiscard]] Stats stats() const;
  [[nodiscard]] std::string refusal() const;
  [[nodiscard]] std::string lineage(Step step, std::int64_t segment) const;

 private:
  template <class Fill>
  bool push(Step step, Fill&& fill);
  void wake();

  // The I/O thread.
  void run();
  void loop(Session& session, link::DealerClient& client);
  void drain(Session& session);
  void hand_over(Session& session, link::DealerClient& client);
  static void send(Session& session, link::DealerClient& client);
  void exchange(Session& session, link::DealerClient& client);
  bool finishing(Session& session);
  void conclude(Session& session);

  Options options_;
  wire::Hello hello_;
  std::optional<keys::ClientKey> key_;
  std::uint64_t born_in_;  // fork generation: another one means a forked child
  int wake_fd_ = -1;
  std::thread thread_;

  SpscRing<Slot> ring_;
  Latch<Latched> latch_;
  std::atomic<LinkState> state_{LinkState::kOff};
  std::atomic<std::int64_t> current_step_{0};

  // Of the trainer's thread alone.
  const Latched* last_ = nullptr;  // what lambda() or decide() returned last
  Latched decided_;
  std::int64_t next_batch_ = 0;
  wire::Applied last_applied_;
  std::int64_t last_applied_ns_ = 0;
  std::vector<wire::RequestOutcome> unsent_outcomes_;  // the ring was full

  // Written by the trainer's thread, read by any.
  std::atomic<std::int64_t> calls_{0};
  std::atomic<std::int64_t> cost_ns_{0};
  std::atomic<std::int64_t> max_ns_{0};
  std::atomic<std::int64_t> dropped_{0};

  // From the I/O thread to the trainer's, rarely: never held across a send or a decision.
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  SessionOutput::Answer answer_;
  SessionOutput::Answer meanwhile_;  // for a batch whose deadline comes before its answer
  std::vector<wire::Request> requests_;
  std::atomic<bool> has_requests_{false};
  Stats io_stats_;
  Lineage lineage_;
  std::string refusal_;
  bool stopping_ = false;
  bool finished_ = false;
  std::string goodbye_;
  double max_flush_s_ = 0.0;

  // Of the I/O thread alone.
  Nanos stop_deadline_;
  bool goodbye_said_ = false;
  std::int64_t busy_ns_ = 0;  // when the ring last held something
};

// Counts forks: a Core born in an earlier generation belongs to the parent.
[[nodiscard]] std::uint64_t fork_generation();

}  // namespace phaseguard::reporter
