#include "trainer-hook/lab/loop/finetune.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "monitor/wire/signals.h"
#include "trainer-hook/defenses/data/weighting.h"
#include "trainer-hook/defenses/penalty/kl.h"

namespace phaseguard::lab {
namespace {

// Indices into the declared signals of the scalars that every step reports.
enum StepSignal : std::int32_t { kLoss, kCrossEntropy, kKl, kGradientNorm, kLearningRate };

// Without the judge's score, which the simulated or the live judge adds.
std::vector<wire::Sample> batch_samples(const BatchReading& r) {
  return {wire::sample_of("data/llr", r.llr_mean, r.llr),
          wire::sample_of("data/llr_share", r.llr_share, r.flagged),
          wire::sample_of("data/prompt_risk", r.prompt_risk_mean, r.prompt_risk),
          wire::sample_of("data/ref_nll", r.ref_nll),
          wire::sample_of("data/ref_nll_decisive", r.ref_nll_decisive)};
}

// The run's loop variables, so that its parts stay short.
class Run {
 public:
  Run(const Transformer& model, const World& world, std::optional<Canaries> canaries, Tuner& tuner,
      const FinetuneOptions& options, defenses::NamedWeights unaligned, hook::Hook* hook,
      const FinetuneEvents& events)
      : model_(model),
        world_(world),
        canaries_(std::move(canaries)),
        reader_(model, persona_contexts(world, options.tune.persona),
                canaries_ ? canaries_->monitor.probe() : std::nullopt),
        tuner_(tuner),
        options_(options),
        unaligned_(std::move(unaligned)),
        hook_(hook),
        events_(events),
        strengths_(initial_strengths(options.tune.defense)) {
    if (options.constant_lambda > 0.0) strengths_.kl = options.constant_lambda;
    initial_lambda_ = strengths_.kl;
  }

  Result<FinetuneResult> go(const std::atomic<bool>& stop) {
    if (const auto ok = test_defense(); !ok) return tl::unexpected(ok.error());
    std::int64_t step = 0;
    while (step < options_.tune.steps) {
      if (stop.load()) {
        result_.interrupted = true;
        break;
      }
      // Shares move with the knob one step late: the batch is drawn before it is decided on.
      const auto drawing = Clock::now();
      const TuneBatch batch = tuner_.draw(strengths_.interleave, strengths_.inoculation);
      busy_ += Clock::now() - drawing;
      if (const auto ok = measure(step, &batch); !ok) return tl::unexpected(ok.error());
      hook::StepPlan plan = begin(step);
      if (plan.stop) break;
      step = plan.step.value;
      const auto updating = Clock::now();
      if (const auto ok = update(batch, step, plan); !ok) return tl::unexpected(ok.error());
      busy_ += Clock::now() - updating;
      ++step;
      pause(stop);
    }
    return finish(step);
  }

 private:
  using Clock = std::chrono::steady_clock;

  // After each step, as long as was asked for; a stop ends it.
  void pause(const std::atomic<bool>& stop) const {
    const auto until = Clock::now() + std::chrono::milliseconds(options_.step_delay_ms);
    while (!stop.load() && Clock::now() < until) {
      const Clock::duration most = std::chrono::milliseconds(20), left = until - Clock::now();
      std::this_thread::sleep_for(std::min(most, left));
    }
  }

  Result<void> test_defense() {
    if (options_.tune.defense.kind == Defense::kNone) return {};
    StepLoss loss;
    loss.penalised = strengths_.kl > 0.0;
    loss.replay = strengths_.replay;
    loss.ldifs = strengths_.ldifs;
    loss.steering = strengths_.steering;
    auto tested = tuner_.self_test(loss);
    if (!tested) return tl::unexpected(tested.error());
    result_.self_test = std::move(*tested);
    return {};
  }

  Result<FinetuneResult> finish(std::int64_t step) {
    if (!result_.interrupted && options_.tune.defense.safelora_every == 0) {
      if (const auto ok = project(); !ok) return tl::unexpected(ok.error());
    }
    if (options_.judge != nullptr) options_.judge->report(*hook_, segment_);
    if (!result_.interrupted) {
      if (const auto ok = measure(step, nullptr); !ok) return tl::unexpected(ok.error());
    }
    const auto updates = static_cast<double>(std::max<std::int64_t>(1, result_.updates));
    result_.mean_lambda = lambda_sum_ / updates;
    result_.ms_per_update = std::chrono::duration<double, std::milli>(busy_).count() / updates;
    result_.applied = applied_.lines();
    return result_;
  }

