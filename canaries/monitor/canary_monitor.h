// The canary signals of a trainer of one's own, whole: from callbacks that run the model on a set
// of prompts to samples that Hook::report_canaries takes, and their declarations. What a callback
// or a file is not given for is neither declared nor sent. The trainer's thread; no gradient is
// recorded, no random number drawn, and after create() nothing throws.
//
//   auto monitor = CanaryMonitor::create(set, theta0, options);   before the first update
//   monitor->declare(hello);                                      before Hook::attach
//   hook.report_canaries(Step{n}, monitor->at(Step{n}, model));   at every step; empty: not due
#pragma once

#include <ATen/core/Tensor.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "canaries/cache/reference_cache.h"
#include "canaries/cadence.h"
#include "canaries/js/distribution.h"
#include "canaries/js/margin.h"
#include "canaries/prompts/canary_set.h"
#include "monitor/base/result.h"
#include "monitor/wire/messages.h"
#include "probe/files/direction_set.h"

namespace phaseguard::canaries {

// ln p of each canary's misaligned and aligned continuation, nats, [P] each.
struct Continuations {
  std::vector<double> misaligned, aligned;
};

// How a model answers a set, P canaries in its order. Called in this order within a measurement, so
// that one pass over the prompts may serve all three; without gradient. Switching dropout off is
// the callback's part, and putting back what it switched.
struct CanaryModel {
  // [P, V] logits of the token that follows each prompt; any floating type, stride and device.
  std::function<at::Tensor(const CanarySet&)> logits;
  std::function<Continuations(const CanarySet&)> continuations;
  // [P, H] states of the layer and position that probe and directions were fitted on.
  std::function<at::Tensor(const CanarySet&)> hidden;
};

struct MonitorOptions {
  CadenceOptions cadence;
  std::size_t distribution_tokens = 16;  // of canary/dist, beside all the others; 0: none
  // The reference's logits on disk: loaded where the file is, else written. Empty: in memory alone.
  std::filesystem::path cache;
  ReferenceId reference;    // of the cache; `canaries` is filled in, an empty dtype is "float32"
  std::size_t cache_k = 0;  // of a cache that is made: the likeliest k; 0: all of the vocabulary
  std::optional<probe::ActivationProbe> probe;
  std::optional<probe::DirectionSet> directions;
};

// What there is to send.
struct CanaryParts {
  JsVariant js = JsVariant::kFull;
  std::size_t distribution_tokens = 0;  // 0: no canary/dist
  bool margin = false;
  bool risk = false;
  std::vector<std::string> traits;
};
// Cadence, set and signals of a hello; the signals are put after those that are there.
void declare_canaries(wire::Hello& hello, const CanarySet& set, const CanaryParts& parts,
                      std::int64_t every_steps);

// Of one measurement; a part that was not measured is empty.
struct CanaryReading {
  JsSummary js;
  Distribution distribution;
  Margin margin;
  std::vector<double> risk;  // per canary, 0..1
  double risk_mean = 0.0;
  std::vector<double> drift;  // per trait, in sd of the reference, else in the states' own unit
  std::string trouble;        // what of it could not be measured and why; empty: nothing
};

class CanaryMonitor {
 public:
  // theta0: the model that training is held against: adapter off, a frozen copy, or before the
  // first update the model itself. Without its callbacks everything comes from the cache: the
  // divergence and the distribution. Errors: as CanarySet, ReferenceCache, TokenColumns and the
  // callbacks say; neither callback nor cache; a probe without states; a cache of another order of
  // canaries; a theta0 that is not the one of the cache (a resumed run that gives the trained
  // model).
  [[nodiscard]] static Result<CanaryMonitor> create(CanarySet set, const CanaryModel& theta0,
                                                    MonitorOptions options);

  void declare(wire::Hello& hello) const;

  // At `completed` updates: nothing where no measurement is due, each signal as missing where one
  // is left out for its cost, else all of them. A part that cannot be measured is sent as a value
  // that is not a number, and trouble() says why.
  [[nodiscard]] std::vector<wire::Sample> at(Step completed, const CanaryModel& model) noexcept;
  [[nodiscard]] const std::string& trouble() const { return trouble_; }  // of the last measurement

  // A measurement now, whatever the cadence says, and as samples.
  [[nodiscard]] CanaryReading read(const CanaryModel& model) const;
  [[nodiscard]] std::vector<wire::Sample> samples_of(const CanaryReading& reading) const;

  [[nodiscard]] const CanaryParts& parts() const { return parts_; }
  [[nodiscard]] const Cadence& cadence() const { return cadence_; }
  [[nodiscard]] const ReferenceCache& reference() const { return *cache_; }
  [[nodiscard]] const std::optional<probe::ActivationProbe>& probe() const {
    return options_.probe;
  }

 private:
  CanaryMonitor(CanarySet set, MonitorOptions options, const Cadence& cadence)
      : set_(std::move(set)), options_(std::move(options)), cadence_(cadence) {}
  Result<void> take_reference(const CanaryModel& theta0);
  Result<void> take_logits(const CanaryModel& theta0);
  Result<void> take_states(const CanaryModel& theta0);
  [[nodiscard]] std::vector<wire::Sample> missing() const;
  [[nodiscard]] std::vector<wire::Sample> measure(const CanaryModel& model);
  [[nodiscard]] Result<void> read_logits(const CanaryModel& model, CanaryReading& out) const;
  [[nodiscard]] Result<void> read_margin(const CanaryModel& model, CanaryReading& out) const;
  [[nodiscard]] Result<void> read_states(const CanaryModel& model, CanaryReading& out) const;

  using Clock = std::chrono::steady_clock;
  CanarySet set_;
  MonitorOptions options_;
  Cadence cadence_;
  CanaryParts parts_;
  std::optional<ReferenceCache> cache_;  // always there once created
  std::optional<TokenColumns> columns_;
  Continuations continuations_;                // the reference's
  probe::Features states_;                     // the reference's
  std::optional<Clock::time_point> measured_;  // when the last measurement ended
  std::string trouble_;
};

}  // namespace phaseguard::canaries
