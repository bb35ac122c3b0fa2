// When things come, by the checker's clock and by the trainer's: times in frames, heartbeats, and
// how often `applied` is said again. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "monitor/check/rules.h"
#include "monitor/run/state.h"

namespace phaseguard::check {

class Timing {
 public:
  explicit Timing(std::int64_t heartbeat_ms, std::int64_t stale_ms)
      : heartbeat_ms_(heartbeat_ms), stale_ms_(stale_ms) {}

  // A frame while the trainer is heard. `is_new`: not one that came before.
  void on_frame(const wire::Message& message, bool is_new, Now now);
  // From now on, or no longer, the trainer is linked and heard.
  void set_linked(bool linked, Now now);
  // This program was not there for so long: what came meanwhile has waited.
  void on_stall(Now now);
  // `folded`: what the engine recorded, with the trainer's clock.
  void on_recorded(const run::RunState& folded, const wire::Header& header);
  void finish(Findings& findings, Now now) const;

 private:
  // Spans between frames of one kind, in seconds, within linked time.
  struct Spans {
    std::optional<Nanos> last;
    Step last_step{-1};
    std::vector<double> seconds;
    double longest = 0.0;
    Step longest_at{-1};
    std::int64_t steps_in_longest = 0;
  };
  static void add(Spans& spans, Step step, Now now);
  void on_time(const wire::Header& header, Now now);
  void on_beat(double t, Now now);
  [[nodiscard]] std::optional<Finding> clock_mistake() const;
  void finish_clock(Findings& findings) const;
  void finish_heartbeats(Findings& findings, double linked_s) const;
  void finish_applied(Findings& findings, double linked_s) const;

  std::int64_t heartbeat_ms_, stale_ms_;
  std::optional<Nanos> linked_since_;
  double linked_s_ = 0.0;
  Spans heartbeats_, applied_;
  std::int64_t applied_frames_ = 0;
  Step first_step_{-1}, newest_step_{-1};

  std::int64_t timed_ = 0, off_ = 0, zero_ = 0, thousandfold_ = 0;
  double most_off_ = 0.0;
  std::optional<std::pair<double, Nanos>> last_beat_;  // its time, and when it came
  std::vector<double> paces_;                          // seconds there for one here
  Seq off_number_;
  Step off_step_{-1};
  std::map<std::string, Finding> clock_;
};

}  // namespace phaseguard::check
