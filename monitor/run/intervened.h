// Where a run under a policy in shadow mode ceased to be as if unwatched: the first step at which
// the trainer applied a value that an operator raised, or that was adopted from it. For who reads a
// record without folding it whole. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "monitor/wire/messages.h"

namespace phaseguard::run {

// A knob's value in force, for this cause, is such a one.
[[nodiscard]] bool is_intervention(const wire::AppliedKnob& applied, double initial);

class Intervened {
 public:
  void take(const wire::Message& recorded);  // in order; what says nothing of it is passed over
  [[nodiscard]] Step step() const { return step_; }  // -1: never

 private:
  bool shadow_ = false;
  std::vector<wire::KnobDecl> declared_;
  Step step_{-1};
};

// "intervened at step 9 of a policy in shadow mode, so it does not say ...", with the option that
// includes it nevertheless.
[[nodiscard]] std::string intervened_text(Step step);

}  // namespace phaseguard::run
