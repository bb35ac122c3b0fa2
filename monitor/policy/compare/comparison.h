// A policy beside what happened: what it would have decided on the events of a record, event by
// event, and where that is not what was decided. Pure; owned by one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/types.h"
#include "monitor/policy/document.h"
#include "monitor/policy/engine/playback.h"
#include "monitor/run/intervened.h"
#include "monitor/wire/messages.h"

namespace phaseguard::policy {

// One event at which the recorded policy or the other one decided something.
struct ComparedEvent {
  Seq seq;  // of the event
  Step step;
  std::int64_t attempt = 0;
  std::optional<wire::Decision> happened;
  std::optional<wire::Decision> would;
  std::vector<wire::KnobSetting> happened_knobs;  // in force after the event
  std::vector<wire::KnobSetting> would_knobs;

  // Knobs, requests or alerts are not the same; the wording of a summary does not count.
  [[nodiscard]] bool differs() const;
};

struct Compared {
  RunId run;
  std::string label;
  std::string recorded_policy;
  std::string policy;
  std::vector<ComparedEvent> rows;
  Step happened_first_raise{-1};  // first step with a knob above 0; -1: never
  Step would_first_raise{-1};
  Step intervened{-1};      // as run::Intervened: from here on what happened is no run unwatched
  bool ends_there = false;  // what came after is not in `rows`

  // The first row that differs; null: none does.
  [[nodiscard]] const ComparedEvent* first_difference() const;
};

// Signals recorded under one lambda are not what another lambda would have produced: up to the
// first step where the two differ the comparison is exact, after it it is a hypothesis.
inline constexpr const char* kReplayCaveat =
    "Signals recorded under one lambda are not what another lambda would have produced: after the "
    "first difference this is what the policy would make of these numbers, not what would have "
    "happened.";

// A run that somebody intervened in is compared up to there, or as a whole.
enum class Intervention { kEndsIt, kIncluded };

class Comparison {
 public:
  explicit Comparison(Document document, Intervention intervention = Intervention::kEndsIt);

  // The next message of the record, from its first. Nothing after it has ended. Error: the policy
  // does not fit the declaration (machine.h); it is then of no more use.
  [[nodiscard]] Result<void> on(const wire::Message& message);

  [[nodiscard]] const Compared& result() const { return out_; }
  [[nodiscard]] bool started() const { return playback_.machine() != nullptr; }  // at a hello
  [[nodiscard]] bool ended() const { return out_.ends_there; }

 private:
  [[nodiscard]] Result<void> begin(const wire::Message& message, const wire::Hello& hello);
  void happened(const wire::Message& message);
  ComparedEvent& add_row(const wire::Header& header);

  Document document_;
  Intervention intervention_;
  Compared out_;
  Playback playback_;
  run::Intervened intervened_;
  std::vector<wire::KnobSetting> happened_;
  std::vector<wire::KnobSetting> would_;
};

}  // namespace phaseguard::policy
