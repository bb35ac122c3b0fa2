#include "trainer-hook/lab/finetune.h"

#include <ATen/ops/add.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <thread>
#include <utility>

namespace phaseguard::lab {
namespace {

// Indices into the declared signals of the scalars that every step reports.
enum StepSignal : std::int32_t { kLoss, kCrossEntropy, kKl, kGradientNorm, kLearningRate };

wire::Sample sample(std::string signal, double value, std::vector<double> items = {}) {
  wire::Sample out;
  out.signal = std::move(signal);
  out.value = value;
  out.items = std::move(items);
  return out;
}

std::vector<wire::Sample> canary_samples(const CanaryReading& r) {
  return {sample("canary/js", r.js_mean, r.js), sample("canary/js_max", r.js_max),
          sample("canary/margin", r.margin_mean, r.margin),
          sample("probe/risk", r.risk_mean, r.risk), sample("drift/misaligned_persona", r.drift)};
}

std::vector<wire::Sample> batch_samples(const BatchReading& r) {
  return {sample("judge/score", r.judge_mean, r.judge), sample("data/llr", r.llr_mean, r.llr),
          sample("data/llr_share", r.llr_share), sample("data/ref_nll", r.ref_nll),
          sample("data/ref_nll_decisive", r.ref_nll_decisive)};
}

// The run's loop variables, so that its parts stay short.
class Run {
 public:
  Run(const Transformer& model, std::optional<CanaryMonitor> canaries, Tuner& tuner,
      const FinetuneOptions& options, hook::Hook* hook, const FinetuneEvents& events)
      : model_(model),
        canaries_(std::move(canaries)),
        tuner_(tuner),
        options_(options),
        hook_(hook),
        events_(events) {}

  Result<FinetuneResult> go(const std::atomic<bool>& stop) {
    std::int64_t step = 0;
    while (step < options_.tune.steps) {
      if (stop.load()) {
        result_.interrupted = true;
        break;
      }
      const TuneBatch batch = tuner_.draw();
      if (step % kCadence == 0) {
        if (const auto ok = measure(step, &batch); !ok) return tl::unexpected(ok.error());
      }
      hook::StepPlan plan = begin(step);
      if (plan.stop) break;
      step = plan.step.value;
      update(batch, step, plan);
      ++step;
      if (options_.step_delay_ms > 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(options_.step_delay_ms));
      }
    }
    if (!result_.interrupted) {
      if (const auto ok = measure(step, nullptr); !ok) return tl::unexpected(ok.error());
    }
    result_.mean_lambda =
        lambda_sum_ / static_cast<double>(std::max<std::int64_t>(1, result_.updates));
    return result_;
  }

 private:
  // `batch` null after the last update: there is no next batch to score.
  Status measure(std::int64_t step, const TuneBatch* batch) {
    if (!canaries_) return {};
    Measurement m;
    m.step = step;
    m.segment = segment_;
    auto reading = canaries_->read(model_, Adapter::kOn);
    if (!reading) return tl::unexpected(reading.error());
    m.canary = std::move(*reading);
    if (batch != nullptr) m.batch = read_batch(model_, *batch);
    if (events_.on_measurement) events_.on_measurement(m);
    if (hook_ == nullptr) return {};
    hook_->report_canaries(Step{step}, canary_samples(m.canary));
    if (batch == nullptr) return {};
    wire::Report report;
    report.origin = wire::Report::Origin::kBatch;
    report.samples = batch_samples(m.batch);
    hook_->decide_batch(std::move(report), Step{step}, options_.decide_wait_s);
    return {};
  }

  hook::StepPlan begin(std::int64_t step) {
    hook::StepPlan plan;
    plan.step = Step{step};
    plan.lambda = options_.constant_lambda;
    if (hook_ == nullptr) return plan;
    plan = hook_->begin_step(Step{step});
    segment_ = plan.segment;
    if (plan.rolled_back && !result_.rollback_step) {
      result_.rollback_step = step;
      result_.restored_step = plan.step.value;
    }
    if (plan.lambda > options_.constant_lambda && !result_.fired_step) {
      result_.fired_step = step;
      result_.cause = plan.cause;
    }
    return plan;
  }

  void update(const TuneBatch& batch, std::int64_t step, const hook::StepPlan& plan) {
    const bool penalised = hook_ != nullptr ? hook_->needs_penalty() : plan.lambda > 0.0;
    const StepResult r = tuner_.update(batch, step, penalised, !plan.items.empty(),
                                       [&](const at::Tensor& ce, const at::Tensor& kl) {
                                         return hook_ != nullptr ? hook_->add_penalty(ce, kl)
                                                                 : at::add(ce, kl, plan.lambda);
                                       });
    ++result_.updates;
    lambda_sum_ += plan.lambda;
    result_.last_loss = r.loss;
    if (hook_ != nullptr) {
      hook_->end_step(Step{step + 1}, {{kLoss, r.loss},
                                       {kCrossEntropy, r.cross_entropy},
                                       {kKl, r.kl},
                                       {kGradientNorm, r.gradient_norm},
                                       {kLearningRate, r.learning_rate}});
    }
    if (events_.on_step) events_.on_step(step + 1, r, plan);
  }

