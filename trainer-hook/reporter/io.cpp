// The I/O thread: empties the ring into the session, and carries frames between the session and the
// socket.
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "monitor/link/client.h"
#include "monitor/link/directory.h"
#include "trainer-hook/reporter/clock.h"
#include "trainer-hook/reporter/core.h"

namespace phaseguard::reporter {

namespace {

constexpr std::int64_t kIdleAfterNs = 200'000'000;
constexpr int kIdleWaitMs = 10;

Nanos in_seconds(Nanos from, double seconds) {
  return Nanos{from.value + static_cast<std::int64_t>(seconds * 1e9)};
}

wire::Report report_of(const Slot& slot, const wire::Hello& hello) {
  wire::Report report;
  report.samples.reserve(slot.count);
  for (std::uint32_t i = 0; i < slot.count; ++i) {
    wire::Sample sample;
    sample.signal = hello.signals[static_cast<std::size_t>(slot.values[i].signal)].name;
    sample.value = slot.values[i].value;
    report.samples.push_back(std::move(sample));
  }
  return report;
}

}  // namespace

// Nothing may leave this thread: an error of ours ends the reporter, not the training.
void Core::run() {
  Session session(options_, hello_, std::random_device{}());
  try {
    const std::string endpoint =
        options_.endpoint.empty() ? link::endpoints_in(link::default_directory()).telemetry.text()
                                  : options_.endpoint;
    link::ClientOptions connection;
    connection.key = key_;
    Result<link::DealerClient> client = link::DealerClient::connect(endpoint, connection);
    if (client) {
      loop(session, *client);
    } else {
      session.disable(client.error().message);
    }
  } catch (const std::exception& error) {
    session.disable(std::string("the reporter's thread stopped: ") + error.what());
  }
  conclude(session);
}

void Core::loop(Session& session, link::DealerClient& client) {
  while (true) {
    drain(session);
    session.on_tick(now_of_both());
    // What waits for an answer leaves first: the daemon is at work while the rest is done here.
    if (!session.wants_reopen()) send(session, client);
    hand_over(session, client);
    exchange(session, client);
    if (finishing(session)) return;
    const bool idle = monotonic_ns() - busy_ns_ > kIdleAfterNs;
    client.wait(wake_fd_,
                idle ? kIdleWaitMs : std::max(1, static_cast<int>(options_.drain_interval_ms)));
    std::uint64_t woken = 0;
    const auto got = ::read(wake_fd_, &woken, sizeof woken);
    (void)got;  // nothing to read: the wait ended for another reason
  }
}

void Core::drain(Session& session) {
  const Now now = now_of_both();
  const auto take = [&](Slot& slot) {
    const double t = now.wall_s - static_cast<double>(now.mono.value - slot.at_ns) * 1e-9;
    if (slot.kind == Slot::Kind::kValues) {
      session.on_report(report_of(slot, hello_), slot.step, t, now);
    } else if (slot.kind == Slot::Kind::kReport) {
      session.on_report(std::move(slot.report), slot.step, t, now, slot.answer_by);
    } else {
      session.on_applied(std::move(slot.applied), slot.step, t, now);
    }
  };
  // One ring's worth at a time, so that a trainer in a hurry cannot keep the socket waiting.
  for (std::size_t i = 0; i < ring_.capacity() && ring_.pop(take); ++i) busy_ns_ = now.mono.value;
  session.add_dropped(dropped_.load(std::memory_order_relaxed));
}

void Core::send(Session& session, link::DealerClient& client) {
  while (const std::string* frame = session.next_frame()) {
    if (!client.send(*frame)) break;
    session.sent();
  }
}

void Core::exchange(Session& session, link::DealerClient& client) {
  send(session, client);
  if (const auto failure = client.handshake_failure())
    session.on_no_handshake(failure->why, failure->is_refused, now_of_both());
  for (std::size_t i = 0; i < ring_.capacity(); ++i) {
    const std::optional<std::string> frame = client.receive();
    if (!frame) break;
    session.on_frame(*frame, Step{current_step_.load(std::memory_order_relaxed)}, now_of_both());
  }
  // All that came together is handed over together: a rollback with the answer that it belongs to.
  hand_over(session, client);
}

// Settings first: whoever then takes a request reads the value that goes with it.
void Core::hand_over(Session& session, link::DealerClient& client) {
  SessionOutput output = session.take_output();
  if (output.reopen) client.reopen();
  if (output.settings) latch_.write(*output.settings);
  const LinkState state = session.state();
  const bool moved = state_.exchange(state, std::memory_order_acq_rel) != state;
  const bool is_news = moved || !output.answers.empty();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (SessionOutput::Answer& answer : output.answers) answer_ = std::move(answer);
    if (output.meanwhile) meanwhile_ = std::move(*output.meanwhile);
    for (wire::Request& request : output.requests) requests_.push_back(std::move(request));
    if (!output.requests.empty()) has_requests_.store(true, std::memory_order_release);
    session.fill(io_stats_);
    if (output.lineage) lineage_ = std::move(*output.lineage);
    if (refusal_ != session.refusal()) refusal_ = session.refusal();
  }
  // Who wakes finds the mutex free.
  if (is_news) changed_.notify_all();
}

// Whether to end: asked to, and either all is acknowledged, or there is nobody to wait for, or the
// time is up.
bool Core::finishing(Session& session) {
  const Now now = now_of_both();
  if (!goodbye_said_) {
    std::string reason;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!stopping_) return false;
      reason = goodbye_;
      stop_deadline_ = in_seconds(now.mono, max_flush_s_);
    }
    drain(session);
    session.on_goodbye({wire::Word<wire::GoodbyeReason>::from(reason), ""},
                       Step{current_step_.load(std::memory_order_relaxed)}, now);
    goodbye_said_ = true;
  }
  const bool linked = session.state() == LinkState::kLinked || session.state() == LinkState::kSync;
  return session.flushed() || !linked || now.mono >= stop_deadline_;
}

void Core::conclude(Session& session) {
  SessionOutput output = session.take_output();
  const bool failed = session.state() == LinkState::kDisabledError;
  state_.store(failed ? LinkState::kDisabledError : LinkState::kClosed, std::memory_order_release);
  const std::lock_guard<std::mutex> lock(mutex_);
  for (SessionOutput::Answer& answer : output.answers) answer_ = std::move(answer);
  for (wire::Request& request : output.requests) requests_.push_back(std::move(request));
  if (!requests_.empty()) has_requests_.store(true, std::memory_order_release);
  session.fill(io_stats_);
  refusal_ = session.refusal();
  finished_ = true;
  changed_.notify_all();
}

}  // namespace phaseguard::reporter
