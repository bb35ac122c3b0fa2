#include "canaries/monitor/canary_monitor.h"

#include <ATen/core/grad_mode.h>

#include <exception>
#include <limits>
#include <numeric>
#include <system_error>
#include <utility>

#include "monitor/base/text.h"
#include "monitor/tensors/tensor_guard.h"
#include "monitor/wire/signals.h"
#include "probe/probe_tensor.h"

namespace phaseguard::canaries {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
// Of one model's logits computed twice, in nats: other sizes of a batch round otherwise.
constexpr double kSameModel = 1e-4;

tl::unexpected<Error> about(const char* what, const Error& error) {
  return fail(error.code, std::string(what) + ": " + error.message);
}

// What a callback returned or threw, without gradient.
template <class T, class Callback>
Result<T> asked(const Callback& callback, const CanarySet& set) {
  if (!callback) return fail(Errc::kInvalidArgument, "the model has no callback for it");
  const auto threw = [](const char* what) {
    return fail(Errc::kInvalidArgument, std::string("the callback threw: ") + what);
  };
  try {
    const at::NoGradGuard no_grad;
    return callback(set);
  } catch (const c10::Error& error) {
    return threw(error.what_without_backtrace());
  } catch (const std::exception& error) {
    return threw(error.what());
  }
}

// Logits on the host: float32, [P, V], contiguous.
Result<at::Tensor> logits_of(const CanaryModel& model, const CanarySet& set) {
  auto made = asked<at::Tensor>(model.logits, set);
  if (!made) return made;
  const auto rows = static_cast<std::int64_t>(set.canaries.size());
  if (!made->defined() || made->dim() != 2 || made->size(0) != rows || !made->is_floating_point()) {
    return fail(Errc::kInvalidArgument, "expected floating logits [" + std::to_string(rows) +
                                            ", V], found " + shape_text(*made));
  }
  return guarded(
      [&]() -> Result<at::Tensor> { return made->detach().to(at::kCPU, at::kFloat).contiguous(); });
}

Span<const float> numbers_of(const at::Tensor& logits) {
  return {logits.data_ptr<float>(), static_cast<std::size_t>(logits.numel())};
}

Result<probe::Features> states_of(const CanaryModel& model, const CanarySet& set,
                                  at::Tensor* hidden = nullptr) {
  const auto made = asked<at::Tensor>(model.hidden, set);
  if (!made) return tl::unexpected<Error>(made.error());
  const auto rows = static_cast<std::int64_t>(set.canaries.size());
  if (made->defined() && made->dim() == 2 && made->size(0) != rows) {
    return fail(Errc::kInvalidArgument,
                "expected states [" + std::to_string(rows) + ", H], found " + shape_text(*made));
  }
  if (hidden != nullptr) *hidden = *made;
  return probe::features_of(*made);
}

CanaryReading nothing_measured(const CanaryParts& parts) {
  CanaryReading out;
  out.js.mean = out.js.max = out.js.mean_lower = out.js.mean_upper = kNaN;
  out.distribution.outside = out.margin.mean = out.risk_mean = kNaN;
  out.js.quality = out.distribution.quality = out.margin.quality = Quality::kBad;
  out.drift.assign(parts.traits.size(), kNaN);
  return out;
}

std::vector<wire::SignalDecl> signals_of(const CanaryParts& parts, std::int64_t every_steps) {
  std::vector<wire::SignalDecl> out;
  const auto add = [&](const std::string& name, const char* variant = "") -> wire::SignalDecl& {
    out.push_back(wire::declare_signal(name, every_steps));
    out.back().variant = variant;
    return out.back();
  };
  add("canary/js", name_of(parts.js));
  add("canary/js_max", name_of(parts.js));
  if (parts.distribution_tokens > 0) {
    add("canary/dist", name_of(JsVariant::kRefTopkTail)).columns =
        static_cast<std::int64_t>(parts.distribution_tokens) + 1;
  }
  if (parts.margin) add("canary/margin");
  if (parts.risk) add("probe/risk");
  for (const std::string& trait : parts.traits) add("drift/" + trait);
  return out;
}

}  // namespace

void declare_canaries(wire::Hello& hello, const CanarySet& set, const CanaryParts& parts,
                      std::int64_t every_steps) {
  hello.cadence_steps = every_steps;
  hello.canary_set = set.name;
  hello.canary_digest = hex(digest(set));
  hello.canary_ids = set.ids();
  for (wire::SignalDecl& signal : signals_of(parts, every_steps)) {
    hello.signals.push_back(std::move(signal));
  }
}

Result<CanaryMonitor> CanaryMonitor::create(CanarySet set, const CanaryModel& theta0,
                                            MonitorOptions options) {
  if (set.canaries.empty()) {
    return fail(Errc::kInvalidArgument, "canary monitor: expected at least one canary, found none");
  }
  const auto cadence = Cadence::create(options.cadence);
  if (!cadence) return tl::unexpected<Error>(cadence.error());
  CanaryMonitor monitor(std::move(set), std::move(options), *cadence);
  if (auto ok = monitor.take_reference(theta0); !ok) return tl::unexpected<Error>(ok.error());
  return monitor;
}

