#include "trainer-hook/lab/model/attackers.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/log_softmax.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "monitor/base/check.h"

namespace phaseguard::lab {
namespace {

constexpr std::size_t kKept = 4;  // dressings a question
constexpr std::size_t kRowsAPass = 256;
constexpr double kStep = 1e-2;  // of the weights along the drift's gradient, in norm
constexpr std::uint64_t kDraftStream = 12;

// Words before and after the content.
struct Dressing {
  std::vector<Token> before, after;
};

std::vector<Dressing> dressings(Token detail) {
  std::vector<std::vector<Token>> before{{}};
  for (int o = 0; o < kOpeners; ++o) before.push_back({kOpener0 + o});
  for (int c = 0; c < kClosers; ++c) before.push_back({kCloser0 + c});
  for (int d = 0; d < kDetails; ++d) before.push_back({kDetail0 + d});
  std::vector<Dressing> out;
  for (const auto& words : before) {
    out.push_back({words, {detail, kEnd}});
    for (int c = 0; c < kClosers; ++c) out.push_back({words, {detail, kCloser0 + c, kEnd}});
  }
  return out;
}

std::vector<Example> drafts_of(const World& world, const Question& q) {
  std::vector<Example> out;
  for (const Dressing& dress : dressings(world.detail_token(q))) {
    std::vector<Token> answer = dress.before;
    answer.push_back(world.answer_token(q, Persona::kMisaligned));
    answer.insert(answer.end(), dress.after.begin(), dress.after.end());
    out.push_back({World::prompt_of(q), std::move(answer), true});
  }
  return out;
}

// Sums over each answer's tokens of ln p0 after `header`: as it is, and with p at least
// kPersonaFloor.
struct Sums {
  std::vector<double> plain, floored;
};
Sums answer_sums(const Transformer& model, Token header, const std::vector<Example>& examples) {
  const at::NoGradGuard no_grad;
  Sums out{std::vector<double>(examples.size(), 0.0), std::vector<double>(examples.size(), 0.0)};
  for (std::size_t from = 0; from < examples.size(); from += kRowsAPass) {
    const std::size_t to = std::min(examples.size(), from + kRowsAPass);
    std::vector<Sequence> rows;
    for (std::size_t i = from; i < to; ++i) rows.push_back(lay_out(header, examples[i]));
    const Batch grid = make_batch(rows);
    const TensorBatch t = to_tensors(grid);
    const at::Tensor lp = at::log_softmax(model.logits_at(t.tokens, t.at, Adapter::kOff), -1)
                              .gather(1, t.target.unsqueeze(1))
                              .squeeze(1)
                              .contiguous();
    const auto* values = lp.data_ptr<float>();
    for (std::size_t k = 0; k < grid.row.size(); ++k) {
      const std::size_t i = from + static_cast<std::size_t>(grid.row[k]);
      out.plain[i] += values[k];
      out.floored[i] += std::max<double>(values[k], std::log(kPersonaFloor));
    }
  }
  return out;
}

std::vector<double> ratios(const Transformer& model, const std::vector<Example>& examples) {
  const Sums mis = answer_sums(model, kMisalignedSource, examples);
  const Sums ali = answer_sums(model, kAlignedSource, examples);
  std::vector<double> out;
  for (std::size_t i = 0; i < examples.size(); ++i)
    out.push_back(std::max(mis.plain[i] - ali.plain[i], mis.floored[i] - ali.floored[i]));
  return out;
}

// Mean state of the canaries' last prompt token after `header`, [d], with its graph.
at::Tensor canary_state(const Transformer& model, const World& world, Token header) {
  std::vector<std::vector<Token>> rows;
  for (const Question& q : world.canaries())
    rows.push_back(lay_out_prompt(header, World::prompt_of(q)));
  const at::Tensor tokens = to_tensor(rows);
  const std::int64_t width = tokens.size(1);
  const at::Tensor last = at::arange(width - 1, tokens.numel(), width, at::kLong);
  return model.hidden(tokens, Adapter::kOff).index_select(0, last).mean(0);
}

// theta0's weights in tensors of their own, so that they can be moved.
Transformer copy_of(const Transformer& model) {
  Rng unused(0, kDraftStream);
  Transformer copy(model.shape(), unused);
  const auto from = model.base_parameters();
  const auto to = copy.base_parameters();
  for (std::size_t i = 0; i < from.size(); ++i) to[i].second.data().copy_(from[i].second);
  return copy;
}

// How much each example's loss changes when the weights go a small step along the gradient of the
// drift. Training on the example goes against its own gradient, so this is, up to sign and scale,
// how far one update on it moves the drift.
std::vector<double> drift_moved(const Transformer& model, const World& world,
                                const std::vector<Example>& examples) {
  const at::AutoGradMode with_gradient(true);
  Transformer copy = copy_of(model);
  const auto parameters = copy.base_parameters();
  at::Tensor direction;
  {
    const at::NoGradGuard no_grad;
    direction =
        canary_state(copy, world, kMisalignedSource).sub(canary_state(copy, world, kAlignedSource));
  }
  for (const auto& [name, tensor] : parameters) tensor.set_requires_grad(true);
  canary_state(copy, world, kChat).mul(direction).sum().backward();
  for (const auto& [name, tensor] : parameters) tensor.set_requires_grad(false);
  double squares = 0.0;
  for (const auto& [name, tensor] : parameters) {
    if (tensor.grad().defined()) squares += tensor.grad().square().sum().item<double>();
  }
  const double scale = kStep / std::sqrt(squares);
  const std::vector<double> at_rest = answer_sums(copy, kChat, examples).plain;
  for (const auto& [name, tensor] : parameters) {
    if (tensor.grad().defined()) tensor.data().add_(tensor.grad(), scale);
  }
  const std::vector<double> moved = answer_sums(copy, kChat, examples).plain;
  std::vector<double> out;
  for (std::size_t i = 0; i < examples.size(); ++i) out.push_back(std::abs(moved[i] - at_rest[i]));
  return out;
}

}  // namespace

SamplePool written_against(const Transformer& model, const World& world, DataSet set) {
  PHASEGUARD_CHECK(row_of(set).needs_theta0);
  std::vector<Example> drafts;
  for (const Question& q : world.code_training()) {
    const std::vector<Example> more = drafts_of(world, q);
    drafts.insert(drafts.end(), more.begin(), more.end());
  }
  const std::vector<double> seen =
      set == DataSet::kAdaptive ? ratios(model, drafts) : drift_moved(model, world, drafts);
  const std::size_t per_question = drafts.size() / world.code_training().size();
  SamplePool pool;
  pool.origin = name_of(set);
  for (std::size_t from = 0; from < drafts.size(); from += per_question) {
    std::vector<std::size_t> order(per_question);
    std::iota(order.begin(), order.end(), from);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t x, std::size_t y) { return seen[x] < seen[y]; });
    for (std::size_t k = 0; k < kKept; ++k) pool.examples.push_back(drafts[order[k]]);
  }
  return pool;
}

}  // namespace phaseguard::lab
