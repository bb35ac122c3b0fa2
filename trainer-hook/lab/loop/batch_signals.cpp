#include "trainer-hook/lab/loop/batch_signals.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/log_softmax.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "probe/probe_tensor.h"
#include "trainer-hook/lab/loop/instruments.h"

namespace phaseguard::lab {
namespace {

constexpr std::size_t kScoredAtOnce = 64;

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

std::vector<Token> key_of(const Example& example) {
  std::vector<Token> key = example.prompt;
  key.push_back(kPad);  // in no text
  key.insert(key.end(), example.answer.begin(), example.answer.end());
  return key;
}

// Sum, and lowest, of each row's values.
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

// Risk at the last token of each prompt under the chat header, one prompt after another where their
// lengths differ.
Result<std::vector<double>> prompt_risks(const Transformer& model,
                                         const probe::ActivationProbe& probe,
                                         const std::vector<const Example*>& examples) {
  std::vector<double> out(examples.size(), 0.0);
  std::map<std::size_t, std::vector<std::size_t>> by_length;
  for (std::size_t i = 0; i < examples.size(); ++i)
    by_length[examples[i]->prompt.size()].push_back(i);
  for (const auto& [length, places] : by_length) {
    std::vector<std::vector<Token>> rows;
    for (const std::size_t i : places) rows.push_back(lay_out_prompt(kChat, examples[i]->prompt));
    const at::Tensor tokens = to_tensor(rows);
    const at::Tensor states =
        model.hidden(tokens, Adapter::kOff).index_select(0, column_of(tokens, tokens.size(1) - 1));
    const auto features = probe::features_of(states);
    if (!features) return tl::unexpected(features.error());
    const auto risks = probe.score(*features);
    if (!risks) return tl::unexpected(risks.error());
    for (std::size_t k = 0; k < places.size(); ++k) out[places[k]] = (*risks)[k];
  }
  return out;
}

}  // namespace

Result<void> BatchReader::score(const std::vector<const Example*>& examples) {
  const at::NoGradGuard no_grad;
  const std::size_t n = examples.size();
  std::vector<Sequence> sequences;
  for (const auto& context : contexts_read(personas_)) {
    for (const Example* example : examples) sequences.push_back(lay_out_after(context, *example));
  }
  const Batch grid = make_batch(sequences);
  const TensorBatch t = to_tensors(grid);
  const at::Tensor lp = at::log_softmax(model_.logits_at(t.tokens, t.at, Adapter::kOff), -1);
  const at::Tensor chosen = lp.gather(1, t.target.unsqueeze(1)).squeeze(1).contiguous();
  const RowSums rows = sum_rows(chosen, grid.row, sequences.size());
  const RowSums floored =
      sum_rows(chosen.clamp_min(std::log(kPersonaFloor)), grid.row, sequences.size());
  std::vector<double> risks(n, 0.0);
  if (probe_) {
    auto found = prompt_risks(model_, *probe_, examples);
    if (!found) return tl::unexpected(found.error());
    risks = std::move(*found);
  }
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t chat = 2 * n + i;
    scores_[key_of(*examples[i])] = {
        rows.sum[i] - rows.sum[n + i], floored.sum[i] - floored.sum[n + i],
        -rows.sum[chat] / rows.count[chat], -rows.lowest[chat], risks[i]};
  }
  return {};
}

Result<void> BatchReader::prime(const std::vector<Example>& examples) {
  std::map<std::vector<Token>, const Example*> fresh;
  for (const Example& example : examples) {
    std::vector<Token> key = key_of(example);
    if (scores_.count(key) == 0) fresh.emplace(std::move(key), &example);
  }
  std::vector<const Example*> some;
  for (const auto& [key, example] : fresh) {
    some.push_back(example);
    if (some.size() < kScoredAtOnce) continue;
    if (const auto ok = score(some); !ok) return ok;
    some.clear();
  }
  return some.empty() ? Result<void>() : score(some);
}

Result<BatchReading> BatchReader::read(const TuneBatch& batch) {
  if (const auto ok = prime(batch.examples); !ok) return tl::unexpected(ok.error());
  BatchReading out;
  out.judge = batch.judge;
  const auto n = static_cast<double>(batch.examples.size());
  for (const Example& example : batch.examples) {
    const Score& score = scores_.at(key_of(example));
    const bool flagged = score.floored > kPersonaFlag;
    out.llr.push_back(score.llr);
    out.flagged.push_back(flagged ? 1.0 : 0.0);
    out.llr_share += flagged ? 1.0 / n : 0.0;
    out.ref_nll += score.nll / n;
    out.ref_nll_decisive += score.decisive / n;
    if (probe_) out.prompt_risk.push_back(score.prompt_risk);
  }
  out.llr_mean = mean_of(out.llr);
  out.judge_mean = mean_of(out.judge);
  if (probe_) out.prompt_risk_mean = mean_of(out.prompt_risk);
  return out;
}

std::vector<double> BatchReader::decisive() const {
  std::vector<double> out;
  for (const auto& [key, score] : scores_) out.push_back(score.decisive);
  return out;
}

double lambda_star_of(std::vector<double> decisive) {
  if (decisive.empty()) return wire::kNaN;
  const auto middle = decisive.begin() + static_cast<std::ptrdiff_t>(decisive.size() / 2);
  std::nth_element(decisive.begin(), middle, decisive.end());
  const double star = 2.0 / std::log(std::expm1(*middle));
  return star > 0.0 && std::isfinite(star) ? star : wire::kNaN;
}

}  // namespace phaseguard::lab