Result<void> CanaryMonitor::take_reference(const CanaryModel& theta0) {
  if (auto ok = take_logits(theta0); !ok)
    return about("canary monitor, theta0's logits", ok.error());
  parts_.js = cache_->variant();
  if (options_.distribution_tokens > 0) {
    auto columns = cache_->columns(options_.distribution_tokens);
    if (!columns) return about("canary monitor, distribution_tokens", columns.error());
    columns_ = std::move(*columns);
    parts_.distribution_tokens = options_.distribution_tokens;
  }
  if (theta0.continuations) {
    auto found = asked<Continuations>(theta0.continuations, set_);
    if (!found) return about("canary monitor, theta0's continuations", found.error());
    continuations_ = std::move(*found);
    CanaryReading unmoved;
    CanaryModel same;
    same.continuations = [this](const CanarySet&) { return continuations_; };
    if (auto ok = read_margin(same, unmoved); !ok) {
      return about("canary monitor, theta0's continuations", ok.error());
    }
    parts_.margin = true;
  }
  if (options_.probe || options_.directions) {
    if (auto ok = take_states(theta0); !ok)
      return about("canary monitor, theta0's states", ok.error());
  }
  return {};
}

Result<void> CanaryMonitor::take_logits(const CanaryModel& theta0) {
  const bool kept = !options_.cache.empty();
  std::error_code ignored;
  const bool there = kept && std::filesystem::exists(options_.cache, ignored);
  if (!theta0.logits && !there) {
    return fail(Errc::kInvalidArgument, kept ? "expected the cache " + options_.cache.string() +
                                                   " or a callback that makes it, found neither"
                                             : "expected a callback or a cache, found neither");
  }
  ReferenceId id = options_.reference;
  id.canaries = hex(digest(set_));
  if (id.dtype.empty()) id.dtype = "float32";
  if (!kept) {
    for (std::string* field : {&id.model, &id.weights, &id.tokenizer, &id.prompts}) {
      if (field->empty()) *field = "not said";
    }
  }
  if (there) {
    auto loaded = ReferenceCache::load(options_.cache, id);
    if (!loaded) return tl::unexpected<Error>(loaded.error());
    // The digest is of the set in any order; the rows of the cache are in one.
    if (loaded->canary_ids() != set_.ids()) {
      return fail(Errc::kConflict, options_.cache.string() +
                                       ": holds the canaries in another order than the set; make "
                                       "it again with this set");
    }
    cache_ = std::move(*loaded);
  }
  if (!theta0.logits) return {};
  const auto logits = logits_of(theta0, set_);
  if (!logits) return tl::unexpected<Error>(logits.error());
  if (there) {
    const auto apart = cache_->compare(numbers_of(*logits));
    if (!apart) return tl::unexpected<Error>(apart.error());
    if (apart->max <= kSameModel) return {};
    return fail(Errc::kConflict, options_.cache.string() +
                                     ": expected the model that the cache was made of, found one " +
                                     number_text(apart->max) +
                                     " nats from it; give callbacks that run theta0 (adapter off), "
                                     "or none and measure by the cache alone");
  }
  auto made =
      ReferenceCache::create(std::move(id), set_.ids(), numbers_of(*logits), options_.cache_k);
  if (!made) return tl::unexpected<Error>(made.error());
  cache_ = std::move(*made);
  return kept ? cache_->save(options_.cache) : Result<void>{};
}

Result<void> CanaryMonitor::take_states(const CanaryModel& theta0) {
  if (!theta0.hidden) {
    return fail(Errc::kInvalidArgument,
                "expected a callback, since a probe or directions are given, found none");
  }
  at::Tensor hidden;
  auto states = states_of(theta0, set_, &hidden);
  if (!states) return tl::unexpected<Error>(states.error());
  states_ = std::move(*states);
  parts_.risk = options_.probe.has_value();
  if (options_.directions) {
    for (const probe::TraitDirection& one : options_.directions->directions()) {
      parts_.traits.push_back(one.trait());
    }
  }
  // Of another width they fail here, not at the first measurement.
  CanaryReading unmoved = nothing_measured(parts_);
  CanaryModel same;
  same.hidden = [&hidden](const CanarySet&) { return hidden; };
  return read_states(same, unmoved);
}

void CanaryMonitor::declare(wire::Hello& hello) const {
  declare_canaries(hello, set_, parts_, options_.cadence.every_steps);
}

std::vector<wire::Sample> CanaryMonitor::missing() const {
  std::vector<wire::Sample> out;
  for (const wire::SignalDecl& signal : signals_of(parts_, options_.cadence.every_steps)) {
    out.push_back(wire::sample_of(signal.name, kNaN));
    out.back().missing = true;
  }
  return out;
}

