#include "monitor/daemon/loop.h"

#include <malloc.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>

#include "monitor/base/text.h"
#include "monitor/daemon/doorkeeper.h"
#include "monitor/daemon/engine/engine.h"
#include "monitor/daemon/history.h"
#include "monitor/daemon/http.h"
#include "monitor/daemon/metrics.h"
#include "monitor/daemon/notify.h"
#include "monitor/daemon/opening.h"
#include "monitor/daemon/readings.h"
#include "monitor/daemon/run_files.h"
#include "monitor/daemon/setup.h"
#include "monitor/link/server.h"
#include "monitor/wire/codec.h"

namespace phaseguard::daemon {

namespace {

constexpr int kTickMs = 50;
constexpr int kCommitMs = 5;  // so long reports wait for others to be committed with
constexpr int kOpenedAtOnce = 8;
constexpr std::size_t kMostReadings = 8;  // records read back at once
constexpr std::size_t kFaultsShown = 8;
constexpr std::int64_t kRetryMs = 1000;
constexpr std::int64_t kKeysMs = 200;  // how often the list of keys is looked at
constexpr std::int64_t kMetricsMs = 500;
constexpr std::int64_t kTrimMs = 2000;
constexpr std::size_t kMostFreeBytes = std::size_t{32} << 20;

Now now_of_this_host() {
  using namespace std::chrono;
  return {duration<double>(system_clock::now().time_since_epoch()).count(),
          Nanos{duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count()}};
}

// What a burst of frames leaves free between blocks in use does not go back by itself.
void trim_memory() {
  if (::mallinfo2().fordblks > kMostFreeBytes) ::malloc_trim(0);
}

// Open files this process may have; raised to what its user may have.
std::size_t descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur < limit.rlim_max) {
    rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return limit.rlim_cur;
}

void write_log(const LogLine& line) {
  const auto level = line.level == LogLine::Level::kInfo      ? spdlog::level::info
                     : line.level == LogLine::Level::kWarning ? spdlog::level::warn
                                                              : spdlog::level::err;
  spdlog::log(level, "{}", line.text);
}

// SIGINT, SIGTERM and SIGHUP as a file descriptor, so that the poll wakes on them.
class Signals {
 public:
  Signals() {
    sigset_t wanted;
    sigemptyset(&wanted);
    for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&wanted, signal);
    sigprocmask(SIG_BLOCK, &wanted, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    fd_ = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ~Signals() { ::close(fd_); }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  // The next one that came; 0: none.
  [[nodiscard]] int take() const {
    signalfd_siginfo info{};
    return ::read(fd_, &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
  }

 private:
  int fd_ = -1;
};

class Daemon {
 public:
  Daemon(const Config& config, std::vector<PolicyChoice> policies)
      : config_(config),
        engine_(settings_of(config, std::move(policies))),
        files_(config.runs_dir) {}

  // How many runs could not be taken up again.
  std::size_t restore() {
    std::vector<std::string> faults;
    const RunFiles::Unfinished unfinished = files_.unfinished(EngineSettings{}.max_runs, faults);
    for (const RunId& run : unfinished.runs) {
      Effects effects;
      if (const Result<void> restored = open(run, effects); !restored) {
        faults.push_back(run.text() + ": " + restored.error().message);
        continue;
      }
      spdlog::info("{}: taken up again from its record", run.text());
      carry_out(effects);
    }
    tell(faults, "not taken up again: ");
    if (unfinished.more > 0) {
      spdlog::warn(
          "{} runs that have not ended are too many, and were written to longest ago; each "
          "is taken up again when its trainer says hello",
          unfinished.more);
    }
    return faults.size();
  }

  Result<void> bind(const link::Endpoints& endpoints) {
    link::ServerOptions options;
    options.endpoints = endpoints;
    options.trainer_seats = trainer_seats_ = seats_within(config_, descriptors());
    options.operator_seats = config_.operator_seats;
    options.local_tcp = local_tcp_of(config_);
    if (!config_.keys.empty()) {
      auto keeper = Doorkeeper::open(config_.keys);
      if (!keeper) return tl::unexpected(keeper.error());
      options.security = doorkeeper_.emplace(std::move(*keeper)).security();
      spdlog::info("keys of {}: {} granted", config_.keys, doorkeeper_->granted());
    }
    if (trainer_seats_ < config_.trainer_seats) {
      spdlog::warn("{} seats for trainers, not {}: this process may have {} open files",
                   trainer_seats_, config_.trainer_seats, descriptors());
    }
    auto sockets = link::ServerSockets::bind(options);
    if (!sockets) return tl::unexpected(sockets.error());
    sockets_.emplace(std::move(*sockets));
    return {};
  }

  Result<void> listen_http() {
    if (config_.http.empty()) return {};
    auto http = HttpServer::start(config_.http);
    if (!http) return tl::unexpected(http.error());
    http_ = std::move(*http);
    tell_http(now_of_this_host());
    return {};
  }

  void run(const Signals& signals) {
    const std::int64_t watchdog_ms = watchdog_interval_ms();
    Nanos next_watchdog, next_retry, next_look, next_metrics, next_trim, next_keys;
    std::vector<link::Incoming> incoming;
    while (true) {
      incoming.clear();
      const bool woken = sockets_->poll(wait_ms(), signals.fd(), incoming);
      const Now now = now_of_this_host();
      if (doorkeeper_ && now.mono >= next_keys) {
        next_keys = Nanos{now.mono.value + kKeysMs * 1'000'000};
        look_at_keys();
      }
      Effects effects;
      for (const link::Incoming& frame : incoming) {
        if (!may_go_on(frame, now)) continue;
        if (frame.seated) {
          deliver(frame, now, effects);
        } else {
          engine_.on_unseated(frame.peer, frame.bytes, trainer_seats_, now, effects);
        }
      }
      open_some(now, effects);
      read_on(now, effects);
      engine_.on_tick(now, effects);
      carry_out(effects);
      for (const link::Incoming& frame : incoming) {
        if (!frame.seated) sockets_->drop(frame.peer);
      }
      if (woken && !go_on(signals)) break;
      if (watchdog_ms > 0 && now.mono >= next_watchdog) {
        notify("WATCHDOG=1");
        next_watchdog = Nanos{now.mono.value + watchdog_ms * 1'000'000};
      }
      if (now.mono >= next_look) {
        next_look = Nanos{now.mono.value + kRetryMs * 1'000'000};
        look(now);
      }
      if (now.mono >= next_trim) {
        next_trim = Nanos{now.mono.value + kTrimMs * 1'000'000};
        trim_memory();
      }
      if (!files_.healthy() && now.mono >= next_retry) {
        const bool mended = retry(now);
        next_retry = Nanos{now.mono.value + (mended ? 0 : kRetryMs * 1'000'000)};
      }
      if (http_ && now.mono >= next_metrics) {
        next_metrics = Nanos{now.mono.value + kMetricsMs * 1'000'000};
        tell_http(now);
      }
      loop_times_.add(now.mono, now_of_this_host().mono);
    }
    std::vector<std::string> faults;
    if (!files_.flush(true, faults)) {
      for (const std::string& fault : faults) spdlog::error("at the end: {}", fault);
    }
    for (Allowance& allowance : lines_) tell_held_back(allowance);
  }

 private:
  [[nodiscard]] int wait_ms() const {
    if (!opening_.empty() || !readings_.empty()) return 0;
    return uncommitted_since_ ? kCommitMs : kTickMs;
  }

  Result<void> open(const RunId& run, Effects& effects) {
    const Now now = now_of_this_host();
    const auto opened = files_.open(run, now);
    if (!opened) return tl::unexpected(opened.error());
    const Record record{[&](const auto& take) { return files_.each(run, take); }, opened->identity};
    Result<void> restored = engine_.restore(run, record, effects, now);
    if (!restored) files_.close(run);
    return restored;
  }

  // Frames that had come when the list changed are judged by the new one.
  [[nodiscard]] bool may_go_on(const link::Incoming& frame, Now now) {
    if (!doorkeeper_ || doorkeeper_->is_within_rate(frame.key, frame.door, frame.bytes, now.mono))
      return true;
    ++over_rate_;
    if ((over_rate_ & (over_rate_ - 1)) == 0)
      log({LogLine::Level::kWarning, "key " + frame.key + " sends more than it may: passed over (" +
                                         std::to_string(over_rate_) +
                                         " frames of all keys so far)"});
    return false;
  }

  void look_at_keys() {
    const auto change = doorkeeper_->look();
    if (!change) {
      spdlog::error("the keys in force stay; the list is wrong: {}", change.error().message);
      return;
    }
    if (!change->any) return;
    if (change->rights_taken) sockets_->on_rights_taken();
    spdlog::info("keys read again: {} granted{}", doorkeeper_->granted(),
                 change->rights_taken ? "; who lost a right is sent nothing more" : "");
  }

  void deliver(const link::Incoming& frame, Now now, Effects& effects) {
    const Channel channel = frame.door == link::Door::kTelemetry  ? Channel::kTelemetry
                            : frame.door == link::Door::kOperator ? Channel::kOperator
                                                                  : Channel::kQuery;
    const Access access = doorkeeper_ ? doorkeeper_->access_of(frame.key) : Access{};
    engine_.on_message(channel, frame.peer, frame.bytes, now, effects, access);
    close(effects);
    for (const OpenRun& wanted : std::exchange(effects.open, {})) {
      if (!opening_.add(wanted)) refuse_for_many(wanted, now, effects);
    }
  }

  // A few at a time: each costs syncs, and whoever is there already waits meanwhile.
  void open_some(Now now, Effects& effects) {
    for (int i = 0; i < kOpenedAtOnce && !opening_.empty() && readings_.size() < kMostReadings;
         ++i) {
      const OpenRun next = opening_.take();
      engine_.on_message(Channel::kTelemetry, next.peer, next.frame, now, effects, next.access);
      for (const OpenRun& wanted : std::exchange(effects.open, {})) open_now(wanted, now, effects);
      close(effects);
    }
  }

  void open_now(const OpenRun& wanted, Now now, Effects& effects) {
    if (readings_.has(wanted.run)) {
      if (!readings_.wait(wanted)) refuse_for_many(wanted, now, effects);
      return;
    }
    const auto opened = files_.open(wanted.run, now);
    if (!opened) return refuse_unusable(wanted, opened.error(), now, effects);
    if (!opened->exists) {
      engine_.begin_restore(wanted.run, opened->identity);
      engine_.end_restore(wanted.run, now, effects);
      engine_.on_message(Channel::kTelemetry, wanted.peer, wanted.frame, now, effects,
                         wanted.access);
      return;
    }
    auto reader = files_.reader(wanted.run);
    if (!reader) return refuse_unusable(wanted, reader.error(), now, effects);
    readings_.begin(wanted, std::move(*reader), opened->identity);
  }

  void read_on(Now now, Effects& effects) {
    for (Readings::Over& over : readings_.read_on(now, effects)) {
      while (!over.hellos.empty()) {
        const OpenRun hello = over.hellos.take();
        if (over.read) {
          engine_.on_message(Channel::kTelemetry, hello.peer, hello.frame, now, effects,
                             hello.access);
        } else {
          refuse_unusable(hello, over.read.error(), now, effects);
        }
      }
      close(effects);
    }
  }

  void refuse_for_many(const OpenRun& wanted, Now now, Effects& effects) {
    engine_.refuse_open(wanted, wire::RejectCode::kLimit,
                        "too many runs are being opened at this moment; say hello again", now,
                        effects);
  }

  void refuse_unusable(const OpenRun& wanted, const Error& why, Now now, Effects& effects) {
    files_.close(wanted.run);
    engine_.refuse_open(wanted, wire::RejectCode::kRecord,
                        "its run file cannot be used now: " + why.message, now, effects);
  }

  void close(Effects& effects) {
    for (const RunId& run : std::exchange(effects.closed, {})) files_.close(run);
  }

  void tell_http(Now now) {
    const link::ServerCounters& link = sockets_->counters();
    const Seats seats{sockets_->taken(link::Door::kTelemetry),
                      sockets_->taken(link::Door::kOperator), trainer_seats_,
                      config_.operator_seats};
    const Measured measured{{link.frames_misshapen, link.frames_dropped, http_->refused(),
                             link.keys_refused, link.frames_refused, over_rate_},
                            loop_times_,
                            seats};
    http_->set_answers(metrics_text(engine_.counters(), engine_.statuses(now), measured, fault_),
                       fault_);
  }

  void log(const LogLine& line) {
    Allowance& allowance = lines_[static_cast<std::size_t>(line.level)];
    if (!allowance.take(now_of_this_host().mono)) return;
    tell_held_back(allowance);
    write_log(line);
  }

  // A full disk is the fault of every file.
  void tell(const std::vector<std::string>& faults, const std::string& what) {
    const std::size_t shown = std::min(faults.size(), kFaultsShown);
    for (std::size_t i = 0; i < shown; ++i) log({LogLine::Level::kError, what + faults[i]});
    if (shown == faults.size()) return;
    log({LogLine::Level::kError,
         what + "and " + std::to_string(faults.size() - shown) + " more run files"});
  }

  static void tell_held_back(Allowance& allowance) {
    if (const std::int64_t more = allowance.take_held_back(); more > 0)
      spdlog::warn("{} lines of this log were held back", more);
  }

  // Record first: what is not written down does not leave. An answer that tells nothing of what is
  // to be recorded need not wait for that.
  void carry_out(Effects& effects) {
    const bool alone = stands_alone(effects);
    if (alone) send(effects);
    const Now now = now_of_this_host();
    if (!effects.record.empty() && !uncommitted_since_) uncommitted_since_ = now.mono;
    begin_anew(files_.append(std::move(effects.record), now), effects);
    close(effects);
    if (!(alone && may_wait(now.mono))) write(effects);
    if (!sockets_) return;
    for (const Seat& seat : effects.seats) sockets_->keep(seat.peer, seat.kept);
    send(effects);
    if (sockets_->has_viewers()) {
      for (const wire::Message& message : effects.publish)
        sockets_->publish(wire::topic_of(message), wire::encode(message));
    }
    for (const HistoryQuery& query : effects.history) {
      const Outgoing out = reply_to(query.peer, query.run, read_history(config_.runs_dir, query),
                                    now_of_this_host());
      sockets_->send(out.peer, out.bytes);
    }
    for (const LogLine& line : effects.log) log(line);
  }

  // Whether the commit may be that of later reports too. What the feed shows is in the file.
  [[nodiscard]] bool may_wait(Nanos now) const {
    return uncommitted_since_ && healthy_ && sockets_ && !sockets_->has_viewers() &&
           now.value - uncommitted_since_->value < std::int64_t{kCommitMs} * 1'000'000;
  }

  void write(Effects& effects) {
    std::vector<std::string> faults;
    const bool written = files_.flush(effects.needs_sync, faults);
    uncommitted_since_.reset();
    if (!written && healthy_) {
      tell(faults, "the record cannot be written, nothing is lowered: ");
      // These were made in the belief that they would be on disk. The full state follows with the
      // next tick, and who waits for an answer asks again.
      effects.send.clear();
    }
    healthy_ = written;
    fault_ = faults.empty() ? "" : faults.front();
    engine_.set_record_healthy(written, fault_, written ? std::set<RunId>{} : files_.unwritten());
  }

  void send(Effects& effects) {
    if (!sockets_) return;
    for (const Outgoing& out : effects.send) sockets_->send(out.peer, out.bytes);
    effects.send.clear();
  }

  // Their records were deleted after they had ended. Nobody is answered who would take the old one
  // for recorded; a trainer says hello again, and a tool asks again.
  void begin_anew(const std::set<RunId>& runs, Effects& effects) {
    if (runs.empty()) return;
    effects.send.clear();
    for (const RunId& run : runs) {
      engine_.forget(run, effects);
      effects.log.push_back({LogLine::Level::kWarning,
                             run.text() + ": its run file was deleted after it had ended; a new "
                                          "record begins with the next hello"});
    }
    effects.publish.erase(std::remove_if(effects.publish.begin(), effects.publish.end(),
                                         [&](const wire::Message& message) {
                                           return runs.count(message.header.run) > 0;
                                         }),
                          effects.publish.end());
  }

  // Found out here, a fault may be mended before anybody asks: so it is told at once.
  void look(Now now) {
    files_.look(now);
    std::vector<std::string> faults;
    if (!healthy_ || files_.flush(false, faults)) return;
    tell(faults, "");
  }

  bool retry(Now now) {
    std::vector<std::string> faults;
    const bool mended = files_.retry(now);
    if (files_.flush(true, faults)) {
      spdlog::warn("the record can be written again; what was recorded meanwhile is in it");
      healthy_ = true;
      fault_.clear();
      engine_.set_record_healthy(true);
    }
    return mended;
  }

  bool go_on(const Signals& signals) {
    for (int signal = signals.take(); signal != 0; signal = signals.take()) {
      if (signal != SIGHUP) return false;
      auto policies = read_policies(config_);
      if (policies) {
        engine_.set_policies(std::move(*policies));
        spdlog::info("policies read again; they apply to runs that begin from now on");
      } else {
        spdlog::error("the policies in force stay; the new ones are wrong: {}",
                      policies.error().message);
      }
    }
    return true;
  }

  const Config& config_;
  Engine engine_;
  RunFiles files_;
  Opening opening_;
  Readings readings_{engine_};
  std::optional<Doorkeeper> doorkeeper_;  // outlives the sockets, which ask it
  std::uint64_t over_rate_ = 0;           // frames beyond what their key may send
  std::optional<link::ServerSockets> sockets_;
  std::size_t trainer_seats_ = 0;
  LoopTimes loop_times_;
  std::unique_ptr<HttpServer> http_;
  // Of each level: a flood of decisions hides no error.
  std::array<Allowance, 3> lines_{Allowance{1200}, Allowance{1200}, Allowance{1200}};
  std::optional<Nanos> uncommitted_since_;  // when the first of what waits for a commit came
  bool healthy_ = true;
  std::string fault_;  // why the record cannot be written; empty: it can
};

std::string missing_text(std::size_t faults) {
  if (faults == 0) return "";
  return ", but for " + std::to_string(faults) +
         (faults == 1 ? " run file" : " run files, each of") +
         " which is tried again when its trainer says hello";
}

}  // namespace

Result<void> serve(const Config& config) {
  auto policies = read_policies(config);
  if (!policies) return tl::unexpected(policies.error());
  const auto endpoints = endpoints_of(config);
  if (!endpoints) return tl::unexpected(endpoints.error());
  if (Result<void> made = make_directory(config.runs_dir); !made) return made;
  const Signals signals;
  Daemon daemon(config, std::move(*policies));
  // Latches are in force again before anybody can ask.
  const std::size_t faults = daemon.restore();
  if (Result<void> bound = daemon.bind(*endpoints); !bound) return bound;
  if (Result<void> listening = daemon.listen_http(); !listening) return listening;
  spdlog::info(
      "phaseguardd {} is ready{}: telemetry {}, operator {}, query {}, feed {}, {}, runs in {}",
      PHASEGUARD_VERSION, missing_text(faults), endpoints->telemetry.text(),
      endpoints->operators.text(), endpoints->query.text(), endpoints->feed.text(),
      config.keys.empty() ? "no keys asked for" : "keys asked for", config.runs_dir);
  notify("READY=1");
  daemon.run(signals);
  notify("STOPPING=1");
  spdlog::info("stopped");
  return {};
}

}  // namespace phaseguard::daemon
