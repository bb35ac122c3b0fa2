#include "monitor/check/timing.h"

#include <algorithm>
#include <cmath>

#include "monitor/base/table_text.h"
#include "monitor/base/text.h"

namespace phaseguard::check {

namespace {

constexpr double kMostOff = 60.0;     // seconds: both clocks are of one machine
constexpr double kSettled = 1.0;      // seconds of link before anything can be said
constexpr double kMostApplied = 5.0;  // seconds; the daemon's alarm is at as many
constexpr double kFast = 10.0;        // times the pace of this machine's clock
constexpr double kThousand = 1000.0;

double median(std::vector<double> all) {
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::nth_element(all.begin(), middle, all.end());
  return *middle;
}

}  // namespace

void Timing::add(Spans& spans, Step step, Now now) {
  if (spans.last) {
    const double span = seconds_between(*spans.last, now.mono);
    spans.seconds.push_back(span);
    if (span > spans.longest) {
      spans.longest = span;
      spans.longest_at = step;
      spans.steps_in_longest = step.value - spans.last_step.value;
    }
  }
  spans.last = now.mono;
  spans.last_step = step;
}

void Timing::on_frame(const wire::Message& message, bool is_new, Now now) {
  const Step step = message.header.step;
  if (first_step_ < Step{0}) first_step_ = step;
  newest_step_ = std::max(newest_step_, step);
  const bool is_beat = std::holds_alternative<wire::Heartbeat>(message.body);
  if (is_beat || (is_new && linked_since_)) on_time(message.header, now);
  if (!linked_since_) return;
  if (is_beat) add(heartbeats_, step, now);
  if (is_beat) on_beat(message.header.t, now);
  if (!std::holds_alternative<wire::Applied>(message.body)) return;
  ++applied_frames_;
  add(applied_, step, now);
}

void Timing::set_linked(bool linked, Now now) {
  if (linked == linked_since_.has_value()) return;
  if (!linked) linked_s_ += seconds_between(*linked_since_, now.mono);
  linked_since_ = linked ? std::optional(now.mono) : std::nullopt;
  heartbeats_.last.reset();
  applied_.last.reset();
  last_beat_.reset();
}

void Timing::on_stall(Now now) {
  if (heartbeats_.last) heartbeats_.last = now.mono;
  if (applied_.last) applied_.last = now.mono;
  last_beat_.reset();
}

void Timing::on_time(const wire::Header& header, Now now) {
  ++timed_;
  zero_ += header.t == 0.0 ? 1 : 0;
  thousandfold_ += std::fabs(header.t / kThousand - now.wall_s) <= kMostOff ? 1 : 0;
  const double off = header.t - now.wall_s;
  if (std::fabs(off) <= kMostOff) return;
  if (off_++ == 0) {
    off_number_ = header.seq;
    off_step_ = header.step;
  }
  if (!(std::fabs(off) <= std::fabs(most_off_))) most_off_ = off;
}

void Timing::on_recorded(const run::RunState& folded, const wire::Header& header) {
  const run::Fates& fates = folded.fates;
  if (std::isfinite(fates.jump_s) && fates.since_jump == 0) {
    clock_.try_emplace("clock spike",
                       Finding{"clock spike",
                               "expected the time of each message in seconds, found a jump of " +
                                   short_number(fates.jump_s) + " s",
                               header.source_seq, header.step});
  }
  if (fates.clock.standing() == run::kStandingToAlert)
    clock_.try_emplace("clock stands", Finding{"clock stands",
                                               "expected a clock that goes, found one that stood "
                                               "still for " +
                                                   counted(run::kStandingToAlert, "update"),
                                               header.source_seq, header.step});
}

void Timing::on_beat(double t, Now now) {
  if (last_beat_)
    paces_.push_back((t - last_beat_->first) / seconds_between(last_beat_->second, now.mono));
  last_beat_.emplace(t, now.mono);
}

// What is wrong with the clock as a whole, and not with single times.
std::optional<Finding> Timing::clock_mistake() const {
  const auto found = [&](const char* mistake, const std::string& what) {
    return Finding{mistake, "expected seconds since 1970, found " + what, off_number_, off_step_,
                   std::max<std::int64_t>(off_, 1)};
  };
  const double pace = paces_.empty() ? 1.0 : median(paces_);
  if (2 * zero_ > timed_) return found("clock zero", "0");
  if (2 * thousandfold_ > timed_) return found("milliseconds", "milliseconds since 1970");
  if (pace > kFast)
    return found(pace > kThousand / kFast ? "milliseconds" : "clock fast",
                 "times that go " + short_number(pace, 3) + " times as fast as this machine's");
  if (2 * off_ > timed_)
    return found("clock off", "times " + short_number(most_off_) + " s away from this machine's");
  return std::nullopt;
}

void Timing::finish_clock(Findings& findings) const {
  if (timed_ == 0) return findings.missed(Rule::kClock, "no frame with a time was heard");
  findings.saw(Rule::kClock,
               counted(timed_, "frame") + ", each within 60 s of this machine's clock");
  if (const auto mistake = clock_mistake()) return findings.add(Rule::kClock, *mistake);
  for (const auto& [name, finding] : clock_) findings.add(Rule::kClock, finding);
  if (off_ > 0)
    findings.add(Rule::kClock, {"clock spike",
                                "expected seconds since 1970, found a time " +
                                    short_number(most_off_) + " s away from this machine's",
                                off_number_, off_step_, off_});
}

void Timing::finish_heartbeats(Findings& findings, double linked_s) const {
  if (linked_s < kSettled)
    return findings.missed(Rule::kHeartbeat,
                           "the link lasted " + short_number(linked_s, 2) + " s only");
  const std::string expected =
      "expected one every " + std::to_string(heartbeat_ms_) + " ms, found ";
  if (heartbeats_.seconds.empty())
    return findings.add(Rule::kHeartbeat,
                        {"no heartbeats",
                         expected + (heartbeats_.last ? "a single one in " : "none in ") +
                             short_number(linked_s, 3) + " s of link",
                         Seq{}, newest_step_});
  const double usual = median(heartbeats_.seconds);
  if (usual * 1e3 > 2.0 * static_cast<double>(heartbeat_ms_))
    findings.add(
        Rule::kHeartbeat,
        {"rare heartbeats", expected + "one every " + short_number(usual, 3) + " s (median)", Seq{},
         newest_step_});
  if (heartbeats_.longest * 1e3 > static_cast<double>(stale_ms_))
    findings.add(Rule::kHeartbeat,
                 {"silence", expected + "none for " + short_number(heartbeats_.longest, 3) + " s",
                  Seq{}, heartbeats_.longest_at});
  findings.saw(Rule::kHeartbeat,
               counted(static_cast<std::int64_t>(heartbeats_.seconds.size()) + 1, "heartbeat") +
                   ", median " + short_number(usual, 3) + " s, longest gap " +
                   short_number(heartbeats_.longest, 3) + " s");
}

void Timing::finish_applied(Findings& findings, double linked_s) const {
  const std::int64_t steps = newest_step_.value - first_step_.value;
  if (applied_frames_ == 0 && (linked_s < 2.0 * kSettled || steps < 3))
    return findings.missed(Rule::kApplied, "the link lasted " + short_number(linked_s, 2) +
                                               " s and " +
                                               counted(std::max<std::int64_t>(steps, 0), "step"));
  if (applied_frames_ == 0)
    return findings.add(
        Rule::kApplied,
        {"no applied",
         "expected it at every change and every second, found none in " + counted(steps, "step"),
         Seq{}, newest_step_});
  if (applied_.longest > kMostApplied && applied_.steps_in_longest >= 2)
    findings.add(Rule::kApplied,
                 {"rare applied",
                  "expected it every second, found none for " + short_number(applied_.longest, 3) +
                      " s and " + counted(applied_.steps_in_longest, "step"),
                  Seq{}, applied_.longest_at});
  findings.saw(
      Rule::kApplied,
      counted(applied_frames_, "report") + " of what is in force" +
          (applied_.seconds.empty() ? ""
                                    : ", longest gap " + short_number(applied_.longest, 3) + " s"));
}

void Timing::finish(Findings& findings, Now now) const {
  const double linked_s =
      linked_s_ + (linked_since_ ? seconds_between(*linked_since_, now.mono) : 0.0);
  finish_clock(findings);
  finish_heartbeats(findings, linked_s);
  finish_applied(findings, linked_s);
}

}  // namespace phaseguard::check
