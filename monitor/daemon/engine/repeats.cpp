#include "monitor/daemon/engine/repeats.h"

#include <algorithm>

#include "monitor/daemon/engine/bounds.h"

namespace phaseguard::daemon {

void Repeats::pass(Seq from, Seq to) {
  const auto kept = static_cast<std::int64_t>(kKept);
  for (Seq n{std::max(from.value, to.value - kept + 1)}; n <= to; n = Seq{n.value + 1})
    newest_[place(n)] = {n, 0, true};
}

void Repeats::count(const wire::Message& frame) {
  const auto* report = std::get_if<wire::Report>(&frame.body);
  if (report == nullptr) return;
  const Known& known = newest_[place(frame.header.seq)];
  auto& values = known.number == frame.header.seq && known.passed ? late_ : duplicates_;
  for (const wire::Sample& sample : report->samples) {
    if (values.size() < kMostSeries || values.count(sample.signal) > 0) ++values[sample.signal];
  }
}

std::int64_t Repeats::values(wire::ReportFate fate, const std::string& signal) const {
  const auto& values = fate == wire::ReportFate::kLate ? late_ : duplicates_;
  const auto found = values.find(signal);
  return found == values.end() ? 0 : found->second;
}

}  // namespace phaseguard::daemon
