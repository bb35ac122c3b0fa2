#include "trainer-hook/reporter/journal.h"

#include <algorithm>
#include <utility>

#include "monitor/base/check.h"

namespace phaseguard::reporter {

namespace {

// What a queued message costs beside its own bytes.
constexpr std::size_t kEntryOverhead = sizeof(Journal::Entry);

const Journal::Entry* first_after(const std::deque<Journal::Entry>& queue, Seq seq) {
  const auto it = std::upper_bound(queue.begin(), queue.end(), seq,
                                   [](Seq s, const Journal::Entry& e) { return s < e.seq; });
  return it == queue.end() ? nullptr : &*it;
}

}  // namespace

void Journal::append(Seq seq, std::string bytes, Kind kind) {
  PHASEGUARD_CHECK(seq > last_);
  last_ = seq;
  bytes_ += bytes.size() + kEntryOverhead;
  (kind == Kind::kControl ? control_ : telemetry_).push_back({seq, std::move(bytes)});
  while (bytes_ > max_bytes_ && size() > 1) {
    std::deque<Entry>& queue = telemetry_.empty() ? control_ : telemetry_;
    last_dropped_ = std::max(last_dropped_, queue.front().seq);
    pop(queue);
    ++dropped_;
  }
}

void Journal::acknowledge(Seq ack) {
  while (!telemetry_.empty() && telemetry_.front().seq <= ack) pop(telemetry_);
  while (!control_.empty() && control_.front().seq <= ack) pop(control_);
}

const Journal::Entry* Journal::after(Seq seq) const {
  const Entry* telemetry = first_after(telemetry_, seq);
  const Entry* control = first_after(control_, seq);
  if (!telemetry || !control) return telemetry ? telemetry : control;
  return telemetry->seq < control->seq ? telemetry : control;
}

Seq Journal::whole_from() const {
  const Entry* first = after(last_dropped_);
  return first ? first->seq : Seq{last_.value + 1};
}

void Journal::pop(std::deque<Entry>& queue) {
  bytes_ -= queue.front().bytes.size() + kEntryOverhead;
  queue.pop_front();
}

}  // namespace phaseguard::reporter
