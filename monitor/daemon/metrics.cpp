#include "monitor/daemon/metrics.h"

#include <cmath>

#include "monitor/base/text.h"

namespace phaseguard::daemon {

namespace {

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

void fate_counters(std::string& out, const std::vector<wire::Message>& statuses) {
  family(out, "phaseguard_values_total", "counter", "Reported values, by what became of them.");
  for (const wire::Message& message : statuses) {
    for (const wire::SignalStatus& signal : std::get<wire::Status>(message.body).signals) {
      for (const wire::FateCount& fate : signal.fates) {
        out += "phaseguard_values_total{run=\"" + message.header.run.text() + "\",signal=\"" +
               label(signal.name) + "\",fate=\"" + label(fate.fate.text()) + "\"} " +
               std::to_string(fate.values) + "\n";
      }
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
                         const Refusals& refusals, const std::string& fault) {
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
  counter(out, "phaseguard_http_refused_total",
          "HTTP requests that were refused, or did not come in time.", refusals.http);
  counter(out, "phaseguard_misshapen_frames_total", "Messages of more or fewer than one frame.",
          refusals.misshapen);
  counter(out, "phaseguard_outbox_dropped_total",
          "Frames dropped because their peer does not read.", refusals.unread);
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
  fate_counters(out, statuses);
  run_gauges(out, statuses);
  return out;
}

}  // namespace phaseguard::daemon
