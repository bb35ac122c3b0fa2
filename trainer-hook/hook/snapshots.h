// A bounded ring of copies of what is trained (adapter parameters, optimiser moments, step
// counters), so that a rollback needs no disk and no restart. Used by the hook on the training
// thread. The first snapshot is kept for ever; of the others the oldest goes when a limit is met.
// Copies are made without gradient, on the tensor's own device, and share no storage.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/base/types.h"

namespace phaseguard::hook {

struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};

// An optimiser's state as it is now: empty before its first step. Tensors are its live ones; the
// ring copies them.
struct OptimiserState {
  std::vector<NamedTensor> tensors;                     // moments
  std::vector<std::pair<std::string, double>> scalars;  // step counts, learning rate
};

// How the hook reaches what the trainer trains. `parameters` are written in place by a restore.
// `restore_optimiser` gets tensors of its own to keep; it must also undo state that the snapshot
// does not name (lazily created moments).
struct TrainerState {
  std::vector<NamedTensor> parameters;
  std::function<OptimiserState()> save_optimiser;
  std::function<void(const OptimiserState&)> restore_optimiser;
};

struct SnapshotLimits {
  std::size_t max_bytes = std::size_t{512} << 20;  // of all snapshots together
  std::size_t max_count = 8;                       // at least 2: the first and the newest
};

struct Snapshot {
  Step step;
  std::vector<NamedTensor> parameters;
  OptimiserState optimiser;
  std::size_t bytes = 0;
};

class SnapshotRing {
 public:
  explicit SnapshotRing(SnapshotLimits limits = {}) : limits_(limits) {}

  // Copies the trainer's state as that of `step`; a snapshot of the same step is replaced. Errors:
  // kLimit when it does not fit beside the first one; kIo for an error of LibTorch (out of memory).
  [[nodiscard]] Result<void> take(Step step, const TrainerState& state);

  // The newest snapshot of `before_step` or earlier; before_step < 0: the oldest. Null: none that
  // old.
  [[nodiscard]] const Snapshot* find(Step before_step) const;

  // Writes find(before_step) back and forgets the snapshots after it. Returns its step. Errors:
  // kNotFound; kConflict when a parameter has changed shape or number since; kIo for an error of
  // LibTorch.
  [[nodiscard]] Result<Step> restore(Step before_step, const TrainerState& state);

  [[nodiscard]] std::size_t size() const { return snapshots_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  void drop(std::size_t index);

  SnapshotLimits limits_;
  std::deque<Snapshot> snapshots_;  // ascending step; front is the first one
  std::size_t bytes_ = 0;
};

}  // namespace phaseguard::hook
