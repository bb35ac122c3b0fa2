// `phaseguard watch`: the feed as text, a line for each thing that matters and a status line that
// follows.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>

#include "monitor/base/number_option.h"
#include "monitor/base/printable.h"
#include "monitor/base/text.h"
#include "monitor/ctl/command.h"
#include "monitor/ctl/live/live_client.h"
#include "monitor/ctl/live/status_text.h"
#include "monitor/link/endpoint.h"
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
  Watcher(bool as_json, bool tty) : json_(as_json), tty_(tty) {}

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
    if (tty_ && !json_) follow(status_line(header, status));
  }

  void clear() {
    if (!status_.empty() && tty_) std::printf("\r\x1b[K");
  }

 private:
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
      clear();
      print_line(stdout, "%s  step %lld  %s", header.run.text().c_str(),
                 static_cast<long long>(header.step.value), plain(text, 1000).c_str());
      if (!status_.empty()) follow(status_);
    }
    std::fflush(stdout);
  }

  void print_json(const wire::Header& header, const std::string& kind,
                  const std::string& text) const {
    const nlohmann::json line{
        {"run", header.run.text()},  {"kind", kind},  {"seq", header.seq.value},
        {"step", header.step.value}, {"t", header.t}, {"text", text}};
    const std::string printed = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    std::printf("%s\n", printable_json(printed).c_str());
  }

  void follow(const std::string& line) {
    status_ = line;
    std::printf("\r\x1b[K%s", printable(line).c_str());
    std::fflush(stdout);
  }

  bool json_;
  bool tty_;
  std::string status_;
  std::map<std::string, std::string> last_applied_;
  RuleNews rules_;
};

int watch(const LiveOptions& options, double for_s, bool as_json) {
  auto client = LiveClient::connect(options);
  if (!client) return failed(client.error());
  const auto runs = client->status(options.run);
  if (!runs) return failed(runs.error());
  const std::string topic = options.run.empty() ? "" : options.run + "/";
  auto feed =
      link::SubscriberClient::connect(link::endpoints_in(options.directory()).feed.text(), {topic});
  if (!feed) return failed(feed.error());
  Watcher watcher(as_json, isatty(STDOUT_FILENO) != 0);
  for (const LiveRun& run : *runs) {
    if (!as_json) print_line(stdout, "%s", status_line(run.header, run.status).c_str());
    watcher.take(run.header, run.status);
  }
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  const auto started = std::chrono::steady_clock::now();
  while (stop_requested == 0) {
    const std::chrono::duration<double> age = std::chrono::steady_clock::now() - started;
    if (for_s > 0 && age.count() >= for_s) break;
    const auto frame = feed->receive(100);
    if (!frame) continue;
    const auto message = wire::decode(frame->bytes, wire::kFeedLimits);
    if (message) watcher.take(*message);
  }
  watcher.clear();
  return kDone;
}

}  // namespace

void add_watch(CLI::App& app, Context& context) {
  auto options = std::make_shared<LiveOptions>();
  auto for_s = std::make_shared<double>(0.0);
  CLI::App* command = add_command(
      app, context, "watch",
      "Follow the daemon as text: decisions, states of rules, commands, what the trainer applied, "
      "links. Ends with Ctrl-C, or after --for seconds.",
      [options, for_s, &context] { return watch(*options, *for_s, context.json); });
  options->add_to(*command);
  command->add_option("--for", *for_s, "Seconds to watch (0: until interrupted)")
      ->check(number_within(0.0, 1e9));
}

}  // namespace phaseguard::ctl
