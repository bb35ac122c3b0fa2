#include "monitor/daemon/metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "monitor/base/printable.h"
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

std::string number(double value) { return std::isnan(value) ? "NaN" : number_text(value); }

// One line of a family: the run, further `labels`, the value.
void line(std::string& out, const char* name, const wire::Message& message,
          const std::string& labels, const std::string& value) {
  out += std::string(name) + "{run=\"" + message.header.run.text() + "\"" + labels + "} " + value +
         "\n";
}

std::string with(const char* key, const std::string& text) {
  return std::string(",") + key + "=\"" + metrics_label(text) + "\"";
}

using Each = void (*)(std::string& out, const char* name, const wire::Message& message,
                      const wire::Status& status);

struct RunFamily {
  const char* name;
  const char* type;
  const char* help;
  Each each;
};

constexpr std::array<RunFamily, 13> kRunFamilies{{
    {"phaseguard_knob_value", "gauge", "Value of a knob, in its three lives.",
     [](std::string& out, const char* name, const wire::Message& m, const wire::Status& s) {
       for (const wire::KnobStatus& knob : s.knobs) {
         const std::string labels = with("knob", knob.name);
         line(out, name, m, labels + with("life", "decided"), number(knob.decided));
         line(out, name, m, labels + with("life", "sent"), number(knob.sent));
         line(out, name, m, labels + with("life", "applied"), number(knob.applied));
       }
     }},
    {"phaseguard_values_total", "counter", "Reported values, by what became of them.",
     [](std::string& out, const char* name, const wire::Message& m, const wire::Status& s) {
       for (const wire::SignalStatus& signal : s.signals) {
         for (const wire::FateCount& fate : signal.fates)
           line(out, name, m, with("signal", signal.name) + with("fate", fate.fate.text()),
                std::to_string(fate.values));
       }
     }},
    {"phaseguard_run_info", "gauge",
     "1: a run, its policy and mode, and how its present attempt ended (empty: it has not).",
     [](std::string& out, const char* name, const wire::Message& m, const wire::Status& s) {
       line(out, name, m,
            with("policy", s.policy) + with("mode", s.mode.text()) + with("label", s.label.text()) +
                with("end", s.end.text()),
            "1");
     }},
    {"phaseguard_run_step", "gauge", "Last step the trainer reported.",
     [](std::string& out, const char* name, const wire::Message& m, const wire::Status&) {
       line(out, name, m, "", std::to_string(m.header.step.value));
     }},
    {"phaseguard_trainer_age_seconds", "gauge", "Time since the trainer's last frame.",
     [](std::string& out, const char* name, const wire::Message& m, const wire::Status& s) {
       line(out, name, m, "", number(s.age_s));
     }},
    {"phaseguard_trainer_link", "gauge", "1: the state that the trainer's link is in.",
     [](std::string& out, const char* name, const wire::Message& m, const wire::Status& s) {
       for (const std::string_view state : wire::Words<wire::LinkState>::kTexts)
         line(out, name, m, with("state", std::string(state)), s.link.text() == state ? "1" : "0");
     }},
    {"phaseguard_messages_skipped_total", "counter",
     "Messages of the attempt that its trainer can no longer send and that are not recorded.",
     [](std::string& out, const char* name, const wire::Message& m, const wire::Status& s) {
       line(out, name, m, "", std::to_string(std::max<std::int64_t>(s.skipped, 0)));
     }},
    {"phaseguard_messages_missing_total", "counter",
     "Messages of the attempt that never came, and nobody said why.",
     [](std::string& out, const char* name, const wire::Message& m, const wire::Status& s) {
       line(out, name, m, "", std::to_string(std::max<std::int64_t>(s.missing, 0)));
     }},
    {"phaseguard_signal_value", "gauge", "Newest value of a signal, as the trainer sent it.",
     [](std::string& out, const char* name, const wire::Message& m, const wire::Status& s) {
       for (const wire::SignalStatus& signal : s.signals)
         line(out, name, m, with("signal", signal.name), number(signal.value));
     }},
    {"phaseguard_signal_step", "gauge", "Step of the newest value of a signal.",
     [](std::string& out, const char* name, const wire::Message& m, const wire::Status& s) {
       for (const wire::SignalStatus& signal : s.signals)
         line(out, name, m, with("signal", signal.name), std::to_string(signal.step.value));
     }},
    {"phaseguard_incomplete_steps_total", "counter",
     "Steps whose value was joined although parts of it were missing.",
     [](std::string& out, const char* name, const wire::Message& m, const wire::Status& s) {
       for (const wire::SignalStatus& signal : s.signals)
         line(out, name, m, with("signal", signal.name),
              std::to_string(std::max<std::int64_t>(signal.incomplete, 0)));
     }},
    {"phaseguard_rule_state", "gauge", "1: the state that a rule is in.",
     [](std::string& out, const char* name, const wire::Message& m, const wire::Status& s) {
       for (const wire::RuleEvidence& rule : s.rules) {
         for (const std::string_view state : wire::Words<wire::RuleState>::kTexts)
           line(out, name, m, with("rule", rule.rule) + with("state", std::string(state)),
                rule.state.text() == state ? "1" : "0");
       }
     }},
    {"phaseguard_alerts", "gauge", "Alerts in force, by severity.",
     [](std::string& out, const char* name, const wire::Message& m, const wire::Status& s) {
       for (const std::string_view severity : wire::Words<wire::Severity>::kTexts) {
         const auto n = std::count_if(
             s.alerts.begin(), s.alerts.end(),
             [&](const wire::Alert& alert) { return alert.severity.text() == severity; });
         line(out, name, m, with("severity", std::string(severity)), std::to_string(n));
       }
     }},
}};

