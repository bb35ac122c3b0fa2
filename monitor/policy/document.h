// A policy as written in TOML, checked and turned into plain data: what a Machine runs. Called by
// the daemon, the command line and the trainer's local guard; any thread; pure. assets/policies has
// commented examples, `phaseguard policy check` prints the diagnostics.
//
// What this version reads: detectors `level` and `ewma`; rules all, any, K_of_n with latch;
// constant values for knobs; requests rollback, checkpoint, pause, stop. Anything else of the
// language is refused by name. A detector or controller type is added as one more alternative of
// DetectorLaw or Controller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/types.h"
#include "monitor/wire/messages.h"

namespace phaseguard::policy {

inline constexpr std::size_t kMaxPolicyBytes = 65536;

enum class Severity : std::uint8_t { kError, kWarning };

// Where in the file, from 1; what concerns the file as a whole is at 1:1. Columns count code
// points.
struct Place {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

// One finding: what was expected, what was found, what to do.
struct Diagnostic {
  Severity severity = Severity::kError;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::string message;
};

// "hybrid.toml:12:9: error: ...", the form compilers use.
[[nodiscard]] std::string to_text(const Diagnostic& diagnostic, std::string_view file_name);

// How a BAD or MISSING measurement counts (SCIENCE.md section 3).
enum class BadSignal : std::uint8_t {
  kAlarm,  // breaks the streak, is not counted
  kVote    // is counted as if it were above the threshold
};

struct LevelLaw {};       // the measured value itself
struct EwmaLaw {          // y_1 = x_1; y += alpha (x - y)
  double halflife = 1.0;  // in measurements
  double alpha = 0.5;     // 1 - 2^(-1/halflife), computed once by libm when the policy is read
};
using DetectorLaw = std::variant<LevelLaw, EwmaLaw>;

// Defaults are those of the file: `consecutive` 1, `warmup` 0, `bad` as [on] bad_signal.
struct DetectorSpec {
  std::string name;
  std::string signal;
  std::string variant;  // of a divergence, must equal the declared one; "": any
  DetectorLaw law;
  double above = 0.0;            // strict: value > above
  std::int64_t consecutive = 1;  // measurements in a row
  std::int64_t warmup = 0;       // holds only after more than so many counted measurements
  BadSignal bad = BadSignal::kAlarm;
  Place place;
};

struct ConstantController {
  double value = 0.0;
};
using Controller = std::variant<ConstantController>;

struct KnobSpec {
  std::string name;
  double base = 0.0;
  double min = 0.0;
  double max = 0.0;
  std::optional<double> slew_per_step;  // bound on moves that are not a trip's; none: at once
  std::optional<double> substitute;     // for link_loss = "substitute"
  Place place;
};

struct KnobAction {
  std::size_t knob = 0;  // index into Document::knobs
  Controller controller;
};

enum class Gate : std::uint8_t { kAll, kAny, kCount };

struct RuleSpec {
  std::string name;
  Gate gate = Gate::kAll;
  std::int64_t needed = 1;      // votes; all: every detector, any: 1
  std::vector<std::size_t> of;  // indices into Document::detectors, no duplicates, not empty
  bool latch = false;
  std::vector<KnobAction> sets;
  std::vector<std::string> requests;  // "rollback" | "checkpoint" | "pause" | "stop"
  std::string alert;                  // "info" | "medium" | "high" | "critical" | ""
  Place place;
};

struct Document {
  std::string text;    // the file, byte for byte
  std::string digest;  // SHA-256 of text, 64 hex characters
  std::string name;
  bool shadow = false;          // mode = "shadow": decide and record, send nothing
  std::vector<KnobSpec> knobs;  // each list in the order of the file
  std::vector<DetectorSpec> detectors;
  std::vector<RuleSpec> rules;
  BadSignal bad_signal = BadSignal::kAlarm;
  std::int64_t missing_after_intervals = 3;
  std::string link_loss = "local";  // "local" | "hold" | "substitute" | "pause" | "stop"
};

[[nodiscard]] inline const char* mode_of(const Document& document) {
  return document.shadow ? "shadow" : "enforce";
}

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
// gave, so that decisions are the same bits everywhere. Errors: the record is of another policy.
[[nodiscard]] phaseguard::Status adopt_constants(Document& document,
                                                 const wire::PolicyLoaded& recorded);

// Does the policy fit what the trainer declared? Errors: a signal or knob that is not declared, a
// value outside the declared range, a request the trainer cannot do. Warnings: a threshold that the
// signal cannot exceed, an earliest firing step that is not known.
[[nodiscard]] std::vector<Diagnostic> check_fit(const Document& document, const wire::Hello& hello);

}  // namespace phaseguard::policy
