#include "monitor/daemon/http.h"

#include <httplib.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <future>
#include <mutex>
#include <thread>

#include "monitor/base/text.h"

namespace phaseguard::daemon {

namespace {

// Each slow client holds one; who asks for the figures shall find a free one.
constexpr std::size_t kWorkers = 64;
constexpr std::size_t kMostBodyBytes = 1024;  // nothing here takes a body

void family(std::string& out, const char* name, const char* type, const char* help) {
  out += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
}

void counter(std::string& out, const char* name, const char* help, std::uint64_t value) {
  family(out, name, "counter", help);
  out += std::string(name) + " " + std::to_string(value) + "\n";
}

void gauge(std::string& out, const char* name, const char* help, std::uint64_t value) {
  family(out, name, "gauge", help);
  out += std::string(name) + " " + std::to_string(value) + "\n";
}

std::string label(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string number(double value) { return std::isnan(value) ? "NaN" : number_text(value); }

void knob_gauges(std::string& out, const std::vector<wire::Message>& statuses) {
  family(out, "phaseguard_knob_value", "gauge", "Value of a knob, in its three lives.");
  for (const wire::Message& message : statuses) {
    for (const wire::KnobStatus& knob : std::get<wire::Status>(message.body).knobs) {
      const std::string labels = "phaseguard_knob_value{run=\"" + message.header.run.text() +
                                 "\",knob=\"" + label(knob.name);
      out += labels + "\",life=\"decided\"} " + number(knob.decided) + "\n";
      out += labels + "\",life=\"sent\"} " + number(knob.sent) + "\n";
      out += labels + "\",life=\"applied\"} " + number(knob.applied) + "\n";
    }
  }
}

void run_gauges(std::string& out, const std::vector<wire::Message>& statuses) {
  family(out, "phaseguard_run_step", "gauge", "Last step the trainer reported.");
  for (const wire::Message& message : statuses) {
    out += "phaseguard_run_step{run=\"" + message.header.run.text() + "\"} " +
           std::to_string(message.header.step.value) + "\n";
  }
  family(out, "phaseguard_trainer_age_seconds", "gauge", "Time since the trainer's last frame.");
  for (const wire::Message& message : statuses) {
    out += "phaseguard_trainer_age_seconds{run=\"" + message.header.run.text() + "\"} " +
           number(std::get<wire::Status>(message.body).age_s) + "\n";
  }
}

}  // namespace

std::string metrics_text(const EngineCounters& counters, const std::vector<wire::Message>& statuses,
                         const std::string& fault) {
  std::string out;
  family(out, "phaseguard_build_info", "gauge", "Version of the daemon.");
  out += "phaseguard_build_info{version=\"" PHASEGUARD_VERSION "\"} 1\n";
  counter(out, "phaseguard_frames_total", "Frames received.", counters.frames);
  counter(out, "phaseguard_malformed_frames_total", "Frames that could not be read.",
          counters.malformed);
  counter(out, "phaseguard_unknown_kinds_total", "Messages of a kind this daemon does not know.",
          counters.unknown_kinds);
  counter(out, "phaseguard_unknown_peer_frames_total", "Frames of connections without a run.",
          counters.unknown_peers);
  counter(out, "phaseguard_unseated_frames_total",
          "Frames of connections for which there was no seat.", counters.unseated);
  counter(out, "phaseguard_refused_hellos_total", "Hellos that were refused in words.",
          counters.refused_hellos);
  counter(out, "phaseguard_undeclared_left_out_total",
          "Values left out: their trainer named too many signals and knobs it did not declare.",
          counters.left_out);
  counter(out, "phaseguard_duplicate_frames_total", "Frames already recorded.",
          counters.duplicates);
  counter(out, "phaseguard_samples_total", "Signal samples recorded.", counters.samples);
  counter(out, "phaseguard_decisions_total", "Decisions recorded.", counters.decisions);
  counter(out, "phaseguard_commands_total", "Operator commands received.", counters.commands);
  counter(out, "phaseguard_samples_dropped_total",
          "Samples that no policy reads, dropped while a run file could not be written.",
          counters.samples_dropped);
  counter(out, "phaseguard_frames_not_taken_total",
          "Frames passed over, unacknowledged, while a run file could not be written.",
          counters.frames_not_taken);
  gauge(out, "phaseguard_record_writable", "1: every open run file can be written; 0: not.",
        fault.empty() ? 1 : 0);
  gauge(out, "phaseguard_record_waiting_bytes", "Bytes that wait in memory for run files.",
        counters.waiting_bytes);
  knob_gauges(out, statuses);
  run_gauges(out, statuses);
  return out;
}

struct HttpServer::Impl {
  httplib::Server server;
  std::mutex mutex;  // of the two below
  std::string metrics;
  std::string fault;
  std::thread thread;
  std::promise<void> ended;
};

HttpServer::HttpServer() : impl_(std::make_shared<Impl>()) {}

// A client that sends a byte now and then can hold a worker for ever: the process does not wait.
HttpServer::~HttpServer() {
  impl_->server.stop();
  if (!impl_->thread.joinable()) return;
  const bool ended = impl_->ended.get_future().wait_for(std::chrono::milliseconds(500)) ==
                     std::future_status::ready;
  if (ended) {
    impl_->thread.join();
  } else {
    impl_->thread.detach();
  }
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  const std::string host = address.substr(0, colon);
  const int port = colon == std::string::npos ? 0 : std::atoi(address.c_str() + colon + 1);
  if (port < 1 || port > 65535) {
    return fail(Errc::kInvalidArgument,
                "http: expected host:port such as 127.0.0.1:9091, found " + quoted(address, 80));
  }
  if (host != "127.0.0.1" && host != "localhost") {
    return fail(Errc::kRefused, "http: only 127.0.0.1 is served, found " + quoted(host, 80) +
                                    "; put a proxy with "
                                    "authentication in front of it for other hosts");
  }
  std::unique_ptr<HttpServer> http(new HttpServer());
  Impl& impl = *http->impl_;
  const auto text = [](const char* body) {
    return [body](const httplib::Request&, httplib::Response& response) {
      response.set_content(body, "text/plain");
    };
  };
  impl.server.Get("/-/healthy", text("healthy\n"));
  impl.server.Get("/-/ready", [&impl](const httplib::Request&, httplib::Response& response) {
    const std::lock_guard lock(impl.mutex);
    if (!impl.fault.empty()) response.status = 503;
    response.set_content(impl.fault.empty() ? "ready\n" : impl.fault + "\n", "text/plain");
  });
  impl.server.Get("/metrics", [&impl](const httplib::Request&, httplib::Response& response) {
    const std::lock_guard lock(impl.mutex);
    response.set_content(impl.metrics, "text/plain; version=0.0.4");
  });
  impl.server.new_task_queue = [] { return new httplib::ThreadPool(kWorkers); };
  impl.server.set_payload_max_length(kMostBodyBytes);
  impl.server.set_read_timeout(1);
  impl.server.set_write_timeout(1);
  impl.server.set_keep_alive_max_count(1);
  if (!impl.server.bind_to_port("127.0.0.1", port)) {
    return fail(Errc::kConflict, "http: port " + std::to_string(port) +
                                     " of 127.0.0.1 is in use; choose another with --http");
  }
  impl.thread = std::thread([shared = http->impl_] {
    shared->server.listen_after_bind();
    shared->ended.set_value();
  });
  return http;
}

void HttpServer::set_metrics(const EngineCounters& counters,
                             const std::vector<wire::Message>& statuses, const std::string& fault) {
  std::string text = metrics_text(counters, statuses, fault);
  const std::lock_guard lock(impl_->mutex);
  impl_->fault = fault;
  impl_->metrics = std::move(text);
}

}  // namespace phaseguard::daemon
