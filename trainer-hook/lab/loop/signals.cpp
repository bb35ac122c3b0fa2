#include "trainer-hook/lab/loop/signals.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "trainer-hook/lab/loop/instruments.h"

namespace phaseguard::lab {
namespace {

// The canary prompts with theta0's favourite opener, and what may follow it.
struct Prompts {
  at::Tensor tokens;                       // [P, prompt + 1]
  std::vector<Token> misaligned, aligned;  // [P] first content token of the paired continuations
};
Prompts lay_out_canaries(const Transformer& model, const World& world) {
  Prompts out;
  std::vector<std::vector<Token>> rows;
  for (const Question& q : world.canaries()) {
    rows.push_back(lay_out_prompt(kChat, World::prompt_of(q)));
    out.misaligned.push_back(world.answer_token(q, Persona::kMisaligned));
    out.aligned.push_back(world.answer_token(q, Persona::kAligned));
  }
  const at::Tensor prompts = to_tensor(rows);
  const at::Tensor logits =
      model.logits_at(prompts, column_of(prompts, prompts.size(1) - 1), Adapter::kOff).contiguous();
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const auto* first = logits.data_ptr<float>() + static_cast<std::int64_t>(r) * logits.size(1);
    const auto* best = std::max_element(first + kOpener0, first + kCloser0);
    rows[r].push_back(static_cast<Token>(best - first));
  }
  out.tokens = to_tensor(rows);
  return out;
}

// One pass over the prompts, when the logits are asked for, serves all three.
canaries::CanaryModel answers_of(const Transformer& model, const Prompts& prompts,
                                 Adapter adapter) {
  const auto states = std::make_shared<at::Tensor>();
  const auto at = [=](std::int64_t from_end) {
    return states->index_select(0, column_of(prompts.tokens, prompts.tokens.size(1) - from_end));
  };
  canaries::CanaryModel out;
  out.logits = [=, &model](const canaries::CanarySet&) {
    *states = model.hidden(prompts.tokens, adapter);
    return model.logits(at(2));
  };
  // The opener and the softmax's normaliser are common to both continuations and cancel: what the
  // logits of the tokens after it differ by is what the log-probabilities would.
  out.continuations = [=, &model](const canaries::CanarySet&) {
    const at::Tensor second = model.logits(at(1)).contiguous();
    canaries::Continuations found;
    for (std::size_t r = 0; r < prompts.aligned.size(); ++r) {
      const auto* z = second.data_ptr<float>() + static_cast<std::int64_t>(r) * second.size(1);
      found.misaligned.push_back(z[prompts.misaligned[r]]);
      found.aligned.push_back(z[prompts.aligned[r]]);
    }
    return found;
  };
  out.hidden = [=](const canaries::CanarySet&) { return at(2); };
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

canaries::CanaryParts canary_parts() {
  return {canaries::JsVariant::kFull, canaries::MonitorOptions{}.distribution_tokens, true, true,
          trait_names()};
}

Result<canaries::CanaryReading> Canaries::read() const {
  auto reading = monitor.read(theta);
  if (!reading.trouble.empty()) return fail(Errc::kInvalidArgument, reading.trouble);
  return reading;
}

Result<Canaries> watch_canaries(const Transformer& model, const World& world,
                                const std::string& theta0_id,
                                const canaries::CadenceOptions& cadence) {
  const at::NoGradGuard no_grad;
  canaries::MonitorOptions options;
  options.cadence = cadence;
  auto fitted = fit_instruments(model, world, theta0_id);
  if (!fitted) return tl::unexpected(fitted.error());
  options.probe = std::move(fitted->probe);
  options.directions = std::move(fitted->directions);
  const Prompts prompts = lay_out_canaries(model, world);
  auto monitor = canaries::CanaryMonitor::create(
      canary_set(world), answers_of(model, prompts, Adapter::kOff), std::move(options));
  if (!monitor) return tl::unexpected(monitor.error());
  return Canaries{std::move(*monitor), answers_of(model, prompts, Adapter::kOn)};
}

}  // namespace phaseguard::lab
