// The timeline of a run: an earlier moment that all panels show, another policy on the same record,
// and what a quiet rule lacks. Beside the Model, which goes on with the present. The shell gives it
// what the source gives, and asks the source for what it wants. Owned by the drawing thread; pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "monitor/dashboard/model/model.h"
#include "monitor/dashboard/replay/alternative.h"
#include "monitor/dashboard/replay/past.h"
#include "monitor/dashboard/replay/tape.h"
#include "monitor/policy/explain/why_not.h"

namespace phaseguard::dashboard {

inline constexpr std::size_t kPlayedPerFrame = 4000;  // messages, so that a frame stays short

class Replay {
 public:
  // Policies that may be tried, in this order.
  void offer(std::vector<Candidate> candidates) { candidates_ = std::move(candidates); }

  void take(const Batch& batch);
  // Does what a panel asked for; what is not for it is passed over. `live`: the present.
  void act(const Action& action, const Model& live, Now now);
  // Once a frame.
  void tick(const Model& live, Now now);
  // The run whose record is wanted from its first message on; given once.
  [[nodiscard]] std::optional<RunId> take_recall() { return std::exchange(recall_, std::nullopt); }

  [[nodiscard]] bool open() const { return run_.has_value(); }
  [[nodiscard]] bool complete() const { return complete_; }  // the record has come
  [[nodiscard]] const Tape& tape() const { return tape_; }
  // Of the run as it was; nullptr: the present is shown.
  [[nodiscard]] const Model* past() const {
    return at_ == kPresent || !past_ ? nullptr : &past_->model();
  }
  // How many messages have happened at the moment that is shown or on its way; tape().size() for
  // the present.
  [[nodiscard]] std::size_t place() const { return at_ == kPresent ? tape_.size() : at_; }
  // Of the way to that place, 0..1.
  [[nodiscard]] double progress() const { return past() == nullptr ? 1.0 : past_->progress(); }
  // "PAST: step 120, attempt 1, 14:03:22 UTC"; "" for the present.
  [[nodiscard]] std::string moment_text() const;
  // What cannot be shown, in a sentence; "": all can.
  [[nodiscard]] std::string problem() const;

  [[nodiscard]] const std::vector<Candidate>& candidates() const { return candidates_; }
  [[nodiscard]] const Alternative* alternative() const {
    return alternative_ ? &*alternative_ : nullptr;
  }
  [[nodiscard]] const std::string& refused() const {
    return refused_;
  }  // why a policy was not tried

  // What each quiet rule of this run lacks, by rule. Of a policy that cannot be read here: nothing.
  [[nodiscard]] std::map<std::string, std::vector<policy::Missing>> why(const run::RunState& state);

 private:
  void open_for(const RunId& run);
  void close();
  void go(std::size_t place);
  void compare_with(const std::string& policy);

  std::vector<Candidate> candidates_;
  std::optional<RunId> run_;  // whose timeline is open
  std::optional<RunId> recall_;
  Tape tape_;
  std::vector<wire::Message> waiting_;  // came while the record was on its way
  bool complete_ = false;
  std::size_t at_ = kPresent;
  std::optional<Step> wanted_step_;  // until the record has come
  std::optional<Past> past_;
  std::optional<Alternative> alternative_;
  std::string refused_;
  struct Read {
    std::string text;
    std::optional<policy::Document> document;
  };
  std::map<std::string, Read> read_;  // policies by run
};

}  // namespace phaseguard::dashboard
