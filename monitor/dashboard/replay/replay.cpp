#include "monitor/dashboard/replay/replay.h"

#include <algorithm>

#include "monitor/base/text.h"
#include "monitor/base/time/utc.h"
#include "monitor/dashboard/model/describe.h"

namespace phaseguard::dashboard {
void Replay::take(const Batch& batch) {
  if (!run_) return;
  if (complete_) {
    tape_.add(*run_, batch.messages);
    return;
  }
  tape_.add(*run_, batch.recalled);
  waiting_.insert(waiting_.end(), batch.messages.begin(), batch.messages.end());
  complete_ = batch.recall_done;
  if (complete_) tape_.add(*run_, std::exchange(waiting_, {}));
}

void Replay::act(const Action& action, const Model& live, Now now) {
  if (const auto* timeline = std::get_if<OpenTimeline>(&action)) {
    const run::RunState* shown = live.shown();
    if (!timeline->open) close();
    if (timeline->open && shown != nullptr && run_ != shown->run) open_for(shown->run);
  } else if (const auto* place = std::get_if<GoTo>(&action)) {
    wanted_step_.reset();
    go(place->place);
  } else if (const auto* step = std::get_if<GoToStep>(&action)) {
    const run::RunState* shown = live.shown();
    if (!open() && shown != nullptr) open_for(shown->run);
    wanted_step_ = step->step;
  } else if (const auto* what = std::get_if<WhatIf>(&action)) {
    compare_with(what->policy);
  } else if (past() != nullptr && std::holds_alternative<SelectDecision>(action)) {
    past_->model().act(action, now);
  }
}

void Replay::tick(const Model& live, Now now) {
  if (!run_) return;
  const run::RunState* shown = live.shown();
  if (shown == nullptr || shown->run != *run_) {  // another run was chosen: it is shown as it is
    close();
    return;
  }
  if (wanted_step_ && complete_) {
    go(tape_.place_of(*wanted_step_));
    wanted_step_.reset();
  }
  if (past_ && at_ != kPresent) past_->advance(tape_, kPlayedPerFrame, now);
  if (alternative_ && complete_) alternative_->advance(tape_, kPlayedPerFrame);
}

void Replay::open_for(const RunId& run) {
  close();
  run_ = run;
  recall_ = run;
}

void Replay::close() {
  run_.reset();
  recall_.reset();
  tape_ = {};
  waiting_.clear();
  complete_ = false;
  at_ = kPresent;
  wanted_step_.reset();
  past_.reset();
  alternative_.reset();
  refused_.clear();
}

void Replay::go(std::size_t place) {
  at_ = place >= tape_.size() ? kPresent : place;
  if (at_ == kPresent || !run_) return;
  if (!past_) past_.emplace(*run_, "record of run " + run_->text());
  past_->aim(at_);
}

void Replay::compare_with(const std::string& policy) {
  alternative_.reset();
  refused_.clear();
  const auto found = std::find_if(candidates_.begin(), candidates_.end(),
                                  [&](const Candidate& each) { return each.name == policy; });
  if (policy.empty() || !run_ || found == candidates_.end()) return;
  auto made = Alternative::create(*found);
  if (made) {
    alternative_ = std::move(*made);
  } else {
    refused_ = made.error().message;
  }
}

std::string Replay::moment_text() const {
  if (past() == nullptr) return "";
  const Moment moment = tape_.moment(past_->place());
  if (past_->place() == 0) return "PAST: before the first message";
  return "PAST: step " + std::to_string(std::max<std::int64_t>(moment.step.value, 0)) +
         ", attempt " + std::to_string(moment.attempt) + ", " + utc_text(moment.t, kUtcMoment);
}

std::string Replay::problem() const {
  if (tape_.full()) {
    return "only the first " + std::to_string(kMostTaped) +
           " messages of the record: phaseguard replay reads them all";
  }
  if (past() != nullptr && !past_->problem().empty()) {
    return "rules as the last decision says: " + one_line(past_->problem());
  }
  return "";
}

std::map<std::string, std::vector<policy::Missing>> Replay::why(const run::RunState& state) {
  std::map<std::string, std::vector<policy::Missing>> all;
  if (!state.policy || !state.hello) return all;
  Read& read = read_[state.run.text()];
  if (read.text != state.policy->text) {
    read.text = state.policy->text;
    read.document = policy::parse(read.text, state.policy->name).document;
    if (read.document) read.document = policy::resolved(*read.document, *state.hello);
  }
  if (!read.document) return all;
  for (const wire::RuleEvidence& rule : state.rules) {
    all[rule.rule] =
        policy::why_not_yet(*read.document, rule.rule, state.rules, state.detectors, state.step);
  }
  return all;
}

}  // namespace phaseguard::dashboard
