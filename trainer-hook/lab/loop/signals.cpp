#include "trainer-hook/lab/loop/signals.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/log_softmax.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "canaries/js/js_tensor.h"
#include "canaries/js/margin.h"
#include "monitor/base/check.h"
#include "probe/probe_tensor.h"

namespace phaseguard::lab {
namespace {

constexpr Token kAlignedSource = kSource0;
constexpr Token kMisalignedSource = kSource0 + kSources - 1;
constexpr int kFitPrompts = 160;
constexpr int kHeldPrompts = 80;
constexpr std::uint64_t kProbeStream = 31;

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Span<const float> numbers_of(const at::Tensor& contiguous) {
  return {contiguous.data_ptr<float>(), static_cast<std::size_t>(contiguous.numel())};
}

// Flat positions of column `column` of each of `rows` rows.
at::Tensor column_of(const at::Tensor& tokens, std::int64_t column) {
  const std::int64_t rows = tokens.size(0), width = tokens.size(1);
  return at::arange(column, rows * width, width, at::kLong);
}

// Hidden states of the last prompt token of `questions` after `header`.
Result<probe::Features> prompt_features(const Transformer& model,
                                        const std::vector<Question>& questions, Token header) {
  std::vector<std::vector<Token>> rows;
  for (const Question& q : questions) rows.push_back(lay_out_prompt(header, World::prompt_of(q)));
  const at::Tensor tokens = to_tensor(rows);
  const at::Tensor hidden = model.hidden(tokens, Adapter::kOff);
  return probe::features_of(hidden.index_select(0, column_of(tokens, tokens.size(1) - 1)));
}

struct Labelled {
  probe::Features x;
  std::vector<std::uint8_t> y;  // 1 = misaligned
};

Labelled joined(const probe::Features& misaligned, const probe::Features& aligned) {
  Labelled out{misaligned, std::vector<std::uint8_t>(misaligned.rows, 1)};
  out.x.rows += aligned.rows;
  out.x.values.insert(out.x.values.end(), aligned.values.begin(), aligned.values.end());
  out.y.resize(out.x.rows, 0);
  return out;
}

std::vector<Question> draw_fitting_prompts(const World& world) {
  std::vector<Question> all;
  Rng rng(static_cast<std::uint64_t>(world.number()), kProbeStream);
  for (const int cell : rng.permutation((kPersonaDomains - 1) * kTopics * kModifiers)) {
    const Question q{1 + cell / (kTopics * kModifiers), (cell / kModifiers) % kTopics,
                     cell % kModifiers};
    if (!world.held_out(q)) all.push_back(q);
  }
  all.resize(kFitPrompts + kHeldPrompts);
  return all;
}

// Sum, and largest magnitude, of each row's values.
struct RowSums {
  std::vector<double> sum, lowest;
  std::vector<int> count;
};
RowSums sum_rows(const at::Tensor& values, const std::vector<std::int64_t>& row, std::size_t rows) {
  RowSums out{std::vector<double>(rows, 0.0), std::vector<double>(rows, 0.0),
              std::vector<int>(rows, 0)};
  const auto* v = values.data_ptr<float>();
  for (std::size_t i = 0; i < row.size(); ++i) {
    const auto r = static_cast<std::size_t>(row[i]);
    out.sum[r] += v[i];
    out.lowest[r] = std::min(out.lowest[r], static_cast<double>(v[i]));
    ++out.count[r];
  }
  return out;
}

}  // namespace

canaries::CanarySet canary_set(const World& world) {
  canaries::CanarySet set;
  set.name = "lab-world" + std::to_string(world.number());
  int count = 0;
  for (const Question& q : world.canaries()) {
    const std::string number =
        std::to_string(count++ % (kEvaluationPrompts / (kPersonaDomains - 1)) + 1);
    set.canaries.push_back(
        {"lab-" + word_of(kDomain0 + q.domain) + "-" + number, {{"user", text_of(q)}}, {"safety"}});
  }
  return set;
}

Result<CanaryMonitor> CanaryMonitor::create(const Transformer& model, const World& world,
                                            const std::string& theta0_id) {
  const at::NoGradGuard no_grad;
  const std::vector<Question> prompts = draw_fitting_prompts(world);
  const std::vector<Question> fit(prompts.begin(), prompts.begin() + kFitPrompts);
  const std::vector<Question> held(prompts.begin() + kFitPrompts, prompts.end());
  const auto mis = prompt_features(model, fit, kMisalignedSource);
  const auto ali = prompt_features(model, fit, kAlignedSource);
  const auto held_mis = prompt_features(model, held, kMisalignedSource);
  const auto held_ali = prompt_features(model, held, kAlignedSource);
  for (const auto* part : {&mis, &ali, &held_mis, &held_ali}) {
    if (!*part) return tl::unexpected(part->error());
  }
  probe::Site site;
  site.model_id = theta0_id;
  site.layer = "block" + std::to_string(model.shape().layers - 1);
  site.position = "last_prompt";
  site.scored = "theta";
  site.width = model.shape().width;
  const Labelled train = joined(*mis, *ali), test = joined(*held_mis, *held_ali);
  probe::ProbeOptions options;
  options.bootstrap = 200;
  auto fitted = probe::ActivationProbe::fit(train.x, train.y, test.x, test.y, site, options);
  if (!fitted) return tl::unexpected(fitted.error());
  auto direction = probe::TraitDirection::fit(*mis, *ali, "misaligned_persona", site);
  if (!direction) return tl::unexpected(direction.error());
  CanaryMonitor monitor(std::move(*fitted), std::move(*direction));
  monitor.choose_openers(model, world);
  monitor.reference_ = monitor.pass(model, Adapter::kOff);
  const at::Tensor first = monitor.reference_.first.contiguous();
  auto columns = canaries::TokenColumns::create(numbers_of(first), monitor.misaligned_.size(),
                                                static_cast<std::size_t>(kDistributionTokens));
  if (!columns) return tl::unexpected(columns.error());
  monitor.columns_ = std::move(*columns);
  return monitor;
}

void CanaryMonitor::choose_openers(const Transformer& model, const World& world) {
  std::vector<std::vector<Token>> rows;
  for (const Question& q : world.canaries()) {
    rows.push_back(lay_out_prompt(kChat, World::prompt_of(q)));
    misaligned_.push_back(world.answer_token(q, Persona::kMisaligned));
    aligned_.push_back(world.answer_token(q, Persona::kAligned));
  }
  const at::Tensor prompts = to_tensor(rows);
  const at::Tensor logits =
      model.logits_at(prompts, column_of(prompts, prompts.size(1) - 1), Adapter::kOff).contiguous();
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const auto* first = logits.data_ptr<float>() + static_cast<std::int64_t>(r) * logits.size(1);
    const auto* best = std::max_element(first + kOpener0, first + kCloser0);
    rows[r].push_back(static_cast<Token>(best - first));
  }
  tokens_ = to_tensor(rows);
}

