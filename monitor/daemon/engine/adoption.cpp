// What a trainer's hello says it holds and knows, against what this record holds.
#include <algorithm>
#include <utility>

#include "monitor/base/text.h"
#include "monitor/daemon/engine/run_slot.h"
#include "monitor/run/protection.h"

namespace phaseguard::daemon {

namespace {

// A gap begins a new range; the oldest are forgotten first. What is forgotten counts as not
// recorded: it is adopted once more, which raises at most.
constexpr std::size_t kMostRanges = 64;
constexpr std::size_t kMostCauses = 4096;
constexpr std::size_t kMostAttempts = 1024;

std::string key_of(const wire::Held& entry) {
  return entry.kind.text() + "/" + entry.name + "/" + entry.knob + "/" + entry.command + "/" +
         std::to_string(entry.attempt) + "/" + std::to_string(entry.number);
}

void add(std::set<std::string>& set, std::string key) {
  if (set.size() < kMostCauses) set.insert(std::move(key));
}

}  // namespace

void RunSlot::note_cause(const wire::Message& event) {
  if (const auto* command = std::get_if<wire::Command>(&event.body)) add(commands_, command->id);
  if (const auto* adopted = std::get_if<wire::Adopted>(&event.body)) {
    for (const wire::Held& entry : adopted->held) {
      const bool taken =
          entry.outcome == wire::Adoption::kAdopted || entry.outcome == wire::Adoption::kKept;
      if (taken) add(adopted_, key_of(entry));
    }
  }
  const std::int64_t number = event.header.source_seq.value;
  if (event.header.attempt < 1 || number < 1) return;
  auto& ranges = numbers_[event.header.attempt];
  if (numbers_.size() > kMostAttempts && numbers_.begin()->first != event.header.attempt)
    numbers_.erase(numbers_.begin());
  if (!ranges.empty() && number == ranges.back().second + 1) {
    ranges.back().second = number;
    return;
  }
  ranges.emplace_back(number, number);
  if (ranges.size() > kMostRanges) ranges.erase(ranges.begin());
}

// Numbers are a trainer's own: those of another record say nothing of an attempt that is not the
// hello's.
bool RunSlot::holds_cause(const wire::Hello& hello, const wire::Held& entry) const {
  if (adopted_.count(key_of(entry)) > 0) return true;
  // What a rule decides in shadow mode is not in force: its evidence on record holds nothing.
  if (shadow() && entry.kind != wire::HeldKind::kOperator) return false;
  if (!entry.command.empty()) return commands_.count(entry.command) > 0;
  const bool ours = hello.record.empty() || hello.record == identity_;
  if (entry.attempt != state_.attempt && !ours) return false;
  const auto ranges = numbers_.find(entry.attempt);
  return ranges != numbers_.end() &&
         std::any_of(ranges->second.begin(), ranges->second.end(), [&](const auto& range) {
           return entry.number >= range.first && entry.number <= range.second;
         });
}

wire::Adoption RunSlot::outcome_of(const wire::Message& hello, wire::Held& entry) const {
  const auto& said = std::get<wire::Hello>(hello.body);
  if (holds_cause(said, entry)) return wire::Adoption::kRecorded;
  const bool comes = !shadow() && said.from.value >= 0 && entry.command.empty() &&
                     entry.attempt == hello.header.attempt && entry.number >= said.from.value;
  if (comes) return wire::Adoption::kAwaited;
  machine()->judge(entry);
  return entry.outcome == wire::Adoption::kAdopted ? wire::Adoption::kAdopted
                                                   : wire::Adoption::kKept;
}

std::vector<wire::Held> RunSlot::adopt(const wire::Message& hello, Now now, Effects& effects) {
  const auto& said = std::get<wire::Hello>(hello.body);
  wire::Adopted adopted;
  adopted.held = said.held;
  bool news = false;
  for (wire::Held& entry : adopted.held) {
    entry.outcome = outcome_of(hello, entry);
    news =
        news || entry.outcome == wire::Adoption::kAdopted || entry.outcome == wire::Adoption::kKept;
  }
  const bool other = !said.record.empty() && said.record != identity_;
  const bool behind =
      !other && !said.record.empty() && said.position > std::max(restored_seq_, told_seq_);
  if (other && adopted_.count(said.record) == 0) {
    adopted.record = said.record;
    adopted_.insert(said.record);  // told once
    record_note_ =
        "the trainer knew another record of this run; what operators lowered or "
        "inhibited there is not in force here";
    news = true;
  }
  if (behind) {
    adopted.position = said.position;
    restored_seq_ = said.position;
    record_note_ = "this record is an older copy: the trainer has seen its place " +
                   std::to_string(said.position.value);
    news = true;
  }
  std::vector<wire::Held> echo = adopted.held;
  if (news) record_adopted(std::move(adopted), now, effects);
  return echo;
}

void RunSlot::record_adopted(wire::Adopted adopted, Now now, Effects& effects) {
  wire::Message event;
  event.header.run = run_;
  event.header.step = state_.step;
  event.header.t = now.wall_s;
  event.body = std::move(adopted);
  take(std::move(event), now, effects);
}

// Values in force for a cause that a person or a rule gave, by a decision that this record lacks.
wire::Adopted RunSlot::applied_elsewhere() const {
  wire::Adopted adopted;
  const std::vector<wire::KnobSetting> decided = machine()->settings_to_send();
  const std::int64_t last =
      state_.decisions.entries.empty() ? 0 : state_.decisions.entries.back().body.id;
  for (const auto& [name, knob] : state_.knobs) {
    const bool by_rule = knob.applied_cause.is(wire::CauseKind::kRule);
    const bool by_hand = knob.applied_cause.is(wire::CauseKind::kOperator);
    const bool known = knob.applied_decision > 0 && knob.applied_decision <= last;
    if (known || (!by_rule && !by_hand)) continue;
    const auto ours = std::find_if(
        decided.begin(), decided.end(),
        [&, wanted = name](const wire::KnobSetting& setting) { return setting.knob == wanted; });
    const wire::Protects protects = run::protects_of(knob.declaration.protects);
    if (ours != decided.end() && !run::is_lowering(protects, knob.applied_value, ours->value))
      continue;
    wire::Held entry;
    entry.kind = by_hand ? wire::HeldKind::kOperator : wire::HeldKind::kTrip;
    entry.name = knob.applied_cause.name();
    entry.knob = name;
    entry.value = knob.applied_value;
    entry.command = "decision " + std::to_string(knob.applied_decision) + " of another record";
    machine()->judge(entry);
    adopted.held.push_back(std::move(entry));
  }
  return adopted;
}

// True: just now. The first frame tells how far the trainer is; all up to there comes first.
bool RunSlot::may_command(const wire::Message& frame, Now now, Effects& effects) {
  if (is_looked_at_ || !machine()) return false;
  if (looks_until_ == Seq{}) looks_until_ = std::max(frame.header.seq, Seq{1});
  if (source_seq_ < looks_until_) return false;
  is_looked_at_ = true;
  wire::Adopted adopted = applied_elsewhere();
  if (!adopted.held.empty()) record_adopted(std::move(adopted), now, effects);
  return true;
}

}  // namespace phaseguard::daemon
