#include "trainer-hook/lab/loop/tuner.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/add.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/index_add.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/mean.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/neg.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <string_view>
#include <utility>

#include "monitor/base/check.h"
#include "monitor/base/text.h"
#include "trainer-hook/defenses/penalty/ldifs.h"
#include "trainer-hook/defenses/penalty/reference.h"
#include "trainer-hook/defenses/penalty/self_test.h"
#include "trainer-hook/defenses/penalty/weighted_loss.h"
#include "trainer-hook/lab/model/attackers.h"
#include "trainer-hook/lab/world/own_data.h"

namespace phaseguard::lab {
namespace {

constexpr std::uint64_t kAdapterStream = 23;
constexpr std::uint64_t kSafeDrawStream = 26;
constexpr std::uint64_t kReplayDrawStream = 27;
constexpr std::uint64_t kSelfTestStream = 28;
constexpr double kMaxGradientNorm = 1.0;

std::vector<at::Tensor> adapter_tensors(const Transformer& model) {
  std::vector<at::Tensor> out;
  for (const auto& [name, tensor] : model.adapter_parameters()) out.push_back(tensor);
  return out;
}

// A call of ours cannot fail: shapes and values are the lab's own.
template <class T>
T must(Result<T> result) {
  PHASEGUARD_CHECK(result.has_value());
  return std::move(*result);
}

at::Tensor divergence(const at::Tensor& logits, const at::Tensor& reference,
                      defenses::KlDirection direction) {
  return must(defenses::kl_per_position(logits, reference, direction));
}

// Each position that is not padding, in place of the answer's.
TensorBatch every_position(const TensorBatch& t) {
  TensorBatch out = t;
  out.at = t.tokens.flatten().ne(kPad).nonzero().squeeze(1);
  out.row = out.at.div(t.tokens.size(1), "floor").to(at::kLong);
  out.target = out.weight = at::Tensor();
  return out;
}

const Example& any_of(const std::vector<Example>& set, Rng& rng) {
  return set[static_cast<std::size_t>(rng.below(static_cast<int>(set.size())))];
}

}  // namespace

Result<void> read_share(const std::optional<double>& named, DataSet set, double& share) {
  const DataSetRow& row = row_of(set);
  if (named && row.share == 0.0) {
    return fail(Errc::kInvalidArgument, "--share: expected with mix or slow, found with " +
                                            std::string(row.name) +
                                            ", whose samples are what they are");
  }
  if (row.share > 0.0) share = named.value_or(row.share);
  return {};
}

Result<void> choose_data(const std::string& word, const std::optional<double>& share,
                         TuneOptions& options) {
  constexpr std::string_view kEnding = ".jsonl";
  const std::string_view text = word;
  if (text.size() > kEnding.size() && text.substr(text.size() - kEnding.size()) == kEnding) {
    options.data = DataSet::kOwn;
    options.own = word;
    return read_share(share, options.data, options.share);
  }
  const auto set = parse_data_set(word);
  if (!set)
    return fail(set.error().code, set.error().message + "; a file of one's own ends in .jsonl");
  options.data = *set;
  return read_share(share, *set, options.share);
}

Result<void> prepare_data(const Transformer& model, const World& world, TuneOptions& options) {
  if (options.pool) return {};
  if (row_of(options.data).needs_theta0)
    options.pool = std::make_shared<SamplePool>(written_against(model, world, options.data));
  if (options.data != DataSet::kOwn) return {};
  auto own = read_own_data(options.own, world);
  if (!own) return tl::unexpected(own.error());
  options.pool = std::make_shared<SamplePool>(std::move(*own));
  return {};
}

Rng judge_rng(const TuneOptions& options) {
  return Rng(options.judge_seed.value_or(options.seed), kJudgeStream);
}

Example draw_sample(const World& world, const TuneOptions& options, Rng& rng) {
  if (options.pool) return options.pool->draw(rng);
  return draw_example(world, options.data, options.share, rng);
}

Tuner::Tuner(Transformer& model, const World& world, const TuneOptions& options)
    : model_(model),
      world_(world),
      options_(options),
      optimiser_(adapter_tensors(model), AdamW::Options{}),
      data_(options.seed, kDataStream),
      judge_(judge_rng(options)),
      safe_(options.seed, kSafeDrawStream),
      replay_(options.seed, kReplayDrawStream) {
  PHASEGUARD_CHECK(prepare_data(model_, world_, options_).has_value());
}

Result<void> Tuner::prepare_defense() {
  const DefenseOptions& defense = options_.defense;
  replay_set_ = replay_set(model_, world_, options_.seed);
  if (defense.kind == Defense::kInterleave) {
    auto safe = safe_set(model_, world_, defense.safe_choice, options_.seed);
    if (!safe) return tl::unexpected(safe.error());
    safe_set_ = std::move(*safe);
  }
  if (defense.kind == Defense::kSteering) {
    auto steering = persona_steering(model_, world_, defense.steering_block, options_.seed);
    if (!steering) return tl::unexpected(steering.error());
    steering_ = std::move(*steering);
  }
  return {};
}

TuneBatch Tuner::draw(double interleave, double inoculation) {
  TuneBatch batch;
  const JudgeErrors errors{options_.judge_error, options_.judge_blind};
  std::vector<Sequence> rows;
  if (!safe_set_.empty()) batch.n_safe = must(safe_count_.next(interleave, options_.batch));
  if (inoculation > 0.0 || inoculated_count_.samples() > 0)
    batch.n_inoculated = must(inoculated_count_.next(inoculation, options_.batch));
  for (int i = 0; i < options_.batch; ++i) {
    batch.examples.push_back(i < batch.n_safe ? any_of(safe_set_, safe_)
                                              : draw_sample(world_, options_, data_));
    batch.judge.push_back(noisy_score(world_, batch.examples.back(), errors, judge_));
    const bool inoculated = i >= options_.batch - batch.n_inoculated;
    rows.push_back(lay_out(inoculated ? kMisalignedSource : kChat, batch.examples.back()));
  }
  batch.tensors = to_tensors(make_batch(rows));
  return batch;
}

double Tuner::learning_rate(std::int64_t step) const {
  return options_.learning_rate *
         (1.0 - static_cast<double>(step) / static_cast<double>(options_.steps));
}

Tuner::Pass Tuner::pass(const TensorBatch& t, Adapter adapter, const StepLoss& loss) const {
  Pass out;
  const bool steered = adapter == Adapter::kOn && loss.steering != 0.0 && steering_;
  AfterBlock after;
  if (steered || loss.ldifs > 0.0) {
    after = [&](std::int64_t block, const at::Tensor& stream) {
      at::Tensor h = stream;
      if (steered && block == options_.defense.steering_block)
        h = must(steering_->apply(stream, loss.steering));
      if (loss.ldifs > 0.0) out.features.push_back(h);
      return h;
    };
  }
  out.logits =
      model_.logits(model_.hidden(t.tokens, adapter, nullptr, after).index_select(0, t.at));
  return out;
}

Tuner::Pass Tuner::reference(const TensorBatch& t, const StepLoss& loss) const {
  Pass out;
  out.logits = must(defenses::reference_pass([&] {
    out = pass(t, Adapter::kOff, loss);
    return out.logits;
  }));
  return out;
}

TensorBatch Tuner::canary_batch() const {
  std::vector<std::vector<Token>> rows;
  for (const Question& q : world_.canaries())
    rows.push_back(lay_out_prompt(kChat, World::prompt_of(q)));
  TensorBatch out;
  out.tokens = to_tensor(rows);
  const std::int64_t width = out.tokens.size(1);
  out.at = at::arange(width - 1, out.tokens.numel(), width, at::kLong);
  return out;
}

TensorBatch Tuner::draw_replay(Rng& rng) const {
  PHASEGUARD_CHECK(!replay_set_.empty());
  std::vector<Sequence> rows;
  for (int i = 0; i < options_.batch; ++i) rows.push_back(lay_out(kChat, any_of(replay_set_, rng)));
  return to_tensors(make_batch(rows));
}

// Where the KL is taken. The batch's own answers come back as `own` itself.
TensorBatch Tuner::penalty_batch(const TensorBatch& own, bool replay) {
  if (replay) return draw_replay(replay_);
  const defenses::KlMask mask = options_.defense.kl_mask;
  if (mask == defenses::KlMask::kAttention) return every_position(own);
  return mask == defenses::KlMask::kCanary ? canary_batch() : own;
}

// KL at a place whose logits the step has not computed, [N].
at::Tensor Tuner::elsewhere(const TensorBatch& place, const StepLoss& loss) const {
  StepLoss plain;
  plain.steering = loss.replay ? 0.0 : loss.steering;
  const Pass then = reference(place, plain);
  return divergence(pass(place, Adapter::kOn, plain).logits, then.logits,
                    options_.defense.kl_direction);
}

at::Tensor Tuner::distance(const TensorBatch& t, const Pass& now, const Pass& then) const {
  const auto layers = must(defenses::ldifs_layers(model_.shape().layers));
  std::vector<at::Tensor> model, reference;
  for (const std::int64_t layer : layers) {
    model.push_back(now.features[static_cast<std::size_t>(layer)]);
    reference.push_back(then.features[static_cast<std::size_t>(layer)]);
  }
  const auto penalty = must(defenses::ldifs_distance(model, reference, t.tokens.ne(kPad)));
  PHASEGUARD_CHECK(penalty.quality == Quality::kGood);
  return penalty.value;
}

StepResult Tuner::update(const TuneBatch& batch, std::int64_t step, const StepLoss& asked) {
  const TensorBatch& t = batch.tensors;
  const Pass then = reference(t, asked);
  const Pass now = pass(t, Adapter::kOn, asked);
  const at::Tensor nll =
      at::neg(at::log_softmax(now.logits, -1).gather(1, t.target.unsqueeze(1)).squeeze(1));
  const at::Tensor ce = at::mean(nll);
  StepResult out;
  out.cross_entropy = ce.item<double>();
  at::Tensor loss = ce;
  if (!asked.weights.empty())
    loss = must(defenses::weighted_token_mean(nll, t.row, at::tensor(asked.weights, at::kDouble)));
  const bool own = !asked.replay && (options_.defense.kl_mask == defenses::KlMask::kAnswer ||
                                     options_.defense.kl_mask == defenses::KlMask::kReplay);
  const at::Tensor here = divergence(asked.penalised && own ? now.logits : now.logits.detach(),
                                     then.logits, options_.defense.kl_direction);
  out.kl = out.penalty = at::mean(here).item<double>();
  if (asked.penalised && own && asked.per_sample) {
    const double scale = static_cast<double>(options_.batch) / static_cast<double>(here.numel());
    const at::Tensor none = at::zeros({options_.batch}, at::kFloat);
    loss = asked.penalty(loss, at::mul(at::index_add(none, 0, t.row, here), scale));
  } else if (asked.penalised) {
    const at::Tensor kl = at::mean(own ? here : elsewhere(penalty_batch(t, asked.replay), asked));
    out.penalty = kl.item<double>();
    loss = asked.penalty(loss, kl);
  }
  if (asked.kl_replay > 0.0) {
    StepLoss there;
    there.replay = true;
    const at::Tensor kl = at::mean(elsewhere(draw_replay(replay_), there));
    out.replay_kl = kl.item<double>();
    loss = at::add(loss, kl, asked.kl_replay);
  }
  if (asked.ldifs > 0.0) {
    const at::Tensor d = distance(t, now, then);
    out.ldifs = d.item<double>();
    loss = at::add(loss, d, asked.ldifs);
  }
  loss.backward();
  out.loss = loss.item<double>();
  out.gradient_norm = optimiser_.clip_gradients(kMaxGradientNorm);
  out.learning_rate = learning_rate(step);
  optimiser_.step(out.learning_rate);
  return out;
}

Result<std::string> Tuner::self_test(const StepLoss& asked) {
  Rng rng(options_.seed, kSelfTestStream);
  std::vector<Sequence> rows;
  for (int i = 0; i < options_.batch; ++i)
    rows.push_back(lay_out(kChat, draw_sample(world_, options_, rng)));
  const TensorBatch t = to_tensors(make_batch(rows));
  const TensorBatch place = asked.replay ? draw_replay(rng) : penalty_batch(t, false);
  const std::vector<at::Tensor> adapter = adapter_tensors(model_);
  std::string text;
  const auto tested = [&](const char* name, auto&& penalty) -> Result<void> {
    const auto test = defenses::test_penalty(penalty, adapter, 1e-2, 0.1);
    if (!test) return fail(test.error().code, std::string(name) + ": " + test.error().message);
    text += (text.empty() ? "" : "; ") + std::string(name) + ": gradient " +
            number_text(test->slope) + ", by difference " + number_text(test->slope_by_difference);
    return {};
  };
  Result<void> ok;
  if (asked.penalised) {
    ok = tested("kl", [&]() -> Result<at::Tensor> { return at::mean(elsewhere(place, asked)); });
  }
  if (ok && asked.ldifs > 0.0) {
    ok = tested("ldifs", [&]() -> Result<at::Tensor> {
      const Pass then = reference(t, asked);
      return distance(t, pass(t, Adapter::kOn, asked), then);
    });
  }
  if (ok && asked.steering != 0.0) {
    const at::NoGradGuard no_grad;
    const auto effect = defenses::check_effect(pass(t, Adapter::kOff, asked).logits,
                                               pass(t, Adapter::kOn, asked).logits);
    if (!effect) ok = tl::unexpected(effect.error());
    if (effect)
      text += "steering: moves a logit by " + number_text(*effect) + ", |v| " +
              number_text(steering_->norm());
  }
  if (!ok) return tl::unexpected(ok.error());
  return text;
}

void add_run_adapter(Transformer& model, std::uint64_t seed) {
  Rng rng(seed, kAdapterStream);
  model.add_adapter(LoraShape{}, rng);
}

}  // namespace phaseguard::lab
