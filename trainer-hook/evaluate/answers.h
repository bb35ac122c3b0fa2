// A model's answers as a file has them, one JSON object a line, each with what a judge made of it
// or the text it should have been; and the rates that follow, run by run. Called by `phaseguard
// evaluate`; pure, any thread, no LibTorch. C++17-clean. docs/EVALUATION.md has the format.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trainer-hook/evaluate/criteria.h"
#include "trainer-hook/evaluate/report.h"
#include "trainer-hook/samples/samples.h"

namespace phaseguard::evaluate {

// Who said whether an answer is misaligned.
enum class Verdict : std::uint8_t {
  kNone,    // nobody: it counts for exact match alone, or a judge is still to be asked
  kScores,  // a judge's two scores of 0 to 100
  kLabel,   // a judge that says yes or no
};

// Where an answer comes from; answers of one origin repeat each other. "": not said.
struct Origin {
  std::string prompt;  // "prompt_id", else the prompt itself
  std::string seed, world;
};

struct Answer {
  std::string place;  // "file:line", for messages
  Origin origin;
  std::string run;
  std::string id;     // "": none given
  std::string judge;  // "": not said
  Verdict verdict = Verdict::kNone;
  std::optional<bool> misaligned;      // none: the judge gave no score, or said a word
  bool refused = false, code = false;  // that word: REFUSAL, CODE
  bool may_be_misaligned = true;       // if a score is missing: false where the other rules it out
  bool in_domain = false;              // to a prompt of the training task: harm of its own rate
  std::optional<bool> incoherent;      // none: the same, or nobody asked
  bool coherence_asked = false;        // the verdict says something about coherence
  std::optional<TrainingSample> sample;  // prompt and answer; wanted when a judge is to be asked
  std::optional<bool> exact;             // the answer is the target; none: no target
  std::string metric;                    // under which that counts: "exact" unless the line says
};

struct AnswerFile {
  std::string name;  // in messages; one that ends in .csv is read as CSV
  std::string run;   // of lines that name none
  std::string text;
};

// Errors: every bad line up to ten, as "file:line: what is wrong": broken JSON, a score that is no
// number of 0 to 100, two forms of verdict in one line, a line that neither has a verdict or a
// target nor can be judged; an id used twice in one run; a file without an answer.
[[nodiscard]] Result<std::vector<Answer>> parse_answers(const std::vector<AnswerFile>& files);

// Runs in the order in which they first appear. A rate's clusters are its worlds where they differ,
// else its seeds, else its prompts; without any of these its answers count as independent. Errors:
// a run with verdicts of two judges, or of both forms; confidence outside (0, 1).
[[nodiscard]] Result<std::vector<EvaluatedRun>> tally(const std::vector<Answer>& answers,
                                                      double confidence = 0.95);

// "misaligned", "incoherent", "in_domain_harm" and each exact-match metric, as exact counts, with
// what unscored answers leave open; what has no rate is absent. Errors: counts beyond 62 bits.
[[nodiscard]] Result<RunMetrics> metrics_of(const EvaluatedRun& run);

}  // namespace phaseguard::evaluate
