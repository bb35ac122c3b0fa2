#include "monitor/ctl/live/live_client.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
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

void LiveOptions::add_to(CLI::App& command) {
  command
      .add_option("--endpoint-dir", endpoint_dir,
                  "Folder of the daemon's sockets (default: the user's)")
      ->envname("PHASEGUARD_ENDPOINT_DIR");
  command.add_option("--run", run, "Run id (default: the only active run)");
  command.add_option("--timeout", timeout_s, "Seconds to wait for the daemon and the trainer")
      ->check(number_within(0.1, 3600.0))
      ->capture_default_str();
}

std::string LiveOptions::directory() const {
  return endpoint_dir.empty() ? link::default_directory() : endpoint_dir;
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

LiveClient::LiveClient(LiveOptions options, link::DealerClient dealer)
    : options_(std::move(options)), dealer_(std::move(dealer)) {}

Result<LiveClient> LiveClient::connect(const LiveOptions& options) {
  if (!options.run.empty()) {
    if (const auto id = RunId::parse(options.run); !id) return tl::unexpected(id.error());
  }
  const link::Endpoints endpoints = link::endpoints_in(options.directory());
  auto dealer = link::DealerClient::connect(endpoints.operators.text());
  if (!dealer) return tl::unexpected(dealer.error());
  return LiveClient(options, std::move(*dealer));
}

double LiveClient::answer_s() const { return std::min(options_.timeout_s, kAnswerS); }

Error LiveClient::nobody() const {
  return {Errc::kTimeout,
          "no answer within " + number_text(answer_s()) + " s at " +
              link::endpoints_in(options_.directory()).operators.text() +
              "; is phaseguardd running there? Start it, or name its folder with --endpoint-dir"};
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
    if (!answer) continue;
    auto decoded = wire::decode(*answer, wire::kFeedLimits);
    if (!decoded) return tl::unexpected(decoded.error());
    if (const auto* rejected = std::get_if<wire::Reject>(&decoded->body))
      return fail(Errc::kRefused, rejected->reason);
    auto* reply = std::get_if<wire::Reply>(&decoded->body);
    if (reply && reply->id == id) return std::move(*reply);
  }
  return tl::unexpected(nobody());
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
  auto runs = status(options_.run);
  if (!runs) return tl::unexpected(runs.error());
  if (!options_.run.empty()) {
    if (runs->size() == 1) return runs->front();
    return fail(Errc::kNotFound, "the daemon has no run " + phaseguard::quoted(options_.run));
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
