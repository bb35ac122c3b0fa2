// What the policy engine makes of a recorded run: the same decisions again (verify), or those of
// another policy beside what happened (replay). Reads a run file; writes nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/policy/document.h"
#include "monitor/store/reader.h"
#include "monitor/wire/messages.h"

namespace phaseguard::ctl {

// A place where the recomputed decision is not the recorded one.
struct Difference {
  Seq seq;  // of the recorded decision, or of the event that has one too few or too many
  Step step;
  std::string what;  // "knobs/0/value: recorded 2, recomputed 1.5"
};

struct Verification {
  store::ChainReport chain;
  std::int64_t events = 0;  // recorded messages of every kind
  std::int64_t decisions = 0;
  std::vector<Difference> differences;  // in order; every one
  // Where the daemon found that its record knew less than the trainer: what it took over then, in
  // words. No fault of the record as it stands.
  std::vector<Difference> adoptions;
  std::vector<wire::RuleEvidence> rules;  // after the last record, with their phases

  [[nodiscard]] bool holds() const { return chain.findings.empty() && differences.empty(); }
};

// Recomputes the hash chain and every decision from the recorded events and policy text, and
// compares the encoded bytes. Errors: the file cannot be read, or holds a policy this program
// cannot run.
[[nodiscard]] Result<Verification> verify(const store::Reader& reader);

// One event at which the recorded policy or the other one decided something.
struct ReplayRow {
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

struct Replay {
  RunId run;
  std::string label;
  std::string recorded_policy;
  std::string policy;
  std::vector<ReplayRow> rows;
  Step happened_first_raise{-1};  // first step with a knob above 0; -1: never
  Step would_first_raise{-1};
  Step intervened{-1};      // as run::Intervened: from here on what happened is no run unwatched
  bool ends_there = false;  // what came after is not in `rows`

  // The first row that differs; null: none does.
  [[nodiscard]] const ReplayRow* first_difference() const;
};

// Signals recorded under one lambda are not what another lambda would have produced: up to the
// first step where the two differ the comparison is exact, after it it is a hypothesis.
inline constexpr const char* kReplayCaveat =
    "Signals recorded under one lambda are not what another lambda would have produced: after the "
    "first difference this is what the policy would make of these numbers, not what would have "
    "happened.";

// A run that somebody intervened in is replayed up to there, or as a whole. Errors: the file cannot
// be read, holds no declaration, or the policy does not fit it.
enum class Intervention { kEndsIt, kIncluded };
[[nodiscard]] Result<Replay> replay(const store::Reader& reader, const policy::Document& document,
                                    Intervention intervention = Intervention::kEndsIt);

// The first field in which two messages differ, as "path: recorded X, recomputed Y".
[[nodiscard]] std::string first_difference(const wire::Message& recorded,
                                           const wire::Message& recomputed);

}  // namespace phaseguard::ctl
