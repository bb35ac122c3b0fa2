#include "monitor/daemon/engine/bounds.h"

#include <algorithm>
#include <utility>

#include "monitor/daemon/engine/run_slot.h"
#include "monitor/wire/codec.h"

namespace phaseguard::daemon {

namespace {

constexpr std::size_t kKept = 64;         // newest entries of a list
constexpr std::size_t kKeptStory = 4096;  // ... of what tells a run's course: segments, requests
constexpr std::int64_t kMinuteNs = 60'000'000'000;
constexpr std::int64_t kPassedOverNs = 10'000'000'000;
constexpr std::size_t kNamed = 8;

template <class List>
void shorten(List& list, std::size_t kept = kKept) {
  if (list.size() > kept) list.erase(list.begin(), list.end() - static_cast<std::ptrdiff_t>(kept));
}

// An empty one would mean that the knob never had a value.
void keep_last(run::Series& series) {
  if (series.size() <= kKept) return;
  const std::size_t last = series.size() - 1;
  run::Series kept;
  kept.append(series.step_at(last), series.t_at(last), series.value_at(last),
              series.quality_at(last));
  series = std::move(kept);
}

}  // namespace

std::size_t footprint(const wire::Message& message) {
  const auto* report = std::get_if<wire::Report>(&message.body);
  // Decoded texts take more than their bytes on the wire.
  if (report == nullptr) return sizeof message + 2 * wire::encode(message).size();
  std::size_t bytes = sizeof message;
  for (const wire::Sample& sample : report->samples) {
    bytes += sizeof sample + sample.signal.size() + sample.items.size() * sizeof(double);
  }
  return bytes;
}

std::size_t drop_unread(wire::Report& report, const policy::Machine& machine) {
  std::vector<wire::Sample>& samples = report.samples;
  const auto read_end =
      std::remove_if(samples.begin(), samples.end(),
                     [&](const wire::Sample& sample) { return !machine.reads(sample.signal); });
  const auto dropped = static_cast<std::size_t>(samples.end() - read_end);
  samples.erase(read_end, samples.end());
  samples.shrink_to_fit();
  return dropped;
}

std::size_t series_with(const run::RunState& state, const wire::Hello& hello) {
  std::size_t n = state.signals.size();
  for (const wire::SignalDecl& signal : hello.signals) {
    n += state.signals.count(signal.name) == 0 ? 1 : 0;
    if (signal.items == wire::Items::kCanary) n += hello.canary_ids.size();
  }
  return n;
}

void forget_old(run::RunState& state) {
  for (auto& [name, signal] : state.signals) signal.series = run::Series();
  for (auto& [source, derived] : state.derived) derived.series = run::Series();
  for (auto& [name, knob] : state.knobs) {
    keep_last(knob.decided);
    keep_last(knob.applied);
    shorten(knob.on_decided);
    shorten(knob.on_applied);
    shorten(knob.applied_causes);
  }
  shorten(state.segments, kKeptStory);
  shorten(state.decisions.entries);
  shorten(state.links.entries);
  shorten(state.alerts.entries);
  auto& requests = state.requests;  // one without an outcome is sent again
  std::size_t old = requests.size() > kKeptStory ? requests.size() - kKeptStory : 0;
  requests.erase(std::remove_if(requests.begin(), requests.end(),
                                [&](const run::RequestState& request) {
                                  const bool goes = old > 0 && !request.outcome.empty();
                                  old -= old > 0 ? 1 : 0;
                                  return goes;
                                }),
                 requests.end());
}

bool Allowance::take(Nanos now) {
  if (now >= until_) {
    until_ = Nanos{now.value + kMinuteNs};
    taken_ = 0;
  }
  if (taken_ < most_) {
    ++taken_;
    return true;
  }
  ++held_back_;
  return false;
}

void RefusedHellos::add(const RunId& run, const wire::Reject& reject, Nanos now) {
  const auto known = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.run == run && entry.code == reject.code;
  });
  Entry entry{run, reject.code, reject.reason.substr(0, kMostReason), 1, now};
  std::replace(entry.reason.begin(), entry.reason.end(), '\n', ' ');
  if (known != entries_.end()) {
    entry.times += known->times;
    entries_.erase(known);
  }
  entries_.push_front(std::move(entry));
  if (entries_.size() > kMost) entries_.pop_back();
}

