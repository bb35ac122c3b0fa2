// What a trainer's reports say: steps, parts, values and signals, as the fold of the daemon counts
// their fates; its judgement is the fold's, only the words for each mistake are made here. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "monitor/check/rules.h"
#include "monitor/run/state.h"

namespace phaseguard::check {

class Values {
 public:
  // Every message that the engine recorded, in order.
  void on_recorded(const wire::Message& recorded);
  // Adds what was found of steps, parts, values and signals.
  void finish(Findings& findings) const;

  [[nodiscard]] const run::RunState& state() const { return state_; }

 private:
  using Fates = std::array<std::int64_t, run::kReportFates>;

  // A mistake in the making: how often it was seen, and where first.
  struct Sightings {
    std::int64_t times = 0;
    std::string signal;
    Seq number;
    Step step{-1};
    std::string detail;
  };
  // Of one signal, in this segment.
  struct Track {
    Step before{-1};  // the value before the newest one
    Step newest{-1};
    bool is_bad = false;  // the newest is no number
    Step repeated{-1};    // step of the newest repetition
    std::int64_t bad_in_a_row = 0;
  };

  void on_report(const wire::Message& recorded, const std::map<std::string, Fates>& before);
  void on_value(const wire::Message& recorded, const wire::Sample& sample, wire::ReportFate fate);
  void on_repeated(const wire::Message& recorded, const wire::Sample& sample, Track& track);
  void on_undeclared(const wire::Message& recorded, const std::string& signal);
  void look_for_silent(const wire::Message& recorded);
  void see(const std::string& mistake, const wire::Message& recorded, const std::string& signal,
           std::string detail = "");
  [[nodiscard]] std::map<std::string, Fates> counts() const;
  [[nodiscard]] std::int64_t seen(const std::string& mistake) const;
  void finish_steps(Findings& findings) const;
  void finish_parts(Findings& findings) const;
  void finish_values(Findings& findings) const;
  void finish_signals(Findings& findings) const;
  void add(Findings& findings, Rule rule, const std::string& sighting, const std::string& mistake,
           const std::string& text) const;

  run::RunState state_;
  std::map<std::string, Track> tracks_;
  std::map<std::string, Sightings> sightings_;
  std::set<Step> repeated_steps_;
  std::set<std::string> silent_;
  std::map<std::string, std::int64_t> overdue_;  // reports in a row that found it so
  std::int64_t reports_ = 0, values_ = 0, parts_ = 0, bad_ = 0;
  Step first_{-1}, last_{-1};
};

}  // namespace phaseguard::check