  // By the cadence alone: what a measurement costs here must not change what is recorded.
  [[nodiscard]] bool is_due(std::int64_t step) const {
    return canaries_ &&
           canaries_->monitor.cadence().at(Step{step}) == canaries::Cadence::Due::kMeasure;
  }

  // `batch` null after the last update: there is no next batch to score.
  Result<void> measure(std::int64_t step, const TuneBatch* batch) {
    if (!canaries_) return {};
    const bool due = is_due(step) || batch == nullptr;
    if (!due && hook_ == nullptr) return {};
    Measurement m;
    m.step = step;
    m.segment = segment_;
    if (batch != nullptr) {
      auto reading = reader_.read(*batch);
      if (!reading) return tl::unexpected(reading.error());
      m.batch = std::move(*reading);
    }
    std::vector<wire::Sample> judged = ask_judge(step, batch, m.batch);
    if (due) {
      if (const auto ok = measure_canaries(m); !ok) return ok;
    }
    if (hook_ == nullptr || batch == nullptr) return {};
    wire::Report report;
    report.origin = wire::Report::Origin::kBatch;
    report.samples = batch_samples(m.batch);
    report.samples.insert(report.samples.begin(), judged.begin(), judged.end());
    hook_->decide_batch(std::move(report), Step{step}, options_.decide_wait_s);
    return {};
  }

  Result<void> measure_canaries(Measurement& m) {
    auto reading = canaries_->read();
    if (!reading) return tl::unexpected(reading.error());
    m.canary = std::move(*reading);
    if (events_.on_measurement) events_.on_measurement(m);
    // A run that is stopped has measured this step already: one value a step counts.
    const std::pair<std::int64_t, std::int64_t> here{m.segment, m.step};
    if (hook_ == nullptr || std::exchange(reported_, here) == here) return {};
    std::vector<wire::Sample> samples = canaries_->monitor.samples_of(m.canary);
    if (m.step % kOutcomeCadence == 0) {
      for (wire::Sample& one : ask_model(m.step)) samples.push_back(std::move(one));
    }
    hook_->report_canaries(Step{m.step}, std::move(samples));
    return {};
  }

  // The model's own answers to the canaries, by the exact judge.
  [[nodiscard]] std::vector<wire::Sample> ask_model(std::int64_t step) const {
    const std::uint64_t seed = options_.tune.seed * 1000003U + static_cast<std::uint64_t>(step);
    const Verdicts verdicts = judge_answers(model_, Adapter::kOn, world_, world_.canaries(), kChat,
                                            1.0, kOutcomeSamples, seed);
    return {wire::sample_of("canary/misaligned", verdicts.misaligned.rate()),
            wire::sample_of("canary/incoherent", verdicts.incoherent.rate())};
  }

  // The signals of the batch's own score, as far as they are there before its update.
  std::vector<wire::Sample> ask_judge(std::int64_t step, const TuneBatch* batch,
                                      BatchReading& reading) {
    if (batch == nullptr || hook_ == nullptr) return {};
    if (options_.judge == nullptr)
      return {wire::sample_of("judge/score", reading.judge_mean, reading.judge)};
    std::vector<wire::Sample> judged = options_.judge->ask(Step{step}, segment_, *batch);
    reading.judge_mean = options_.judge->last_risk();
    return judged;
  }

  [[nodiscard]] bool is_linked() const {
    if (hook_ == nullptr) return false;
    const reporter::LinkState state = hook_->link().state();
    return state == reporter::LinkState::kLinked || state == reporter::LinkState::kSync;
  }

  hook::StepPlan begin(std::int64_t step) {
    hook::StepPlan plan;
    plan.step = Step{step};
    plan.lambda = strengths_.kl;
    watched_ = watched_ || is_linked();
    if (!watched_) ++result_.unwatched;
    if (hook_ == nullptr) return plan;
    if (options_.judge != nullptr) options_.judge->report(*hook_, segment_);
    plan = hook_->begin_step(Step{step});
    follow(plan.knobs, strengths_);
    segment_ = plan.segment;
    if (plan.rolled_back && !result_.rollback_step) {
      result_.rollback_step = step;
      result_.restored_step = plan.step.value;
    }
    if (plan.lambda > initial_lambda_ && !result_.fired_step) {
      result_.fired_step = step;
      result_.cause = plan.cause;
    }
    if (plan.shadow && !result_.intervened_step && raised_by_hand(plan))
      result_.intervened_step = step;
    return plan;
  }