void run_families(std::string& out, const std::vector<wire::Message>& statuses) {
  for (const RunFamily& one : kRunFamilies) {
    family(out, one.name, one.type, one.help);
    for (const wire::Message& message : statuses)
      one.each(out, one.name, message, std::get<wire::Status>(message.body));
  }
}

void seat_gauges(std::string& out, const Seats& seats) {
  family(out, "phaseguard_seats_taken", "gauge",
         "Connections that are known, most of which have a seat.");
  out += "phaseguard_seats_taken{door=\"trainer\"} " + std::to_string(seats.trainers) + "\n";
  out += "phaseguard_seats_taken{door=\"operator\"} " + std::to_string(seats.operators) + "\n";
  family(out, "phaseguard_seats", "gauge", "Seats there are.");
  out += "phaseguard_seats{door=\"trainer\"} " + std::to_string(seats.most_trainers) + "\n";
  out += "phaseguard_seats{door=\"operator\"} " + std::to_string(seats.most_operators) + "\n";
}

void loop_times(std::string& out, const LoopTimes& loop) {
  family(
      out, "phaseguard_loop_longest_turn_seconds", "gauge",
      "Longest turn of the daemon's loop in the last one to two minutes: how long others waited.");
  out += "phaseguard_loop_longest_turn_seconds " + number(loop.longest_s()) + "\n";
  family(out, "phaseguard_loop_busy_seconds_total", "counter",
         "Time that the daemon's loop did not wait for something to do.");
  out += "phaseguard_loop_busy_seconds_total " + number(loop.busy_s()) + "\n";
}

}  // namespace

void LoopTimes::add(Nanos began, Nanos ended) {
  constexpr std::int64_t kMinuteNs = 60'000'000'000;
  const std::int64_t turn = ended.value - began.value;
  busy_ns_ += turn;
  if (ended.value - minute_.value >= kMinuteNs) {
    minute_ = ended;
    longest_before_ns_ = longest_ns_;
    longest_ns_ = 0;
  }
  longest_ns_ = std::max(longest_ns_, turn);
}

double LoopTimes::longest_s() const {
  return static_cast<double>(std::max(longest_ns_, longest_before_ns_)) * 1e-9;
}

std::string metrics_text(const EngineCounters& counters, const std::vector<wire::Message>& statuses,
                         const Measured& measured, const std::string& fault) {
  const Refusals& refusals = measured.refusals;
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
  counter(out, "phaseguard_keys_refused_total",
          "Handshakes of keys that are not granted for that endpoint.", refusals.keys);
  counter(out, "phaseguard_denied_frames_total",
          "Frames about runs, or of kinds, that their key has no right to.", counters.denied);
  counter(out, "phaseguard_revoked_frames_total", "Frames of keys that had lost their right.",
          refusals.revoked);
  counter(out, "phaseguard_over_rate_frames_total", "Frames beyond what their key may send.",
          refusals.over_rate);
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
  run_families(out, statuses);
  seat_gauges(out, measured.seats);
  loop_times(out, measured.loop);
  return out;
}

}  // namespace phaseguard::daemon
