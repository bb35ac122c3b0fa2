// What the policy engine makes of a recorded run: the same decisions again (verify), or those of
// another policy beside what happened (replay). Reads a run file; writes nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/policy/compare/comparison.h"
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

// What a policy makes of a recorded run. Errors: the file cannot be read, holds no declaration, or
// the policy does not fit it.
[[nodiscard]] Result<policy::Compared> replay(
    const store::Reader& reader, const policy::Document& document,
    policy::Intervention intervention = policy::Intervention::kEndsIt);

// The first field in which two messages differ, as "path: recorded X, recomputed Y".
[[nodiscard]] std::string first_difference(const wire::Message& recorded,
                                           const wire::Message& recomputed);

}  // namespace phaseguard::ctl