std::string RefusedHellos::text(const RunId& run, Nanos now) const {
  std::string out;
  for (const Entry& entry : entries_) {
    if (!run.empty() && entry.run != run) continue;
    out += (out.empty() ? "" : "\n") + std::string("hello of ") +
           (entry.run.empty() ? "no run" : entry.run.text()) + " refused " +
           std::to_string(entry.times) + (entry.times == 1 ? " time" : " times") + ", last " +
           std::to_string((now.value - entry.last.value) / 1'000'000'000) + " s ago (" +
           entry.code.text() + "): " + entry.reason;
  }
  return out;
}

std::string PassedOver::line(std::size_t waiting, Nanos now) {
  if (frames_ == 0 || now < next_) return "";
  next_ = Nanos{now.value + kPassedOverNs};
  std::string names;
  std::size_t named = 0;
  for (auto run = runs_.begin(); run != runs_.end() && named < kNamed; ++run, ++named)
    names += (named == 0 ? "" : ", ") + run->text();
  if (named < runs_.size()) names += " and " + std::to_string(runs_.size() - named) + " more";
  const std::string count = std::to_string(runs_.size()) + (runs_.size() == 1 ? " run" : " runs");
  runs_.clear();
  return "frames are passed over (" + std::to_string(std::exchange(frames_, 0)) + " of " + count +
         "): " + std::to_string(waiting) +
         " bytes wait for the disk; the trainers keep them: " + names;
}

// A name beyond what is remembered is left out before it is recorded: so nobody's memory grows.
void RunSlot::leave_out_names(wire::Message& frame, Effects& effects) {
  const std::int64_t before = left_out_;
  if (auto* report = std::get_if<wire::Report>(&frame.body)) {
    auto& all = report->samples;
    const auto unknown = [&](const wire::Sample& sample) {
      return is_left_out(state_.signals.count(sample.signal) > 0, sample.signal);
    };
    all.erase(std::remove_if(all.begin(), all.end(), unknown), all.end());
  } else if (auto* applied = std::get_if<wire::Applied>(&frame.body)) {
    auto& all = applied->knobs;
    const auto unknown = [&](const wire::AppliedKnob& knob) {
      return is_left_out(state_.knobs.count(knob.name) > 0, knob.name);
    };
    all.erase(std::remove_if(all.begin(), all.end(), unknown), all.end());
  }
  const bool doubled = before == 0 ? left_out_ > 0 : left_out_ >= 2 * told_left_out_;
  if (left_out_ == before || !doubled) return;
  told_left_out_ = left_out_;
  effects.log.push_back(
      {LogLine::Level::kWarning,
       run_.text() + ": " + std::to_string(left_out_) + " values left out: the trainer has named " +
           std::to_string(kMostUndeclared) + " signals and knobs that it did not declare"});
}

bool RunSlot::is_left_out(bool known, const std::string& name) {
  if (known || undeclared_.count(name) > 0) return false;
  if (undeclared_.size() < kMostUndeclared) {
    undeclared_.insert(name);
    return false;
  }
  ++left_out_;
  return true;
}

// Of a record that is taken up again.
void RunSlot::note_undeclared() {
  for (const auto& [name, signal] : state_.signals) {
    if (!signal.declared) undeclared_.insert(name);
  }
}

// Once one was passed over, no later one counts: what is acknowledged has no holes.
bool RunSlot::has_room(const wire::Message& frame, std::size_t waiting) {
  if (missed_) return false;
  missed_ = unwritten_ && waiting + footprint(frame) > settings_->most_waiting_bytes;
  return !missed_;
}

// False: nothing of it is left to be recorded.
bool RunSlot::thin(wire::Message& frame, std::size_t waiting, Effects& effects) {
  auto* report = std::get_if<wire::Report>(&frame.body);
  if (report == nullptr || !unwritten_ || waiting <= settings_->thin_above_bytes) return true;
  const std::size_t dropped = drop_unread(*report, *machine());
  if (dropped == 0) return true;
  dropped_ += static_cast<std::int64_t>(dropped);
  if (!std::exchange(dropping_, true)) {
    effects.log.push_back({LogLine::Level::kError,
                           run_.text() + ": samples that no policy reads are dropped until its "
                                         "record can be written"});
  }
  // By its step a measurement is missing, a lowering over: that counts, also of an empty report.
  return !report->samples.empty() || frame.header.step != state_.step || report->wants_control ||
         report->origin == wire::Report::Origin::kBatch;
}

void RunSlot::tell_dropped(Effects& effects) {
  if (unwritten_ || !std::exchange(dropping_, false)) return;
  effects.log.push_back({LogLine::Level::kWarning, run_.text() + ": its record is written again; " +
                                                       std::to_string(dropped_) +
                                                       " samples that no policy reads are lost"});
}

void RunSlot::add_bounds(std::vector<wire::Alert>& out) const {
  if (missed_) {
    out.push_back({wire::Severity::kCritical, wire::AlertKind::kRecord,
                   "nothing more is taken from its trainer until the record can be written; " +
                       guard_text()});
  }
  if (left_out_ > 0) {
    out.push_back(
        {wire::Severity::kMedium, wire::AlertKind::kLink,
         std::to_string(left_out_) + " values were left out: the trainer has named more than " +
             std::to_string(kMostUndeclared) + " signals and knobs that it did not declare"});
  }
  if (dropped_ > 0) {
    out.push_back({wire::Severity::kMedium, wire::AlertKind::kRecord,
                   std::to_string(dropped_) +
                       " samples that no policy reads were dropped while the record could not be "
                       "written"});
  }
}

}  // namespace phaseguard::daemon
