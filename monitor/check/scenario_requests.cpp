// A request that comes several times and is to be done once; the end of the run.
#include <algorithm>

#include "monitor/base/table_text.h"
#include "monitor/base/text.h"
#include "monitor/check/scenario.h"

namespace phaseguard::check {

namespace {

constexpr std::int64_t kFirstRequest = 1, kStopRequest = 2;
constexpr std::int64_t kAtOnce = 3;      // of the same request
constexpr double kAfterwards = 1.5;      // seconds after it was asked for once more
constexpr double kEnds = 15.0;           // seconds after a stop
constexpr double kContested = 3.0;       // seconds in which it shows who sends
constexpr std::int64_t kNearTheEnd = 3;  // steps

bool can(const run::RunState& folded, wire::RequestType type) {
  if (!folded.hello) return false;
  const auto& all = folded.hello->requests;
  return std::find(all.begin(), all.end(), type) != all.end();
}

}  // namespace

void Scenario::begin_request(Now now) {
  for (const auto type : {wire::RequestType::kRollback, wire::RequestType::kCheckpoint}) {
    if (!can(folded_, type)) continue;
    type_ = type;
    request_ = kFirstRequest;
    segment_before_ = segment_;
    enter(Move::kRequest, now);
    for (std::int64_t i = 0; i < kAtOnce; ++i) ask(type, request_, now);
    return;
  }
  begin_lowering(now);
}

void Scenario::ask(wire::RequestType type, std::int64_t id, Now now) {
  wire::Request request;
  request.epoch = epoch_;
  request.id = id;
  request.type = type;
  request.reason = "conformance check";
  Out out;
  out.peer = peer_;
  out.message.header.run = folded_.run;
  out.message.header.seq = Seq{1};  // numbered when it leaves
  out.message.header.step = step_;
  out.message.header.t = now.wall_s;
  out.message.header.attempt = folded_.attempt;
  out.message.body = std::move(request);
  own_.push_back(std::move(out));
  asked_ += id == request_ ? 1 : 0;
}

void Scenario::on_outcome(const wire::Header& header, const wire::RequestOutcome& outcome) {
  if (request_ == 0 || outcome.id != request_) return;
  ++outcomes_;
  if (!outcome_) {
    outcome_ = outcome;
    return;
  }
  const bool is_same = outcome.status == outcome_->status && outcome.detail == outcome_->detail &&
                       outcome.restored_step == outcome_->restored_step;
  if (is_same && (asked_late_ || outcomes_ == 1)) return;
  findings_.add(Rule::kRequests, {"done twice",
                                  "expected request " + std::to_string(request_) + " (" +
                                      type_.text() + ") to be done once, found " +
                                      (is_same ? "its outcome again" : "another outcome of it"),
                                  header.seq, header.step});
}

void Scenario::await_outcome(Now now) {
  if (outcome_ && !asked_late_) {
    asked_late_ = true;
    enter(Move::kRequest, now);
    return ask(*type_.known(), request_, now);
  }
  if (!outcome_ && !is_overdue(now)) return;
  if (outcome_ && !has_waited(now, kAfterwards)) return;
  if (!outcome_)
    findings_.add(Rule::kRequests,
                  {"no outcome",
                   "expected the outcome of a " + type_.text() +
                       " in `applied`, found none since step " + std::to_string(since_step_.value),
                   Seq{}, step_});
  const bool rolls =
      type_ == wire::RequestType::kRollback && outcome_ && outcome_->status == wire::Outcome::kDone;
  if (rolls && segment_ != segment_before_ + 1)
    findings_.add(Rule::kRequests,
                  {segment_ > segment_before_ ? "done twice" : "segment not counted",
                   "expected segment " + std::to_string(segment_before_ + 1) +
                       " after one rollback, found " + std::to_string(segment_),
                   Seq{}, step_});
  begin_lowering(now);
}

// Watched for long enough, or about to end by itself: a trainer that can is asked to stop.
void Scenario::begin_stop(Now now) {
  if (numbers_.is_contested() && !has_waited(now, kContested)) return;
  const bool is_long_enough = watched_ >= least_steps_;
  if (!can(folded_, wire::RequestType::kStop)) {
    if (is_long_enough) enter(Move::kOver, now);
    return;
  }
  const bool ends_soon =
      folded_.total_steps > 0 && folded_.total_steps - step_.value <= kNearTheEnd;
  if (!is_long_enough && !ends_soon) return;
  const bool is_first = request_ == 0;
  if (is_first) {
    type_ = wire::RequestType::kStop;
    request_ = kStopRequest;
  }
  enter(Move::kStop, now);
  for (std::int64_t i = 0; i < kAtOnce; ++i) ask(wire::RequestType::kStop, kStopRequest, now);
}

void Scenario::await_end(Now now) {
  if (has_waited(now, kEnds)) enter(Move::kOver, now);
}

void Scenario::finish_requests() {
  if (request_ == 0) {
    const bool has_none = folded_.hello && folded_.hello->requests.empty();
    findings_.missed(Rule::kRequests, has_none ? "the hello declares no requests" : not_asked());
    return;
  }
  if (!outcome_ && move_ >= Move::kStop && !numbers_.is_contested())
    findings_.add(
        Rule::kRequests,
        {"no outcome", "expected the outcome of a " + type_.text() + " in `applied`, found none",
         Seq{}, step_});
  if (!outcome_) return findings_.missed(Rule::kRequests, not_asked());
  findings_.saw(Rule::kRequests, type_.text() + " sent " + counted(asked_, "time") + ", " +
                                     outcome_->status.text() + " once");
}

}  // namespace phaseguard::check
