#include "monitor/daemon/engine/repeats.h"

#include "monitor/daemon/engine/bounds.h"

namespace phaseguard::daemon {

void Repeats::count(const wire::Message& frame) {
  const auto* report = std::get_if<wire::Report>(&frame.body);
  if (report == nullptr) return;
  for (const wire::Sample& sample : report->samples) {
    if (values_.size() < kMostSeries || values_.count(sample.signal) > 0) ++values_[sample.signal];
  }
}

std::int64_t Repeats::values(const std::string& signal) const {
  const auto found = values_.find(signal);
  return found == values_.end() ? 0 : found->second;
}

}  // namespace phaseguard::daemon
