// The run as it was after so many messages of its tape: the model that the panels draw from, and
// the policy played over the same messages, which says of its rules what a record does not. Pure.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "monitor/dashboard/model/model.h"
#include "monitor/dashboard/replay/tape.h"
#include "monitor/policy/engine/playback.h"

namespace phaseguard::dashboard {

class Past {
 public:
  // `label`: the place that the model names as its source.
  explicit Past(const RunId& run, std::string label);

  // The place that is wanted, at most tape.size().
  void aim(std::size_t place);
  // Plays at most so many messages towards it. A place before the one that is shown begins anew
  // from the first message; until that is reached, the old one stays.
  void advance(const Tape& tape, std::size_t messages, Now now);

  [[nodiscard]] std::size_t wanted() const { return wanted_; }
  [[nodiscard]] std::size_t place() const { return shown_->place; }  // of model()
  // Messages played of those that the wanted place needs, 0..1.
  [[nodiscard]] double progress() const;
  [[nodiscard]] bool arrived() const { return place() == wanted_; }
  [[nodiscard]] const Model& model() const { return shown_->model; }
  [[nodiscard]] Model& model() { return shown_->model; }
  // Why the rules are shown as the last decision says and no more; "": they are played.
  [[nodiscard]] const std::string& problem() const { return shown_->problem; }

 private:
  struct Played {
    Model model{"", "past"};
    policy::Playback playback;
    std::string problem;
    std::size_t place = 0;
  };
  void play(Played& played, const Tape& tape, std::size_t messages, Now now) const;

  RunId run_;
  std::string label_;
  std::size_t wanted_ = 0;
  std::unique_ptr<Played> shown_;
  std::unique_ptr<Played> next_;  // on its way to an earlier place; null: none is
};

}  // namespace phaseguard::dashboard
