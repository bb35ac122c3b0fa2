#include "monitor/ctl/live/live_client.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>

#include "monitor/base/number_option.h"
#include "monitor/base/text.h"
#include "monitor/link/directory.h"
#include "monitor/link/endpoint.h"
#include "monitor/wire/codec.h"

namespace phaseguard::ctl {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kResendMs = 300;
// A daemon that is there answers in milliseconds; the rest of --timeout is for the trainer.
constexpr double kAnswerS = 3.0;

double seconds_until(Clock::time_point deadline) {
  return std::chrono::duration<double>(deadline - Clock::now()).count();
}

std::string names_of(const std::vector<LiveRun>& runs) {
  std::string out;
  for (const LiveRun& run : runs) {
    out += (out.empty() ? "" : ", ") + run.header.run.text() + " (" + run.status.link.text() + ")";
  }
  return out;
}

}  // namespace

namespace {

constexpr const char* kFolderVariable = "PHASEGUARD_ENDPOINT_DIR";

bool is_of_environment(const std::string& endpoint_dir) {
  const char* value = std::getenv(kFolderVariable);
  return value != nullptr && endpoint_dir == value;
}

}  // namespace

void DaemonOptions::add_file_to(CLI::App& command) {
  command
      .add_option("--contexts", contexts_file,
                  "File of contexts (default: $XDG_CONFIG_HOME/phaseguard/contexts.toml)")
      ->envname("PHASEGUARD_CONTEXTS");
}

void DaemonOptions::add_to(CLI::App& command, Many many) {
  command
      .add_option("--endpoint-dir", endpoint_dir,
                  "Folder of the daemon's sockets (default: the user's)")
      ->envname(kFolderVariable);
  CLI::Option* connect =
      command
          .add_option("--connect", contexts,
                      many == Many::kSeveral
                          ? "Daemon by the name of its context, for several more than once; "
                            "'phaseguard contexts' lists them"
                          : "Daemon by the name of its context; 'phaseguard contexts' lists them")
          ->type_name("NAME")
          ->allow_extra_args(false);
  if (many == Many::kOne) connect->expected(1);
  add_file_to(command);
  command
      .add_option("--key", key_file,
                  "Key file, for a daemon that asks for keys (its context's own key comes first)")
      ->envname("PHASEGUARD_KEY");
}

std::string DaemonOptions::file() const {
  return contexts_file.empty() ? contexts::default_file() : contexts_file;
}

Result<std::vector<contexts::Daemon>> DaemonOptions::daemons() const {
  if (contexts.empty()) {
    auto keyed = contexts::with_key(
        contexts::daemon_in(endpoint_dir.empty() ? link::default_directory() : endpoint_dir),
        key_file);
    if (!keyed) return tl::unexpected(keyed.error());
    return std::vector<contexts::Daemon>{std::move(*keyed)};
  }
  if (!endpoint_dir.empty() && !is_of_environment(endpoint_dir)) {
    return fail(Errc::kInvalidArgument,
                "give either --connect or --endpoint-dir, not both: each says where the daemon is");
  }
  return contexts::choose(contexts, file(), key_file);
}

void LiveOptions::add_to(CLI::App& command, DaemonOptions::Many many) {
  at.add_to(command, many);
  command.add_option("--run", run,
                     many == DaemonOptions::Many::kSeveral
                         ? "Run id; CONTEXT/RUN of several daemons (default: all)"
                         : "Run id (default: the only active run)");
  command.add_option("--timeout", timeout_s, "Seconds to wait for the daemon and the trainer")
      ->check(number_within(0.1, 3600.0))
      ->capture_default_str();
}

std::string fresh_id() {
  std::random_device source;
  std::string id;
  for (int i = 0; i < 4; ++i) {
    char text[9];
    std::snprintf(text, sizeof text, "%08x", static_cast<unsigned>(source()));
    id += text;
  }
  return id;
}

double wall_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

LiveClient::LiveClient(contexts::Daemon daemon, std::string run, double timeout_s,
                       link::DealerClient dealer)
    : daemon_(std::move(daemon)),
      run_(std::move(run)),
      timeout_s_(timeout_s),
      dealer_(std::move(dealer)) {}

Result<LiveClient> LiveClient::connect(const LiveOptions& options) {
  const auto daemons = options.at.daemons();
  if (!daemons) return tl::unexpected(daemons.error());
  if (options.run.empty()) return connect(daemons->front(), "", options.timeout_s);
  const auto run = contexts::run_named(options.run, *daemons);
  if (!run) return tl::unexpected(run.error());
  return connect(daemons->front(), run->text(), options.timeout_s);
}

Result<LiveClient> LiveClient::connect(const contexts::Daemon& daemon, const std::string& run,
                                       double timeout_s) {
  link::ClientOptions options;
  options.key = daemon.key;
  auto dealer = link::DealerClient::connect(daemon.asked().text(), options);
  if (!dealer) return tl::unexpected(dealer.error());
  return LiveClient(daemon, run, timeout_s, std::move(*dealer));
}

