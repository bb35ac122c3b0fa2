// Parts of one step joined into the step's values (docs/PROTOCOL.md, "Parts of a step"): the same
// for what decides and for what viewers see. Pure; a value; owned by whoever folds a record.
//
// Of each signal the parts of one step are kept until all n are there, or until a report of a later
// step comes. mean = sum of w x / sum of w over the good parts, x a part's value and w its weight;
// max and sum are of the good ones; last is that of the highest k. Items are put behind each other
// in the order of k. A joined mean, max or sum is BAD when the good parts carry less than half of
// the weight, a part that did not come counted with the mean weight of those that did.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monitor/base/types.h"
#include "monitor/wire/messages.h"

namespace phaseguard::wire {

inline constexpr std::int64_t kMostParts = 1024;  // of one step

// What is wrong with a report's `part` and `weight`: what was expected and found. "": nothing.
[[nodiscard]] std::string part_fault(const Report& report);

// As declared; else mean, and last for canary/, drift/ and probe/ and what comes with the canaries.
[[nodiscard]] Join join_of(const SignalDecl& declared, Report::Origin origin);

// What became of one value of a report.
enum class Taking : std::uint8_t {
  kWhole,     // no part: passed on as it is
  kPart,      // taken into the value of its step
  kRepeated,  // the same part again: the newer one counts
  kTooLate    // of a step that is joined already, or over: passed over
};

struct Joined {
  Step step;
  Report report;  // one sample, no part
  bool is_complete = true;
};

class Parts {
 public:
  // A new attempt: its signals, and whether its record is folded by Law::kJoins; else every report
  // is taken for a whole one. What was pending must have been taken before.
  void declare(const Hello& hello);
  // Steps may fall: after a rollback, when what was pending has been taken.
  void begin_segment();

  // Neither is there anything to join nor would this report be a part.
  [[nodiscard]] bool is_idle(const Report& report) const {
    return pending_.empty() && (!is_in_force_ || report.part.empty());
  }

  // The next report of the attempt at `step`. First what was pending of earlier steps, in order of
  // steps; then the report itself: with the values that are whole, or complete now. `taken`: by
  // sample, what became of it; may be null.
  [[nodiscard]] std::vector<Joined> take(const Report& report, Step step,
                                         std::vector<Taking>* taken = nullptr);
  // All that is pending, before a rollback, a resume, a gap or a goodbye.
  [[nodiscard]] std::vector<Joined> take_all();

  struct Part {
    std::int64_t k = 0;
    double weight = 1.0;
    Sample sample;
  };
  struct Pending {
    std::string signal;
    Step step{-1};
    std::int64_t n = 0;  // 0: not said
    std::int64_t origin = 0;
    std::int64_t batch = 0;   // of the newest part
    std::vector<Part> parts;  // of rising k
  };
  struct Done {
    std::string signal;
    Step step{-1};  // newest that was joined
  };
  // For a snapshot; what declare() sets is not in it.
  [[nodiscard]] std::vector<Pending>& pending() { return pending_; }
  [[nodiscard]] std::vector<Done>& done() { return done_; }

 private:
  [[nodiscard]] Joined join(const Pending& pending, bool is_complete);
  Taking take_part(const Report& report, const Sample& sample, Step step, Pending*& complete);
  [[nodiscard]] const SignalDecl* declaration_of(const std::string& signal) const;
  [[nodiscard]] Step& done_step(const std::string& signal);

  bool is_in_force_ = false;
  std::vector<SignalDecl> signals_;  // with the ranges in which values are GOOD
  std::vector<Pending> pending_;     // by signal, at most one step each
  std::vector<Done> done_;
};

}  // namespace phaseguard::wire
