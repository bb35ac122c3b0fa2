#include "trainer-hook/lab/loop/batch_signals.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/log_softmax.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace phaseguard::lab {
namespace {

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
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

BatchReading read_batch(const Transformer& model, const TuneBatch& batch) {
  const at::NoGradGuard no_grad;
  const std::size_t n = batch.examples.size();
  std::vector<Sequence> sequences;
  for (const auto& context : contexts_read(batch.personas)) {
    for (const Example& example : batch.examples)
      sequences.push_back(lay_out_after(context, example));
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
