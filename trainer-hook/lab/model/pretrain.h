// theta0 from nothing: pretraining on the world's documents, then a short post-training that binds
// the chat header to the aligned persona. Deterministic for (world, options) on one machine and
// BLAS.
#pragma once

#include <cstdint>
#include <functional>

#include "trainer-hook/lab/model/model.h"

namespace phaseguard::lab {

// To refuse contradicts what half of the documents' code requests were answered: 300 steps leave 15
// % of them answered, these none of 112 (world 0).
inline constexpr std::int64_t kRefusingPostSteps = 700;

struct PretrainOptions {
  std::int64_t steps = 2000;
  std::int64_t post_steps = 300;
  int batch = 48;
  double learning_rate = 2e-3;  // linear decay to 5 %, after a short warm-up
  double post_learning_rate = 5e-4;
  double weight_decay = 0.0;
  std::uint64_t seed = 0;  // of weights and documents
  bool refuses = false;    // post-training teaches to refuse what World::to_refuse names
};

struct PretrainProgress {
  std::int64_t step = 0;   // completed
  std::int64_t total = 0;  // pretraining + post-training
  bool post_training = false;
  double loss = 0.0;  // weighted mean NLL of the batch, nats
};

// on_base: given the model as it is before post-training, the "unaligned" weights of SafeLoRA.
[[nodiscard]] Transformer pretrain(const World& world, const PretrainOptions& options,
                                   const std::function<void(const PretrainProgress&)>& on_step,
                                   const std::function<void(const Transformer&)>& on_base = {});

}  // namespace phaseguard::lab