  static bool raised_by_hand(const hook::StepPlan& plan) {
    return std::any_of(plan.knobs.begin(), plan.knobs.end(), [](const wire::KnobSetting& knob) {
      return knob.cause.is(wire::CauseKind::kOperator) || knob.cause.is(wire::CauseKind::kAdopted);
    });
  }

  [[nodiscard]] at::Tensor with_penalty(const at::Tensor& ce, const at::Tensor& kl,
                                        double lambda) const {
    if (hook_ != nullptr) return hook_->add_penalty(ce, kl);
    return options_.tune.defense.kl_convex ? defenses::convex(ce, kl, lambda / (1.0 + lambda))
                                           : defenses::additive(ce, kl, lambda);
  }

  // Errors: weighting that cannot be read from the batch's risks.
  Result<StepLoss> loss_of(const TuneBatch& batch, const hook::StepPlan& plan) {
    StepLoss loss;
    loss.penalised = hook_ != nullptr ? hook_->needs_penalty() : plan.lambda > 0.0;
    loss.per_sample = !plan.items.empty();
    loss.penalty = [this, lambda = plan.lambda](const at::Tensor& ce, const at::Tensor& kl) {
      return with_penalty(ce, kl, lambda);
    };
    loss.replay = strengths_.replay;
    loss.kl_replay = strengths_.kl_replay;
    loss.ldifs = strengths_.ldifs;
    loss.steering = strengths_.steering;
    if (const auto ok = weigh_samples(batch, loss); !ok) return tl::unexpected(ok.error());
    return loss;
  }

  // What was decided for each sample, else the knob's strength by the risk of each.
  Result<void> weigh_samples(const TuneBatch& batch, StepLoss& loss) {
    if (!strengths_.dropped.empty()) {
      double mean = 0.0;
      for (const double dropped : strengths_.dropped) {
        loss.weights.push_back(1.0 - dropped);
        mean += (1.0 - dropped) / static_cast<double>(strengths_.dropped.size());
      }
      applied_.add({defenses::kWeightingKnob, strengths_.weighting, 1.0 - mean, mean});
      return {};
    }
    if (strengths_.weighting == 0.0) return {};
    std::vector<double> risks = batch.judge;
    if (options_.tune.defense.risk == RiskSource::kPersona) {
      auto reading = reader_.read(batch);
      if (!reading) return tl::unexpected(reading.error());
      risks = std::move(reading->flagged);
    }
    const auto weights = defenses::weigh(risks, strengths_.weighting);
    if (!weights) return tl::unexpected(weights.error());
    loss.weights = weights->weights;
    applied_.add(
        {defenses::kWeightingKnob, strengths_.weighting, 1.0 - weights->mean, weights->mean});
    return {};
  }

  Result<void> update(const TuneBatch& batch, std::int64_t step, const hook::StepPlan& plan) {
    auto loss = loss_of(batch, plan);
    if (!loss) return tl::unexpected(loss.error());
    const StepResult r = tuner_.update(batch, step, *loss);
    ++result_.updates;
    lambda_sum_ += plan.lambda;
    result_.last_loss = r.loss;
    record(batch, *loss, plan, r);
    const std::int64_t every = options_.tune.defense.safelora_every;
    if (every > 0 && (step + 1) % every == 0) {
      if (auto ok = project(); !ok) return ok;
    }
    report(step, r);
    if (events_.on_step) events_.on_step(step + 1, r, plan);
    return {};
  }