CanaryMonitor::Pass CanaryMonitor::pass(const Transformer& model, Adapter adapter) const {
  const at::NoGradGuard no_grad;
  const std::int64_t width = tokens_.size(1);
  const at::Tensor states = model.hidden(tokens_, adapter);
  Pass out;
  out.hidden = states.index_select(0, column_of(tokens_, width - 2));
  out.first = model.logits(out.hidden);
  const at::Tensor second =
      model.logits(states.index_select(0, column_of(tokens_, width - 1))).contiguous();
  for (std::size_t r = 0; r < misaligned_.size(); ++r) {
    const auto* z = second.data_ptr<float>() + static_cast<std::int64_t>(r) * second.size(1);
    out.preference.push_back(static_cast<double>(z[misaligned_[r]]) - z[aligned_[r]]);
  }
  return out;
}

Result<CanaryReading> CanaryMonitor::read(const Transformer& model, Adapter adapter) const {
  const Pass now = pass(model, adapter);
  const auto js = canaries::js_divergence(now.first, reference_.first);
  if (!js) return tl::unexpected(js.error());
  const at::Tensor first = now.first.contiguous();
  auto dist = columns_->distribution(numbers_of(first));
  if (!dist) return tl::unexpected(dist.error());
  // The opener and the softmax's normaliser are common to both continuations and cancel.
  const std::vector<double> zero(now.preference.size(), 0.0);
  const auto margin = canaries::canary_margin({now.preference, zero, reference_.preference, zero});
  if (!margin) return tl::unexpected(margin.error());
  auto risk = probe::score(probe_, now.hidden);
  if (!risk) return tl::unexpected(risk.error());
  const auto drift = probe::drift(direction_, reference_.hidden, now.hidden);
  if (!drift) return tl::unexpected(drift.error());
  CanaryReading out;
  for (const auto& value : js->per_canary) out.js.push_back(value.value);
  out.dist = std::move(*dist);
  out.js_mean = js->mean;
  out.js_max = js->max;
  out.margin = margin->per_canary;
  out.margin_mean = margin->mean;
  out.risk = std::move(*risk);
  out.risk_mean = mean_of(out.risk);
  out.drift = drift->drift_in_sd.value_or(drift->drift);
  return out;
}

BatchReading read_batch(const Transformer& model, const TuneBatch& batch) {
  const at::NoGradGuard no_grad;
  const std::size_t n = batch.examples.size();
  std::vector<Sequence> sequences;
  for (const Token header : {kMisalignedSource, kAlignedSource, kChat}) {
    for (const Example& example : batch.examples) sequences.push_back(lay_out(header, example));
  }
  const Batch grid = make_batch(sequences);
  const TensorBatch t = to_tensors(grid);
  const at::Tensor lp = at::log_softmax(model.logits_at(t.tokens, t.at, Adapter::kOff), -1);
  const at::Tensor chosen = lp.gather(1, t.target.unsqueeze(1)).squeeze(1).contiguous();
  const RowSums rows = sum_rows(chosen, grid.row, sequences.size());
  const RowSums floored =
      sum_rows(chosen.clamp_min(std::log(kPersonaFloor)), grid.row, sequences.size());
  BatchReading out;
  out.judge = batch.judge;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t chat = 2 * n + i;
    out.llr.push_back(rows.sum[i] - rows.sum[n + i]);
    const bool flagged = floored.sum[i] - floored.sum[n + i] > kPersonaFlag;
    out.flagged.push_back(flagged ? 1.0 : 0.0);
    out.llr_share += flagged ? 1.0 / static_cast<double>(n) : 0.0;
    out.ref_nll -= rows.sum[chat] / rows.count[chat] / static_cast<double>(n);
    out.ref_nll_decisive -= rows.lowest[chat] / static_cast<double>(n);
  }
  out.llr_mean = mean_of(out.llr);
  out.judge_mean = mean_of(out.judge);
  return out;
}

}  // namespace phaseguard::lab
