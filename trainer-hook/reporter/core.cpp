// The trainer's half: nothing here waits but decide, await_link and stop, each with a deadline.
#include "trainer-hook/reporter/core.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "trainer-hook/reporter/clock.h"

namespace phaseguard::reporter {

namespace {

std::atomic<std::uint64_t> forks{0};

void count_fork() { forks.fetch_add(1, std::memory_order_relaxed); }

void watch_forks() {
  static const int kRegistered = pthread_atfork(nullptr, nullptr, count_fork);
  (void)kRegistered;
}

std::chrono::steady_clock::time_point deadline_in(double seconds) {
  const double bounded = std::clamp(seconds, 0.0, 1e6);  // also turns NaN aside: see decide()
  return std::chrono::steady_clock::now() +
         std::chrono::nanoseconds(static_cast<std::int64_t>(bounded * 1e9));
}

// When the daemon has had its share of a wait: what the local guard decides then is in force before
// the wait is over.
Nanos share_of(double wait_s) {
  constexpr double kShare = 0.9;
  const double bounded = std::min(wait_s, 1e6);
  return Nanos{monotonic_ns() + static_cast<std::int64_t>(bounded * kShare * 1e9)};
}

// Only the trainer's thread writes these, so that plain loads and stores do.
void add(std::atomic<std::int64_t>& counter, std::int64_t n) {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

constexpr std::int64_t kReassertNs = 1'000'000'000;

}  // namespace

std::uint64_t fork_generation() { return forks.load(std::memory_order_relaxed); }

Core::Core(Options options, wire::Hello hello, std::optional<keys::ClientKey> key)
    : options_(std::move(options)),
      hello_(std::move(hello)),
      key_(std::move(key)),
      ring_(options_.ring_slots) {
  watch_forks();
  born_in_ = fork_generation();
  Latched initial;
  initial.cause = wire::CauseKind::kInitial;
  initial.knobs = initial_settings(hello_);
  for (const wire::KnobSetting& knob : initial.knobs) {
    if (knob.knob != options_.knob) continue;
    initial.value = knob.value;
    initial.cause = knob.cause;
  }
  if (initial.cause != wire::CauseKind::kInitial) initial.source = Source::kHold;
  lineage_ = {hello_.record, hello_.position, std::max<std::int64_t>(hello_.rollbacks, 0),
              hello_.held};
  latch_.write(initial);
  last_ = &latch_.read();
}

Core::~Core() {
  if (wake_fd_ >= 0) close(wake_fd_);
}

Result<void> Core::launch() {
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd_ < 0) {
    return fail(Errc::kIo, std::string("the reporter could not make an event descriptor: ") +
                               std::strerror(errno));
  }
  current_step_.store(hello_.start_step.value, std::memory_order_relaxed);
  // The trainer's signals are the trainer's: the I/O thread takes none.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  Result<void> started;
  try {
    thread_ = std::thread([self = shared_from_this()] { self->run(); });
    pthread_setname_np(thread_.native_handle(), "phaseguard-io");
  } catch (const std::system_error& error) {
    started =
        fail(Errc::kIo, std::string("the reporter could not start its thread: ") + error.what());
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

Result<void> Core::await_link() {
  const bool must =
      options_.on_start == OnStart::kRefuse || options_.profile == wire::Profile::kEnforce;
  if (!must && options_.on_start == OnStart::kProceed) return {};
  std::unique_lock<std::mutex> lock(mutex_);
  const auto done = [&] {
    const LinkState now = state();
    return now == LinkState::kLinked || finished_ || (must && now == LinkState::kRefused);
  };
  changed_.wait_until(lock, deadline_in(options_.start_wait_s), done);
  if (!must || state() == LinkState::kLinked) return {};
  const bool refused = state() == LinkState::kRefused;
  const std::string found = refused            ? "it refused this run: " + refusal_
                            : refusal_.empty() ? "found none in time; start phaseguardd"
                                               : "found none in time; " + refusal_;
  return fail(
      refused ? Errc::kRefused : Errc::kTimeout,
      "training may not begin unwatched: expected a daemon at " +
          (options_.endpoint.empty() ? "the default telemetry endpoint" : options_.endpoint) +
          ", " + found);
}

template <class Fill>
bool Core::push(Step step, Fill&& fill) {
  const std::int64_t begin = monotonic_ns();
  current_step_.store(step.value, std::memory_order_relaxed);
  const bool pushed = ring_.push([&](Slot& slot) {
    slot.step = step;
    slot.at_ns = begin;
    fill(slot);
  });
  if (!pushed) add(dropped_, 1);
  const std::int64_t cost = monotonic_ns() - begin;
  add(calls_, 1);
  add(cost_ns_, cost);
  if (cost > max_ns_.load(std::memory_order_relaxed))
    max_ns_.store(cost, std::memory_order_relaxed);
  return pushed;
}

bool Core::push_values(Step step, const SignalValue* values, std::size_t count) {
  bool valid = count <= kMaxStepValues;
  for (std::size_t i = 0; valid && i < count; ++i) {
    valid =
        values[i].signal >= 0 && static_cast<std::size_t>(values[i].signal) < hello_.signals.size();
  }
  if (!valid) {
    add(dropped_, 1);
    return false;
  }
  return push(step, [&](Slot& slot) {
    slot.kind = Slot::Kind::kValues;
    slot.count = static_cast<std::uint32_t>(count);
    std::copy(values, values + count, slot.values.begin());
  });
}

bool Core::push_report(wire::Report&& report, Step step, Nanos answer_by) {
  return push(step, [&](Slot& slot) {
    slot.kind = Slot::Kind::kReport;
    slot.answer_by = answer_by;
    slot.report = std::move(report);
  });
}

const Latched& Core::read() {
  last_ = &latch_.read();
  return *last_;
}

const Latched& Core::decide(wire::Report&& report, Step step, double max_wait_s) {
  if (report.origin != wire::Report::Origin::kCanary) report.origin = wire::Report::Origin::kBatch;
  report.wants_control = true;
  if (report.batch == 0) report.batch = ++next_batch_;
  const std::int64_t batch = report.batch;
  const double wait_s = max_wait_s > 0.0 ? max_wait_s : 0.0;
  const auto deadline = deadline_in(wait_s);
  const Nanos answer_by = wait_s > 0.0 ? share_of(wait_s) : kNoDeadline;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    answer_.batch = 0;
  }
  if (!push_report(std::move(report), step, answer_by)) return read();
  wake();
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_until(lock, deadline, [&] { return answer_.batch == batch || finished_; });
  const bool answered = answer_.batch == batch;
  if (!answered && meanwhile_.batch != batch) {
    lock.unlock();
    return read();
  }
  decided_ = std::move(answered ? answer_.settings : meanwhile_.settings);
  answer_.batch = meanwhile_.batch = 0;
  last_ = &decided_;
  return decided_;
}

std::vector<wire::Request> Core::take_requests() {
  if (!has_requests_.load(std::memory_order_acquire)) return {};
  // Held by the I/O thread at this moment: the next step boundary is soon enough.
  const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return {};
  has_requests_.store(false, std::memory_order_relaxed);
  return std::exchange(requests_, {});
}

void Core::push_applied(Step step, std::int64_t segment,
                        std::vector<wire::RequestOutcome>&& outcomes) {
  for (wire::RequestOutcome& outcome : outcomes) unsent_outcomes_.push_back(std::move(outcome));
  const std::int64_t now = monotonic_ns();
  const auto& knobs = last_->knobs;
  bool due = !unsent_outcomes_.empty() || now - last_applied_ns_ >= kReassertNs ||
             segment != last_applied_.segment ||
             last_->state_version != last_applied_.state_version ||
             knobs.size() != last_applied_.knobs.size();
  for (std::size_t i = 0; !due && i < knobs.size(); ++i) {
    const wire::AppliedKnob& said = last_applied_.knobs[i];
    due = said.value != knobs[i].value || said.decision != knobs[i].decision ||
          said.cause != knobs[i].cause || said.site != knobs[i].site;
  }
  if (!due) return;
  last_applied_.knobs.clear();
  for (const wire::KnobSetting& knob : knobs) {
    last_applied_.knobs.push_back({knob.knob, knob.value, knob.decision, knob.cause, knob.site});
  }
  last_applied_.segment = segment;
  last_applied_.source = last_->source;
  last_applied_.state_version = last_->state_version;
  wire::Applied message = last_applied_;
  message.requests = unsent_outcomes_;
  const bool pushed = push(step, [&](Slot& slot) {
    slot.kind = Slot::Kind::kApplied;
    slot.applied = std::move(message);
  });
  last_applied_ns_ = pushed ? now : 0;  // 0: due again at the next step
  if (pushed) unsent_outcomes_.clear();
}

void Core::stop(const std::string& reason, double max_flush_s) {
  if (!thread_.joinable()) return;
  const double flush_s = std::clamp(max_flush_s, 0.0, 60.0);
  std::unique_lock<std::mutex> lock(mutex_);
  stopping_ = true;
  goodbye_ = reason;
  max_flush_s_ = flush_s;
  lock.unlock();
  wake();
  lock.lock();
  // The thread ends by itself at the flush limit; a machine under load gets a little more before it
  // is left behind.
  const bool ended =
      changed_.wait_until(lock, deadline_in(flush_s + 0.4), [&] { return finished_; });
  lock.unlock();
  if (ended) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

void Core::wake() {
  const std::uint64_t one = 1;
  // A full counter means that the I/O thread is about to wake anyway.
  const auto written = write(wake_fd_, &one, sizeof one);
  (void)written;
}

Stats Core::stats() const {
  std::unique_lock<std::mutex> lock(mutex_);
  Stats stats = io_stats_;
  lock.unlock();
  stats.calls = calls_.load(std::memory_order_relaxed);
  stats.dropped_ring = dropped_.load(std::memory_order_relaxed);
  stats.reports = stats.calls - stats.dropped_ring;
  const double total = static_cast<double>(cost_ns_.load(std::memory_order_relaxed));
  stats.mean_ns = stats.calls > 0 ? total / static_cast<double>(stats.calls) : 0.0;
  stats.max_ns = static_cast<double>(max_ns_.load(std::memory_order_relaxed));
  return stats;
}

std::string Core::lineage(Step step, std::int64_t segment) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return write_lineage(lineage_, options_.run, step, segment);
}

std::string Core::refusal() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return refusal_;
}

}  // namespace phaseguard::reporter
