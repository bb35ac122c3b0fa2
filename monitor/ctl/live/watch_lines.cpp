#include "monitor/ctl/live/watch_lines.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "monitor/base/printable.h"
#include "monitor/base/text.h"
#include "monitor/ctl/command.h"
#include "monitor/ctl/live/status_text.h"
#include "monitor/wire/codec.h"

namespace phaseguard::ctl {

namespace {

volatile std::sig_atomic_t stop_requested = 0;

void on_signal(int) { stop_requested = 1; }

std::string knobs_text(const std::vector<wire::AppliedKnob>& knobs) {
  std::string out;
  for (const wire::AppliedKnob& knob : knobs) {
    out += (out.empty() ? "" : ", ") + knob.name + " " + number_text(knob.value) + " (" +
           knob.cause.text() + ")";
  }
  return out;
}

// What a person wants to read of a recorded message; nothing for the stream of measurements.
struct LineOf {
  std::optional<std::string> operator()(const wire::Hello& h) const {
    return "hello: " + std::to_string(h.total_steps) + " steps, model " + h.model_id +
           (h.label.empty() ? "" : ", label " + h.label.text());
  }
  std::optional<std::string> operator()(const wire::PolicyLoaded& p) const {
    return "policy " + p.name + " (" + p.mode.text() + ")";
  }
  std::optional<std::string> operator()(const wire::Decision& d) const {
    return "decision: " + d.summary;
  }
  std::optional<std::string> operator()(const wire::LinkChange& l) const {
    return "link " + l.state.text() + (l.detail.empty() ? "" : ": " + l.detail);
  }
  std::optional<std::string> operator()(const wire::Command& c) const {
    return "operator " + c.operator_name + ": " + c.action.text() +
           (c.reason.empty() ? "" : " (" + c.reason + ")");
  }
  std::optional<std::string> operator()(const wire::Goodbye& g) const {
    return "goodbye: " + g.reason.text();
  }
  std::optional<std::string> operator()(const wire::Applied& a) const {
    std::string out = "applied: " + knobs_text(a.knobs);
    for (const wire::RequestOutcome& r : a.requests)
      out += "; request " + r.status.text() + ": " + r.detail;
    return out;
  }
  template <class Other>
  std::optional<std::string> operator()(const Other&) const {
    return std::nullopt;
  }
};

class Watcher {
 public:
  // `place`: before the names of the daemon's runs; "": it is the only one.
  Watcher(bool as_json, std::string place) : json_(as_json), place_(std::move(place)) {}

  void take(const wire::Message& message) {
    if (const auto* status = std::get_if<wire::Status>(&message.body)) {
      take(message.header, *status);
      return;
    }
    const auto text = std::visit(LineOf{}, message.body);
    if (text && !repeats(message, *text)) {
      show(message.header, std::string(wire::kind_of(message.body)), *text);
    }
  }

  void take(const wire::Header& header, const wire::Status& status) {
    for (const std::string& text : rules_.take(header, status)) show(header, "rule", text);
  }

  void take_first(const LiveRun& run) {
    wire::Header named = run.header;
    named.run = shown(run.header.run);
    if (!json_) print_line(stdout, "%s", status_line(named, run.status).c_str());
    take(run.header, run.status);
    std::fflush(stdout);
  }

 private:
  [[nodiscard]] RunId shown(const RunId& run) const {
    return place_.empty() ? run : run.within(place_);
  }

  // The hook re-asserts what is applied every second; only a change is news.
  bool repeats(const wire::Message& message, const std::string& text) {
    if (!std::holds_alternative<wire::Applied>(message.body)) return false;
    std::string& last = last_applied_[message.header.run.text()];
    if (last == text) return true;
    last = text;
    return false;
  }

  void show(const wire::Header& header, const std::string& kind, const std::string& text) {
    if (json_) {
      print_json(header, kind, text);
    } else {
      print_line(stdout, "%s  step %lld  %s", shown(header.run).text().c_str(),
                 static_cast<long long>(header.step.value), plain(text, 1000).c_str());
    }
    std::fflush(stdout);
  }

  void print_json(const wire::Header& header, const std::string& kind,
                  const std::string& text) const {
    nlohmann::json line{{"run", header.run.text()},  {"kind", kind},  {"seq", header.seq.value},
                        {"step", header.step.value}, {"t", header.t}, {"text", text}};
    if (!place_.empty()) line["context"] = place_;
    const std::string printed = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    std::printf("%s\n", printable_json(printed).c_str());
  }

  bool json_;
  std::string place_;
  std::map<std::string, std::string> last_applied_;
  RuleNews rules_;
};

// A daemon that is followed.
struct Followed {
  Watcher watcher;
  link::SubscriberClient feed;
};

// What it knows now is printed before it is followed. One of several that does not answer is named
// and followed from when it does.
Result<Followed> begin(const contexts::Daemon& daemon, const LinesOptions& options, bool is_one) {
  const std::string run = options.run.own().text();
  auto client = LiveClient::connect(daemon, run, options.timeout_s);
  if (!client) return tl::unexpected(client.error());
  const auto runs = client->status(run);
  if (!runs && is_one) return tl::unexpected(runs.error());
  if (!runs) (void)failed(runs.error());
  link::ClientOptions connection;
  connection.key = daemon.key;
  auto feed = link::SubscriberClient::connect(daemon.feed.text(), {run.empty() ? "" : run + "/"},
                                              connection);
  if (!feed) return tl::unexpected(feed.error());
  Followed followed{Watcher(options.as_json, is_one ? "" : daemon.name), std::move(*feed)};
  if (!runs) return followed;
  for (const LiveRun& known : *runs) followed.watcher.take_first(known);
  return followed;
}

void take_all(Followed& followed, int wait_ms) {
  auto frame = followed.feed.receive(wait_ms);
  for (; frame; frame = followed.feed.receive(0)) {
    const auto message = wire::decode(frame->bytes, wire::kFeedLimits);
    if (message) followed.watcher.take(*message);
  }
}

}  // namespace

int watch_lines(const std::vector<contexts::Daemon>& daemons, const LinesOptions& options) {
  std::vector<Followed> all;
  for (const contexts::Daemon& daemon : daemons) {
    if (!options.run.place().empty() && options.run.place() != daemon.name) continue;
    auto followed = begin(daemon, options, daemons.size() == 1);
    if (!followed) return failed(followed.error());
    all.push_back(std::move(*followed));
  }
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  const auto started = std::chrono::steady_clock::now();
  const int wait_ms = 100 / static_cast<int>(all.size());
  while (stop_requested == 0) {
    const std::chrono::duration<double> age = std::chrono::steady_clock::now() - started;
    if (options.for_s > 0 && age.count() >= options.for_s) break;
    for (Followed& followed : all) take_all(followed, wait_ms);
  }
  return kDone;
}

}  // namespace phaseguard::ctl
