#include "monitor/check/check.h"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include "monitor/check/command.h"
#include "monitor/check/desk.h"
#include "monitor/check/numbers.h"
#include "monitor/check/scenario.h"
#include "monitor/check/timing.h"
#include "monitor/check/values.h"
#include "monitor/link/directory.h"
#include "monitor/link/server.h"
#include "monitor/wire/codec.h"

namespace phaseguard::check {

namespace {

constexpr int kPollMs = 20;
constexpr double kStall = 0.3;     // seconds between two turns: what came has waited
constexpr double kDrain = 0.5;     // seconds after the end, for what is on its way
constexpr double kGoodEnd = 10.0;  // seconds from goodbye, or from SIGTERM, to the end

Now now_of_this_host() {
  using namespace std::chrono;
  return {duration<double>(system_clock::now().time_since_epoch()).count(),
          Nanos{duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count()}};
}

// A folder of our own for the sockets; gone with us.
class Folder {
 public:
  Folder() = default;
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] Result<void> make() {
    std::string path = "/tmp/phaseguard-check-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr)
      return fail(Errc::kIo, path + " cannot be made: " + std::strerror(errno));
    path_ = std::move(path);
    return {};
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Checker {
 public:
  Checker(link::ServerSockets sockets, std::optional<Command> command, const Options& options,
          const std::atomic<bool>& stop)
      : sockets_(std::move(sockets)),
        command_(std::move(command)),
        options_(options),
        stop_(stop),
        desk_(times_, [this](const wire::Message& recorded) { on_recorded(recorded); }),
        timing_(times_.heartbeat_ms, times_.stale_ms),
        scenario_(desk_, numbers_, values_.state(), report_.findings, times_, options.least_steps) {
  }

  Report run() {
    const Nanos began = now_of_this_host().mono;
    last_turn_ = began;
    while (!is_at_end(began)) turn();
    const Now now = now_of_this_host();
    report_.seconds = seconds_between(began, now.mono);
    finish(now);
    return std::move(report_);
  }

 private:
  void on_recorded(const wire::Message& recorded) {
    values_.on_recorded(recorded);
    if (recorded.header.attempt == 0) return;
    timing_.on_recorded(values_.state(), recorded.header);
    scenario_.on_recorded(recorded.header.source_seq);
  }

  // The first run that comes is checked.
  bool is_ours(const RunId& run) {
    if (report_.run.empty()) report_.run = run.text();
    if (report_.run == run.text()) return true;
    report_.other_runs.insert(run.text());
    return false;
  }

  void turn() {
    incoming_.clear();
    (void)sockets_.poll(kPollMs, -1, incoming_);
    const Now now = now_of_this_host();
    if (seconds_between(std::exchange(last_turn_, now.mono), now.mono) > kStall)
      timing_.on_stall(now);
    for (const link::Incoming& frame : incoming_) {
      if (frame.door == link::Door::kTelemetry) on_frame(frame, now);
    }
    scenario_.advance(now);
    if (!scenario_.is_deaf()) desk_.tick(now);
    send();
  }

  void on_frame(const link::Incoming& frame, Now now) {
    const Result<wire::Message> message = wire::decode(frame.bytes);
    if (message && !is_ours(message->header.run)) return;
    bool is_new = false;
    if (message) {
      numbers_.on_frame(frame.peer, *message, frame.bytes, now, report_.findings);
      is_new = numbers_.was_new();
    }
    timing_.set_linked(numbers_.is_welcomed() && scenario_.is_linked(), now);
    if (message && !scenario_.is_deaf()) timing_.on_frame(*message, is_new, now);
    const bool arrives = !message || scenario_.on_frame(*message, is_new, now);
    scenario_.advance(now);
    if (scenario_.is_deaf() || !arrives) return;
    desk_.deliver(frame.peer, frame.bytes, now);
    send();
  }

  void send() {
    std::vector<Out> out = desk_.take_out();
    for (const Out& one : out) numbers_.on_out(one, report_.findings);
    for (const daemon::Outgoing& frame : scenario_.let_out(std::move(out)))
      sockets_.send(frame.peer, frame.bytes);
  }

  // The trainer has ended, or is made to.
  bool is_at_end(Nanos began) {
    const Nanos now = now_of_this_host().mono;
    if (command_ && !ended_at_) {
      if (const auto ended = command_->ended()) {
        if (!ending_since_) report_.ended = *ended;
        ended_at_ = now;
      }
    }
    if (ended_at_) return seconds_between(*ended_at_, now) > kDrain;
    if (numbers_.said_goodbye() && !goodbye_at_) goodbye_at_ = now;
    const bool is_late = stop_.load() || seconds_between(began, now) > options_.timeout_s;
    const bool is_left =
        goodbye_at_ && seconds_between(*goodbye_at_, now) > (command_ ? kGoodEnd : kDrain);
    if (!is_late && !is_left && !scenario_.is_over()) return false;
    was_late_ = was_late_ || is_late;
    if (!command_) return true;
    if (!ending_since_) {
      ending_since_ = now;
      command_->signal(false);
    }
    return seconds_between(*ending_since_, now) > kGoodEnd;
  }

  void finish(Now now) {
    Findings& findings = report_.findings;
    if (!report_.ended.empty() && numbers_.is_welcomed() && !numbers_.said_goodbye() &&
        scenario_.is_linked())
      findings.add(
          Rule::kGoodbye,
          {"no goodbye", "expected a goodbye at the end, found the end (" + report_.ended + ")",
           numbers_.highest(), values_.state().step});
    numbers_.finish(findings);
    scenario_.finish();
    values_.finish(findings);
    timing_.finish(findings, now);
    findings.missed(Rule::kGoodbye, !report_.ended.empty() ? "it ended while the link was away"
                                    : was_late_            ? "the check ended before the trainer"
                                                           : "the trainer was ended by the check");
  }

  link::ServerSockets sockets_;
  std::optional<Command> command_;
  const Options& options_;
  const std::atomic<bool>& stop_;
  DeskTimes times_;
  Report report_;
  Numbers numbers_;
  Values values_;
  Desk desk_;
  Timing timing_;
  Scenario scenario_;
  std::vector<link::Incoming> incoming_;
  Nanos last_turn_;
  std::optional<Nanos> ended_at_, goodbye_at_, ending_since_;
  bool was_late_ = false;
};

}  // namespace

Result<Report> check_trainer(const Options& options, const std::atomic<bool>& stop) {
  Folder own;
  std::string directory = options.endpoint_dir;
  if (directory.empty() && options.command.empty()) directory = link::default_directory();
  if (directory.empty()) {
    if (Result<void> made = own.make(); !made) return tl::unexpected(made.error());
    directory = link::directory_for(own.path(), 0);
  }
  link::ServerOptions sockets;
  std::error_code fault;
  sockets.endpoints = link::endpoints_in(std::filesystem::absolute(directory, fault).string());
  auto bound = link::ServerSockets::bind(sockets);
  if (!bound) return tl::unexpected(bound.error());
  const std::string endpoint = bound->endpoints().telemetry.text();
  std::optional<Command> command;
  if (!options.command.empty()) {
    auto started = Command::start(options.command, endpoint, own.path());
    if (!started) return tl::unexpected(started.error());
    command.emplace(std::move(*started));
  }
  Checker checker(std::move(*bound), std::move(command), options, stop);
  Report report = checker.run();
  report.endpoint = endpoint;
  return report;
}

}  // namespace phaseguard::check
