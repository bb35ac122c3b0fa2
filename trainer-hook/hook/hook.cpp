#include "trainer-hook/hook/hook.h"

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace phaseguard::hook {

namespace {

// Nothing of ours may throw into training: what fails is reported as a failed request or lost as a
// dropped report.
template <class Work>
bool guarded(Work&& work) noexcept {
  try {
    std::forward<Work>(work)();
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

bool is_convex(const wire::Hello& hello, const std::string& knob) {
  return std::any_of(hello.knobs.begin(), hello.knobs.end(), [&](const wire::KnobDecl& declared) {
    return declared.name == knob && declared.form == wire::Form::kConvex;
  });
}

wire::RequestOutcome failed(std::int64_t id, std::string why) {
  return {id, wire::Outcome::kFailed, std::move(why), Step{-1}};
}

}  // namespace

Result<Hook> Hook::attach(Options options, wire::Hello hello, TrainerState state) {
  SnapshotRing snapshots(options.snapshots);
  const Step start = hello.start_step;
  hello.snapshots = hello.segments = true;
  if (Result<void> taken = snapshots.take(start, state); !taken)
    return tl::unexpected<Error>(taken.error());
  const bool convex = is_convex(hello, options.link.knob);
  Result<reporter::Reporter> link =
      reporter::Reporter::start(std::move(options.link), std::move(hello));
  if (!link) return tl::unexpected<Error>(link.error());
  Hook hook(std::move(*link), std::move(state), std::move(snapshots));
  hook.plan_.step = start;
  hook.convex_ = convex;
  return hook;
}

Hook::Hook(reporter::Reporter reporter, TrainerState state, SnapshotRing snapshots)
    : reporter_(std::move(reporter)), state_(std::move(state)), snapshots_(std::move(snapshots)) {}

void Hook::decide_batch(wire::Report report, Step step, double max_wait_s) noexcept {
  decided_ = &reporter_.decide(std::move(report), step, max_wait_s);
}

StepPlan Hook::begin_step(Step step) noexcept {
  plan_.step = step;
  plan_.rolled_back = plan_.pause = plan_.stop = false;
  plan_.checkpoint = !checkpoints_.empty();
  const bool worked = guarded([&] {
    // Requests first: the value that goes with a rollback was published before it.
    for (const wire::Request& request : reporter_.take_requests()) perform(request);
    const reporter::Latched& latched = decided_ ? *decided_ : reporter_.lambda();
    plan_.lambda = latched.value;
    plan_.items = latched.items;
    plan_.knobs = latched.knobs;
    plan_.cause = latched.cause.text();
    plan_.decision = latched.decision;
    plan_.source = latched.source;
    plan_.shadow = latched.shadow;
  });
  decided_ = nullptr;
  if (!worked) ++failures_;
  // A rollback's own step is the one from which the new segment goes on.
  reporter_.applied(plan_.step, plan_.segment, std::exchange(outcomes_, {}));
  return plan_;
}

void Hook::perform(const wire::Request& request) {
  if (request.type == wire::RequestType::kRollback) {
    roll_back(request);
  } else if (request.type == wire::RequestType::kCheckpoint) {
    plan_.checkpoint = true;
    checkpoints_.push_back(request.id);
  } else if (request.type == wire::RequestType::kPause ||
             request.type == wire::RequestType::kStop) {
    (request.type == wire::RequestType::kPause ? plan_.pause : plan_.stop) = true;
    outcomes_.push_back({request.id, wire::Outcome::kDone,
                         "handed to the trainer at step " + std::to_string(plan_.step.value),
                         Step{-1}});
  } else {
    outcomes_.push_back({request.id, wire::Outcome::kRefused,
                         "this hook knows no request \"" + request.type.text() + "\"", Step{-1}});
  }
}

void Hook::roll_back(const wire::Request& request) {
  const Result<Step> restored = snapshots_.restore(request.before_step, state_);
  if (!restored) {
    outcomes_.push_back(failed(request.id, restored.error().message));
    return;
  }
  plan_.rolled_back = true;
  plan_.step = *restored;
  ++plan_.segment;
  outcomes_.push_back({request.id, wire::Outcome::kDone,
                       "restored the snapshot of step " + std::to_string(restored->value),
                       *restored});
}

bool Hook::needs_penalty() const noexcept {
  if (plan_.items.empty()) return plan_.lambda != 0.0;
  return std::any_of(plan_.items.begin(), plan_.items.end(),
                     [](double item) { return item != 0.0; });
}

at::Tensor Hook::add_penalty(const at::Tensor& loss, const at::Tensor& kl) const {
  if (!needs_penalty()) return loss;
  if (plan_.items.empty()) {
    const at::Tensor sum = loss.add(kl.dim() == 0 ? kl : kl.mean(), plan_.lambda);
    return convex_ ? sum.div(1.0 + plan_.lambda) : sum;
  }
  const at::Tensor weights = at::tensor(plan_.items, kl.options().requires_grad(false));
  return loss.add(weights.mul(kl).mean());
}

void Hook::end_step(Step completed, const std::vector<reporter::SignalValue>& values) noexcept {
  for (std::size_t from = 0; from < values.size(); from += reporter::kMaxStepValues) {
    reporter_.step_values(completed, values.data() + from,
                          std::min(values.size() - from, reporter::kMaxStepValues));
  }
}

void Hook::report_canaries(Step step, std::vector<wire::Sample> samples) noexcept {
  wire::Report report;
  report.origin = wire::Report::Origin::kCanary;
  report.samples = std::move(samples);
  reporter_.send(std::move(report), step);
  const bool worked = guarded([&] {
    if (!snapshots_.take(step, state_)) ++failures_;
  });
  if (!worked) ++failures_;
}

void Hook::report_batch(Step step, std::vector<wire::Sample> samples, std::int64_t batch) noexcept {
  wire::Report report;
  report.origin = wire::Report::Origin::kBatch;
  report.samples = std::move(samples);
  report.batch = batch;
  reporter_.send(std::move(report), step);
}

void Hook::checkpoint_written(const std::string& detail, bool ok) noexcept {
  guarded([&] {
    for (const std::int64_t id : std::exchange(checkpoints_, {})) {
      outcomes_.push_back(
          {id, ok ? wire::Outcome::kDone : wire::Outcome::kFailed, detail, Step{-1}});
    }
  });
}

void Hook::finish(const std::string& reason, double max_flush_s) noexcept {
  if (!outcomes_.empty())
    reporter_.applied(plan_.step, plan_.segment, std::exchange(outcomes_, {}));
  reporter_.stop(reason, max_flush_s);
}

}  // namespace phaseguard::hook