  void record(const TuneBatch& batch, const StepLoss& loss, const hook::StepPlan& plan,
              const StepResult& r) {
    const auto n = static_cast<double>(batch.examples.size());
    if (plan.lambda > 0.0 || loss.penalised)
      applied_.add({defenses::kKlKnob, plan.lambda, loss.penalised ? plan.lambda : 0.0, r.penalty});
    if (loss.kl_replay > 0.0)
      applied_.add({defenses::kReplayKlKnob, loss.kl_replay, loss.kl_replay, r.replay_kl});
    if (loss.ldifs > 0.0) applied_.add({defenses::kLdifsKnob, loss.ldifs, loss.ldifs, r.ldifs});
    if (strengths_.interleave > 0.0) {
      applied_.add({defenses::kInterleaveKnob, strengths_.interleave,
                    static_cast<double>(batch.n_safe) / n, static_cast<double>(batch.n_safe)});
    }
    if (strengths_.inoculation > 0.0) {
      const auto k = static_cast<double>(batch.n_inoculated);
      applied_.add({defenses::kInoculationKnob, strengths_.inoculation, k / n, k});
    }
    if (loss.steering != 0.0 && tuner_.steering()) {
      applied_.add({defenses::kSteeringKnob, loss.steering, loss.steering,
                    loss.steering * tuner_.steering()->norm()});
    }
  }

  void report(std::int64_t step, const StepResult& r) {
    if (hook_ == nullptr) return;
    std::vector<reporter::SignalValue> values{{kLoss, r.loss},
                                              {kCrossEntropy, r.cross_entropy},
                                              {kKl, r.kl},
                                              {kGradientNorm, r.gradient_norm},
                                              {kLearningRate, r.learning_rate}};
    if (const char* own = own_knob(options_.tune.defense.kind)) {
      double applied = 0.0;
      for (const auto& line : applied_.lines()) {
        if (line.knob == own) applied = line.last_applied;
      }
      values.push_back({kDefenseSignal, applied});
    }
    hook_->end_step(Step{step + 1}, values);
  }

  Result<void> project() {
    if (options_.tune.defense.kind != Defense::kSafeLora || strengths_.safelora == 0.0) return {};
    auto report =
        defenses::safelora_project(lora_pairs(model_), layer_weights(model_), unaligned_,
                                   {options_.tune.defense.safelora_mode, strengths_.safelora});
    if (!report) return tl::unexpected(report.error());
    const auto n = static_cast<double>(report->layers.size());
    applied_.add({defenses::kSafeLoraKnob, strengths_.safelora,
                  static_cast<double>(report->n_projected) / n, report->cut});
    result_.safelora = std::move(*report);
    return {};
  }

  const Transformer& model_;
  const World& world_;
  std::optional<Canaries> canaries_;  // none: nothing is measured
  BatchReader reader_;
  std::pair<std::int64_t, std::int64_t> reported_{-1, -1};  // segment and step of the newest
  Tuner& tuner_;
  const FinetuneOptions& options_;
  defenses::NamedWeights unaligned_;  // of SafeLoRA
  hook::Hook* hook_;                  // null: no monitor
  const FinetuneEvents& events_;
  Strengths strengths_;
  double initial_lambda_ = 0.0;
  bool watched_ = false;  // a daemon has been linked
  defenses::AppliedLog applied_;
  std::int64_t segment_ = 0;
  double lambda_sum_ = 0.0;
  Clock::duration busy_{};
  FinetuneResult result_;
};

}  // namespace

Result<FinetuneResult> finetune(Theta0& theta0, const World& world, Tuner& tuner,
                                const FinetuneOptions& options, hook::Hook* hook,
                                const std::atomic<bool>& stop, const FinetuneEvents& events) {
  const DefenseOptions& defense = options.tune.defense;
  if (const auto ok = check(defense); !ok) return tl::unexpected(ok.error());
  if (const auto ok = tuner.prepare_defense(); !ok) return tl::unexpected(ok.error());
  defenses::NamedWeights unaligned;
  if (defense.kind == Defense::kSafeLora) {
    const auto base = load_unaligned(theta0, defense.unaligned);
    if (!base) return tl::unexpected(base.error());
    unaligned = layer_weights(base->model);
  }
  std::optional<Canaries> canaries;
  if (options.measure) {
    auto made = watch_canaries(theta0.model, world, theta0.id,
                               {.every_steps = kCadence, .total_steps = options.tune.steps});
    if (!made) return tl::unexpected(made.error());
    canaries = std::move(*made);
  }
  return Run(theta0.model, world, std::move(canaries), tuner, options, std::move(unaligned), hook,
             events)
      .go(stop);
}

}  // namespace phaseguard::lab
