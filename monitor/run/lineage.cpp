#include "monitor/run/lineage.h"

#include <algorithm>

#include "monitor/run/state.h"

namespace phaseguard::run {

namespace {

std::string number(std::int64_t n) { return std::to_string(n); }

// The newest checkpoint of the live line that the record knows of: a snapshot that was restored, or
// one that was asked for since.
Step newest_good(const RunState& state) {
  const Rollback& last = state.lineage.rollbacks.back();
  Step best = last.restored;
  for (const RequestState& request : state.requests) {
    const bool written = request.request.type == wire::RequestType::kCheckpoint &&
                         request.outcome == wire::Outcome::kDone && request.seq > last.seq;
    if (written) best = std::max(best, request.done_step);
  }
  return best;
}

std::string where(const Rollback& rollback) {
  return "step " + number(rollback.restored.value) + (rollback.is_seen ? "" : " or before");
}

std::string what_to_do(const RunState& state) {
  return "; resume from the checkpoint of step " + number(newest_good(state).value) +
         " or from one written after the rollback, or let this one in with `phaseguard "
         "allow-resume " +
         state.run.text() + " --reason WHY`";
}

// Each is a resume that can be told from another.
constexpr std::size_t kMostRollbacks = 1024;

}  // namespace

void add_rollback(Lineage& lineage, Rollback rollback) {
  lineage.count = rollback.number;
  std::vector<Rollback>& kept = lineage.rollbacks;
  kept.push_back(rollback);
  if (kept.size() <= kMostRollbacks) return;
  // The two oldest become one, so that no checkpoint of a line that was given up slips in.
  kept[1].restored = std::min(kept[0].restored, kept[1].restored);
  kept[1].is_seen = false;
  kept.erase(kept.begin());
}

Resume judge_resume(const RunState& state, const std::string& identity, const wire::Hello& hello) {
  const bool goes_on = hello.start_step > Step{0} && state.attempt > 0;
  const bool of_another = !hello.record.empty() && hello.record != identity;
  if (!goes_on || of_another) return {};
  const std::string begins = "it goes on from step " + number(hello.start_step.value);
  const bool says = hello.rollbacks >= 0;
  for (const Rollback& rollback : state.lineage.rollbacks) {
    if (hello.rollbacks >= rollback.number || hello.start_step <= rollback.restored) continue;
    const std::string line =
        says ? " of a line that rollback " + number(rollback.number) + " took back to "
             : " and does not say of which line, and rollback " + number(rollback.number) +
                   " went back to ";
    return {true, begins + line + where(rollback) + what_to_do(state)};
  }
  for (const Rollback& rollback : state.lineage.rollbacks) {
    if (!says || rollback.is_seen || hello.rollbacks >= rollback.number) continue;
    return {false, begins + " of a line from before rollback " + number(rollback.number) +
                       ", which nobody saw: it may have been taken back"};
  }
  if (!says) return {false, begins + " and does not say of which line its checkpoint is"};
  if (hello.rollbacks > state.lineage.count) {
    return {false, "it knows of " + number(hello.rollbacks) +
                       " rollbacks of this run, the record of " + number(state.lineage.count) +
                       ": a rollback that nobody saw"};
  }
  if (state.step >= Step{0} && hello.start_step > state.step) {
    return {false, begins + ", the record ends at step " + number(state.step.value) +
                       ": the steps between are not recorded"};
  }
  return {};
}

bool is_resume_allowed(const RunState& state) {
  const auto began = std::find_if(state.segments.rbegin(), state.segments.rend(),
                                  [](const Segment& segment) { return segment.segment == 0; });
  return std::any_of(state.commands.entries.begin(), state.commands.entries.end(),
                     [&](const Entry<wire::Command>& entry) {
                       return entry.body.action == wire::Action::kAllowResume &&
                              !entry.body.reason.empty() &&
                              (began == state.segments.rend() || entry.seq > began->seq);
                     });
}

}  // namespace phaseguard::run
