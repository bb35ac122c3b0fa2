#include "canaries/cadence.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "monitor/base/text.h"

namespace phaseguard::canaries {

namespace {

Result<void> check(const CadenceOptions& options) {
  const auto wrong = [](const std::string& what, const std::string& found) {
    return fail(Errc::kInvalidArgument, "cadence: expected " + what + ", found " + found);
  };
  if (options.every_steps < 1) {
    return wrong("every_steps of at least 1", std::to_string(options.every_steps));
  }
  if (options.total_steps < 0) {
    return wrong("total_steps of at least 0 (0: not known)", std::to_string(options.total_steps));
  }
  if (!(options.max_share > 0.0 && options.max_share <= 1.0)) {
    return wrong("max_share above 0 and at most 1", number_text(options.max_share));
  }
  if (options.max_stretch < 1) {
    return wrong("max_stretch of at least 1", std::to_string(options.max_stretch));
  }
  return {};
}

double share_of(double measuring_s, double training_s) {
  const double all = measuring_s + training_s;
  return all > 0.0 ? measuring_s / all : 0.0;
}

}  // namespace

Result<std::int64_t> affordable_cadence(const CadenceOptions& options, double measurement_s,
                                        double step_s) {
  if (auto ok = check(options); !ok) return tl::unexpected<Error>(ok.error());
  const auto is_duration = [](double s) { return std::isfinite(s) && s >= 0.0; };
  if (!is_duration(measurement_s) || !is_duration(step_s)) {
    return fail(Errc::kInvalidArgument, "cadence: expected durations in seconds, found " +
                                            number_text(measurement_s) + " for a measurement and " +
                                            number_text(step_s) + " for a step");
  }
  for (std::int64_t n = 1; n < options.max_stretch; ++n) {
    const double training_s = step_s * static_cast<double>(n * options.every_steps);
    if (share_of(measurement_s, training_s) <= options.max_share) return n * options.every_steps;
  }
  return options.max_stretch * options.every_steps;
}

Result<Cadence> Cadence::create(const CadenceOptions& options) {
  if (auto ok = check(options); !ok) return tl::unexpected<Error>(ok.error());
  return Cadence(options);
}

Cadence::Due Cadence::at(Step completed) const {
  if (completed.value < 0) return Due::kNo;
  if (options_.total_steps > 0 && completed.value == options_.total_steps) return Due::kMeasure;
  if (completed.value % options_.every_steps != 0) return Due::kNo;
  const std::int64_t nth = completed.value / options_.every_steps;
  return nth % stretch_ == 0 ? Due::kMeasure : Due::kSkip;
}

void Cadence::spent(double measurement_s, double training_s) {
  const bool usable = std::isfinite(measurement_s) && std::isfinite(training_s) &&
                      measurement_s >= 0.0 && training_s >= 0.0;
  if (!usable) return;
  measuring_s_ += measurement_s;
  training_s_ += training_s;
  const double share = share_of(measurement_s, training_s);
  if (training_s == 0.0) return;  // the baseline: nothing to compare with
  if (share > options_.max_share) {
    stretch_ = std::min(2 * stretch_, options_.max_stretch);
  } else if (share < 0.25 * options_.max_share) {
    stretch_ = std::max<std::int64_t>(stretch_ / 2, 1);
  }
}

double Cadence::share() const { return share_of(measuring_s_, training_s_); }

std::int64_t Cadence::left(Step completed) const {
  if (options_.total_steps == 0) return -1;
  const std::int64_t interval = options_.every_steps * stretch_;
  const std::int64_t total = options_.total_steps;
  const std::int64_t done = std::min(std::max<std::int64_t>(completed.value, 0), total);
  const std::int64_t regular = total / interval - done / interval;
  const bool last_is_extra = total % interval != 0 && done < total;
  return regular + (last_is_extra ? 1 : 0);
}

}  // namespace phaseguard::canaries