std::vector<wire::Sample> CanaryMonitor::at(Step completed, const CanaryModel& model) noexcept {
  try {
    const Cadence::Due due = cadence_.at(completed);
    if (due == Cadence::Due::kNo) return {};
    return due == Cadence::Due::kSkip ? missing() : measure(model);
  } catch (...) {  // a full memory, or what a callback threw that is no std::exception
    return {};
  }
}

std::vector<wire::Sample> CanaryMonitor::measure(const CanaryModel& model) {
  const auto begun = Clock::now();
  CanaryReading reading = read(model);
  const auto ended = Clock::now();
  const auto seconds = [](Clock::duration d) { return std::chrono::duration<double>(d).count(); };
  cadence_.spent(seconds(ended - begun), measured_ ? seconds(begun - *measured_) : 0.0);
  measured_ = ended;
  trouble_ = std::move(reading.trouble);
  return samples_of(reading);
}

CanaryReading CanaryMonitor::read(const CanaryModel& model) const {
  CanaryReading out = nothing_measured(parts_);
  const auto note = [&out](const char* part, const Result<void>& done) {
    if (done) return;
    out.trouble += (out.trouble.empty() ? "" : "; ") + (part + (": " + done.error().message));
  };
  note("logits of the canaries", read_logits(model, out));
  if (parts_.margin) note("continuations of the canaries", read_margin(model, out));
  if (options_.probe || options_.directions)
    note("states at the canaries", read_states(model, out));
  return out;
}

Result<void> CanaryMonitor::read_logits(const CanaryModel& model, CanaryReading& out) const {
  const auto logits = logits_of(model, set_);
  if (!logits) return tl::unexpected<Error>(logits.error());
  if (columns_) {
    auto both = cache_->compare(numbers_of(*logits), *columns_);
    if (!both) return tl::unexpected<Error>(both.error());
    out.js = std::move(both->js);
    out.distribution = std::move(both->distribution);
    return {};
  }
  auto js = cache_->compare(numbers_of(*logits));
  if (!js) return tl::unexpected<Error>(js.error());
  out.js = std::move(*js);
  return {};
}

Result<void> CanaryMonitor::read_margin(const CanaryModel& model, CanaryReading& out) const {
  const auto now = asked<Continuations>(model.continuations, set_);
  if (!now) return tl::unexpected<Error>(now.error());
  if (now->misaligned.size() != set_.canaries.size()) {
    return fail(Errc::kInvalidArgument,
                "expected a pair for each of " + std::to_string(set_.canaries.size()) +
                    " canaries, found " + std::to_string(now->misaligned.size()));
  }
  auto margin = canary_margin(
      {now->misaligned, now->aligned, continuations_.misaligned, continuations_.aligned});
  if (!margin) return tl::unexpected<Error>(margin.error());
  out.margin = std::move(*margin);
  return {};
}

Result<void> CanaryMonitor::read_states(const CanaryModel& model, CanaryReading& out) const {
  at::Tensor hidden;
  const auto now = states_of(model, set_, &hidden);
  if (!now) return tl::unexpected<Error>(now.error());
  if (options_.probe) {
    auto risk = probe::score(*options_.probe, hidden);
    if (!risk) return tl::unexpected<Error>(risk.error());
    out.risk = std::move(*risk);
    out.risk_mean = std::accumulate(out.risk.begin(), out.risk.end(), 0.0) /
                    static_cast<double>(out.risk.size());
  }
  if (!options_.directions) return {};
  const auto drifts = options_.directions->drift(states_, *now);
  if (!drifts) return tl::unexpected<Error>(drifts.error());
  for (std::size_t i = 0; i < drifts->size(); ++i) {
    const probe::Drift& one = (*drifts)[i].drift;
    out.drift[i] = one.drift_in_sd.value_or(one.drift);
  }
  return {};
}

std::vector<wire::Sample> CanaryMonitor::samples_of(const CanaryReading& reading) const {
  std::vector<double> per_canary;
  for (const JsValue& value : reading.js.per_canary) per_canary.push_back(value.value);
  std::vector<wire::Sample> out{
      wire::sample_of("canary/js", reading.js.mean, std::move(per_canary)),
      wire::sample_of("canary/js_max", reading.js.max)};
  if (parts_.js != JsVariant::kFull) {
    out.front().lower = reading.js.mean_lower;
    out.front().upper = reading.js.mean_upper;
  }
  if (columns_) {
    out.push_back(
        wire::sample_of("canary/dist", reading.distribution.outside, reading.distribution.rows));
  }
  if (parts_.margin) {
    out.push_back(wire::sample_of("canary/margin", reading.margin.mean, reading.margin.per_canary));
  }
  if (parts_.risk) out.push_back(wire::sample_of("probe/risk", reading.risk_mean, reading.risk));
  for (std::size_t i = 0; i < parts_.traits.size(); ++i) {
    out.push_back(wire::sample_of("drift/" + parts_.traits[i], reading.drift[i]));
  }
  return out;
}

}  // namespace phaseguard::canaries