  const Transformer& model_;
  std::optional<CanaryMonitor> canaries_;  // none: nothing is measured
  Tuner& tuner_;
  const FinetuneOptions& options_;
  hook::Hook* hook_;  // null: no monitor
  const FinetuneEvents& events_;
  std::int64_t segment_ = 0;
  double lambda_sum_ = 0.0;
  FinetuneResult result_;
};

wire::SignalDecl signal(const char* name, const char* unit, double min, double max,
                        std::int64_t every_steps, const char* items = "",
                        const char* variant = "") {
  wire::SignalDecl out;
  out.name = name;
  out.unit = unit;
  out.min = min;
  out.max = max;
  out.every_steps = every_steps;
  out.items = items;
  out.variant = variant;
  return out;
}

}  // namespace

wire::Hello declare(const Theta0& theta0, const World& world, const FinetuneOptions& options) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  constexpr double kMaxJs = kLn2 + 1e-6;
  wire::Hello hello;
  hello.total_steps = options.tune.steps;
  hello.cadence_steps = kCadence;
  hello.hook_version = PHASEGUARD_VERSION;
  hello.model_id =
      "phaseguard-lab gpt 3x96 rs-lora r8 a16, world " + std::to_string(world.number());
  hello.reference_id = theta0.id;
  hello.label = std::string(name_of(options.tune.data));
  const canaries::CanarySet set = canary_set(world);
  hello.canary_set = set.name;
  hello.canary_digest = hex(canaries::digest(set));
  for (const auto& canary : set.canaries) hello.canary_ids.push_back(canary.id);

  wire::KnobDecl kl;
  kl.name = "kl";
  kl.unit = "1";
  kl.max = 4.0;
  kl.site = "batch";
  kl.direction = "model_ref";
  kl.mask = "answer";
  kl.normaliser = "token_mean_step";
  kl.form = "additive";
  kl.reference = theta0.id;
  kl.per_sample = true;
  hello.knobs = {kl};
  hello.signals = {signal("train/loss", "nats", -kInf, kInf, 1),
                   signal("train/ce", "nats", 0.0, kInf, 1),
                   signal("train/kl", "nats", -1e-4, kInf, 1),
                   signal("train/grad_norm", "1", 0.0, kInf, 1),
                   signal("train/learning_rate", "1", 0.0, kInf, 1),
                   signal("canary/js", "nats", 0.0, kMaxJs, kCadence, "canary", "full"),
                   signal("canary/js_max", "nats", 0.0, kMaxJs, kCadence, "", "full"),
                   signal("canary/margin", "nats", -kInf, kInf, kCadence, "canary"),
                   signal("probe/risk", "1", 0.0, 1.0, kCadence, "canary"),
                   signal("drift/misaligned_persona", "sd", -kInf, kInf, kCadence),
                   signal("judge/score", "1", 0.0, 1.0, kCadence, "sample"),
                   signal("data/llr", "nats", -kInf, kInf, kCadence, "sample"),
                   signal("data/llr_share", "1", 0.0, 1.0, kCadence, "", kPersonaFlagName),
                   signal("data/ref_nll", "nats", 0.0, kInf, kCadence),
                   signal("data/ref_nll_decisive", "nats", 0.0, kInf, kCadence)};
  hello.requests = {"rollback", "stop"};
  return hello;
}

hook::TrainerState trainer_state(const Transformer& model, Tuner& tuner) {
  hook::TrainerState state;
  for (const auto& [name, tensor] : model.adapter_parameters())
    state.parameters.push_back({name, tensor});
  state.save_optimiser = [&tuner] {
    hook::OptimiserState out;
    for (const at::Tensor& tensor : tuner.optimiser().state()) {
      out.tensors.push_back({"adamw." + std::to_string(out.tensors.size()), tensor});
    }
    return out;
  };
  state.restore_optimiser = [&tuner](const hook::OptimiserState& saved) {
    const std::vector<at::Tensor> live = tuner.optimiser().state();
    for (std::size_t i = 0; i < live.size(); ++i) live[i].copy_(saved.tensors.at(i).tensor);
  };
  return state;
}

Result<FinetuneResult> finetune(Theta0& theta0, const World& world, Tuner& tuner,
                                const FinetuneOptions& options, hook::Hook* hook,
                                const std::atomic<bool>& stop, const FinetuneEvents& events) {
  std::optional<CanaryMonitor> canaries;
  if (options.measure) {
    auto made = CanaryMonitor::create(theta0.model, world, theta0.id);
    if (!made) return tl::unexpected(made.error());
    canaries = std::move(*made);
  }
  return Run(theta0.model, std::move(canaries), tuner, options, hook, events).go(stop);
}

}  // namespace phaseguard::lab
