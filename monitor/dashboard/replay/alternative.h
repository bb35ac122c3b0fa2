// Another policy on the tape: what it would have decided beside what was decided, as rows and as
// lines to draw. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/dashboard/replay/tape.h"
#include "monitor/policy/compare/comparison.h"
#include "monitor/run/series.h"

namespace phaseguard::dashboard {

// A policy that may be tried.
struct Candidate {
  std::string name;  // its file's
  std::string text;
  std::string problem;  // it cannot be read: why
};

// A knob as it was decided and as it would have been: staircases over the steps.
struct TwoLines {
  run::Series happened;
  run::Series would;
};

// An event at which they do not agree.
struct Divergence {
  Seq seq;
  Step step;
  std::string happened;  // "kl 2: hybrid fired at ...", "nothing"
  std::string would;
};

class Alternative {
 public:
  // Error: the policy does not parse.
  [[nodiscard]] static Result<Alternative> create(const Candidate& candidate);

  // Plays at most so many messages of those that it has not seen.
  void advance(const Tape& tape, std::size_t messages);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::size_t place() const { return place_; }
  // Why it says no more, in a sentence: the policy does not fit the trainer, or somebody
  // intervened.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] const policy::Compared& compared() const { return comparison_.result(); }
  [[nodiscard]] const std::map<std::string, TwoLines>& lines() const { return lines_; }
  [[nodiscard]] const std::vector<Divergence>& divergences() const { return divergences_; }
  // "agrees at all 12 decisions", "differs at 3 of 12 decisions, first at step 40".
  [[nodiscard]] std::string summary() const;

 private:
  Alternative(std::string name, policy::Document document)
      : name_(std::move(name)), comparison_(std::move(document)) {}
  void take_rows();

  std::string name_;
  policy::Comparison comparison_;
  std::size_t place_ = 0;
  Seq played_;            // newest message
  std::size_t rows_ = 0;  // taken over
  std::string problem_;
  std::map<std::string, TwoLines> lines_;
  std::vector<Divergence> divergences_;
};

}  // namespace phaseguard::dashboard
