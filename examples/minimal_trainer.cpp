// A language model of bytes, fine-tuned under PhaseGuard: canaries, a KL penalty toward the model
// as it began, rollback and stop. usage: minimal_trainer RUN CANARIES.jsonl [ENDPOINT]
#include <torch/torch.h>

#include "canaries/monitor/canary_monitor.h"
#include "monitor/wire/signals.h"
#include "trainer-hook/defenses/penalty/kl.h"
#include "trainer-hook/defenses/penalty/reference.h"
#include "trainer-hook/defenses/rules/knobs.h"
#include "trainer-hook/hook/hook.h"

using namespace phaseguard;
constexpr std::int64_t kContext = 16, kSteps = 40;
struct Model : torch::nn::Module {  // [.., kContext] bytes -> [.., 256] logits of the next one
  torch::nn::Embedding embed = register_module("embed", torch::nn::Embedding(256, 24));
  torch::nn::Linear head = register_module("head", torch::nn::Linear(kContext * 24, 256));
  at::Tensor forward(const at::Tensor& bytes) { return head(embed(bytes).flatten(-2)); }
};

at::Tensor bytes_of(std::string text) {
  text.insert(0, kContext, ' ');  // no prompt is too short
  return torch::tensor(std::vector<std::uint8_t>(text.begin(), text.end())).to(torch::kLong);
}

template <class T>
T need(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "minimal_trainer: %s\n", result.error().message.c_str());
  std::exit(1);
}

int main(int argc, char** argv) {
  const auto set = need(canaries::load_canary_set(argc > 2 ? argv[2] : ""));
  const at::Tensor text = bytes_of("The sea hums to the boats, the boats hum to the sea. ");
  torch::manual_seed(1);
  Model model;  // before the first update it is its own reference
  torch::optim::SGD optimiser(model.parameters(), 0.1);
  const defenses::FrozenCopy theta0 = need(defenses::FrozenCopy::of(model.parameters()));
  canaries::CanaryModel answers;
  answers.logits = [&model](const canaries::CanarySet& all) {
    std::vector<at::Tensor> rows;
    for (const auto& one : all.canaries)
      rows.push_back(bytes_of(one.messages.back().content).slice(0, -kContext));
    return model.forward(torch::stack(rows));
  };
  auto monitor = need(canaries::CanaryMonitor::create(set, answers, {}));
  wire::Hello hello;
  hello.knobs = {defenses::kl_knob({})};
  hello.signals = {wire::declare_signal("train/loss", 1), wire::declare_signal("train/kl", 1)};
  hello.requests = {wire::RequestType::kRollback, wire::RequestType::kStop};
  monitor.declare(hello);
  hook::Options options;
  options.link.run = need(RunId::parse(argc > 1 ? argv[1] : ""));
  options.link.endpoint = argc > 3 ? argv[3] : "";
  options.link.on_start = reporter::OnStart::kRefuse;  // no run without a daemon
  hook::TrainerState state;
  for (auto& one : model.named_parameters()) state.parameters.push_back({one.key(), *one});
  hook::Hook hook = need(hook::Hook::attach(options, hello, state));

  for (std::int64_t step = 0; step < kSteps; ++step) {
    auto measured = monitor.at(Step{step}, answers);
    if (!measured.empty()) hook.report_canaries(Step{step}, std::move(measured));
    const hook::StepPlan plan = hook.begin_step(Step{step});
    if (plan.stop) break;
    step = plan.step.value;  // after a rollback, that of the snapshot
    const at::Tensor from = torch::randint(text.size(0) - kContext, {8, 16});
    const at::Tensor x = text.index({from.unsqueeze(-1) + torch::arange(kContext)});
    const at::Tensor y = text.index({from + kContext}), mask = torch::ones({8, 16});
    const at::Tensor then = need(theta0.pass([&] { return model.forward(x); }));
    const at::Tensor now = model.forward(x);
    auto kl = need(defenses::kl_token_mean(now, then, mask, defenses::KlDirection::kModelRef));
    const at::Tensor ce = torch::nn::functional::cross_entropy(now.flatten(0, 1), y.flatten());
    const at::Tensor loss = kl.value.defined() ? hook.add_penalty(ce, kl.value) : ce;
    optimiser.zero_grad();
    loss.backward();
    optimiser.step();
    hook.end_step(Step{step + 1}, {{0, loss.item<double>()}, {1, kl.measured}});
  }
  hook.finish("finished", 5.0);
}