double LiveClient::answer_s() const { return std::min(timeout_s_, kAnswerS); }

Error LiveClient::nobody() const {
  const std::string who = daemon_.name.empty() ? "" : "context " + daemon_.name + ": ";
  const std::string what =
      daemon_.name.empty()
          ? "Start it, or name its folder with --endpoint-dir or its context with --connect"
          : "Start it, or mend the context's entry";
  return {Errc::kTimeout, who + "no answer within " + number_text(answer_s()) + " s at " +
                              daemon_.asked().text() + "; is phaseguardd running there? " + what};
}

Result<wire::Reply> LiveClient::ask(wire::Message message, const std::string& id) {
  message.header.t = wall_now();
  message.header.seq = Seq{++sent_};
  const std::string frame = wire::encode(message);
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                           std::chrono::duration<double>(answer_s()));
  Clock::time_point next_send = Clock::now();
  while (seconds_until(deadline) > 0) {
    if (Clock::now() >= next_send) {
      const bool sent = dealer_.send(frame);
      next_send = Clock::now() + std::chrono::milliseconds(sent ? kResendMs : 20);
    }
    const double wait_s = std::min(seconds_until(deadline), seconds_until(next_send));
    const auto answer = dealer_.receive(std::max(1, static_cast<int>(wait_s * 1000)));
    const auto failure = dealer_.handshake_failure();
    if (failure && failure->is_refused) return fail(Errc::kRefused, failure->why);
    if (!answer) continue;
    auto decoded = wire::decode(*answer, wire::kFeedLimits);
    if (!decoded) return tl::unexpected(decoded.error());
    if (const auto* rejected = std::get_if<wire::Reject>(&decoded->body))
      return fail(Errc::kRefused, rejected->reason);
    auto* reply = std::get_if<wire::Reply>(&decoded->body);
    if (reply && reply->id == id) return std::move(*reply);
  }
  const auto failure = dealer_.handshake_failure();
  return tl::unexpected(failure ? Error{Errc::kRefused, failure->why} : nobody());
}

Result<std::vector<LiveRun>> LiveClient::status(const std::string& run) {
  const RunId id = run.empty() ? RunId{} : *RunId::parse(run);
  std::vector<LiveRun> runs;
  bool more = true;
  for (Seq from; more;) {
    auto page = query(wire::QueryWhat::kStatus, id, from);
    if (!page) return tl::unexpected(page.error());
    refused_ = std::move(page->text);
    for (wire::Message& message : page->messages) {
      if (auto* status = std::get_if<wire::Status>(&message.body))
        runs.push_back({message.header, std::move(*status)});
    }
    from = Seq{page->last.value + 1};
    more = page->more && !page->messages.empty();
  }
  return runs;
}

Result<LiveClient::Page> LiveClient::events(const RunId& run, Seq from) {
  return query(wire::QueryWhat::kEvents, run, from);
}

Result<LiveClient::Page> LiveClient::query(wire::QueryWhat what, const RunId& run, Seq from) {
  wire::Message message;
  message.header.run = run;
  wire::Query query;
  query.id = fresh_id();
  query.what = what;
  query.from_seq = from;
  message.body = query;
  auto reply = ask(std::move(message), query.id);
  if (!reply) return tl::unexpected(reply.error());
  if (reply->status == wire::ReplyStatus::kNotFound) return fail(Errc::kNotFound, reply->text);
  if (reply->status != wire::ReplyStatus::kOk) return fail(Errc::kRefused, reply->text);
  Page page;
  page.text = reply->text;
  page.last = reply->seq;
  page.more = reply->more;
  for (const std::string& bytes : reply->messages) {
    auto decoded = wire::decode(bytes, wire::kFeedLimits);
    if (!decoded) return tl::unexpected(decoded.error());
    page.messages.push_back(std::move(*decoded));
  }
  return page;
}

Result<LiveRun> LiveClient::choose() {
  auto runs = status(run_);
  if (!runs) return tl::unexpected(runs.error());
  if (!run_.empty()) {
    if (runs->size() == 1) return runs->front();
    return fail(Errc::kNotFound, "the daemon has no run " + phaseguard::quoted(run_));
  }
  std::vector<LiveRun> active;
  for (const LiveRun& run : *runs) {
    if (run.status.link != wire::LinkState::kEnded && run.status.link != wire::LinkState::kAbsent)
      active.push_back(run);
  }
  if (active.size() == 1) return active.front();
  if (active.empty()) {
    return fail(
        Errc::kNotFound,
        "no run is active" + (runs->empty() ? std::string() : "; known: " + names_of(*runs)));
  }
  return fail(Errc::kConflict, "several runs are active, name one with --run: " + names_of(active));
}

Result<wire::Reply> LiveClient::command(const RunId& run, wire::Command command) {
  wire::Message message;
  message.header.run = run;
  const std::string id = command.id;
  message.body = std::move(command);
  return ask(std::move(message), id);
}

}  // namespace phaseguard::ctl
