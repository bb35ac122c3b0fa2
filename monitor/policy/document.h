// A policy as written in TOML, checked and turned into plain data: what a Machine runs. Called by
// the daemon, the command line and the trainer's local guard; any thread; pure. assets/policies has
// commented examples, `phaseguard policy check` prints the diagnostics.
//
// What is not of the language is refused by name. A detector type is added as laws/law_row.h says,
// a controller type as one more alternative of Controller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/types.h"
#include "monitor/policy/ask.h"
#include "monitor/policy/detector_spec.h"
#include "monitor/policy/place.h"
#include "monitor/policy/rule_spec.h"
#include "monitor/wire/messages.h"

namespace phaseguard::policy {

inline constexpr std::size_t kMaxPolicyBytes = 65536;

enum class Severity : std::uint8_t { kError, kWarning };

// One finding: what was expected, what was found, what to do.
struct Diagnostic {
  Severity severity = Severity::kError;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string message;
};

// "hybrid.toml:12:9: error: ...", the form compilers use.
[[nodiscard]] std::string to_text(const Diagnostic& diagnostic, std::string_view file_name);

struct Document {
  std::string text;    // the file, byte for byte
  std::string digest;  // SHA-256 of text, 64 hex characters
  std::string name;
  bool shadow = false;         // mode = "shadow": decide and record, send no rule's output
  bool strict_shadow = false;  // shadow = "strict": nor may an operator raise anything
  wire::Profile profile = wire::Profile::kWatch;  // its defaults are in the other fields already
  std::vector<KnobSpec> knobs;                    // each list in the order of the file
  std::vector<SignalSpec> signals;                // what signals must mean
  std::vector<DetectorSpec> detectors;
  std::vector<RuleSpec> rules;
  std::vector<std::size_t> rule_order;  // indices into rules: a rule after those it has as terms
  BadSignal bad_signal = BadSignal::kAlarm;
  std::int64_t missing_after_intervals = 3;
  bool carries_detectors = false;  // resume = "carried": a new attempt goes on with their state
  wire::OnLoss link_loss = wire::OnLoss::kLocal;
  // Of the record it runs for, not of the text: ids of requests count from here, so that those of
  // two records differ.
  std::int64_t request_base = 0;
};

[[nodiscard]] inline wire::Mode mode_of(const Document& document) {
  return document.shadow ? wire::Mode::kShadow : wire::Mode::kEnforce;
}

// What the file gives relative to what this trainer declares, as numbers: lines of "noise + 3 sd"
// and values of "0.6 lambda_star". NaN where the trainer does not say; fits() reports that.
[[nodiscard]] Document resolved(const Document& document, const wire::Hello& hello);

// `document` is there when there is no error; warnings come either way, in the order of the file.
struct Parsed {
  std::optional<Document> document;
  std::vector<Diagnostic> diagnostics;
};

// Reads and checks a policy text. Never throws. At most 64 KiB of UTF-8; several errors are
// reported in one pass (a TOML syntax error ends it). `file_name` appears in no diagnostic: give it
// to to_text.
[[nodiscard]] Parsed parse(std::string_view toml, std::string_view file_name);

// What the record keeps of a policy. The second form fills in units from the declaration.
[[nodiscard]] wire::PolicyLoaded describe(const Document& document);
[[nodiscard]] wire::PolicyLoaded describe(const Document& document, const wire::Hello& hello);

// Replay: takes the recorded constants (an EWMA's alpha) in place of those this machine's libm
// gave, and the record's request_base, so that decisions are the same bits everywhere. Errors: the
// record is of another policy.
[[nodiscard]] Result<void> adopt_constants(Document& document, const wire::PolicyLoaded& recorded);

// Does the policy fit what the trainer declared? Errors: a signal or knob that is not declared, a
// value outside the declared range, a request the trainer cannot do, a knob or signal that is not
// declared to mean what the policy asks for. Warnings: a threshold that the
// signal cannot exceed, an earliest firing step that is not known.
[[nodiscard]] std::vector<Diagnostic> check_fit(const Document& document, const wire::Hello& hello);

// Its errors in one message, all of them.
[[nodiscard]] Result<void> fits(const Document& document, const wire::Hello& hello);

}  // namespace phaseguard::policy
