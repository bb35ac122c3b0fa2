#include "trainer-hook/hook/snapshots.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <exception>
#include <unordered_map>

#include "monitor/base/text.h"

namespace phaseguard::hook {

namespace {

std::size_t bytes_of(const std::vector<NamedTensor>& tensors) {
  std::size_t bytes = 0;
  for (const NamedTensor& named : tensors)
    bytes += named.tensor.defined() ? named.tensor.nbytes() : 0;
  return bytes;
}

std::vector<NamedTensor> copies_of(const std::vector<NamedTensor>& tensors) {
  std::vector<NamedTensor> copies;
  copies.reserve(tensors.size());
  for (const NamedTensor& named : tensors) {
    copies.push_back(
        {named.name, named.tensor.defined() ? named.tensor.detach().clone() : at::Tensor()});
  }
  return copies;
}

// "" when `saved` can be written into `live`, tensor by tensor; else what does not fit.
std::string mismatch(const std::vector<NamedTensor>& saved, const std::vector<NamedTensor>& live) {
  if (saved.size() != live.size()) {
    return "the snapshot holds " + std::to_string(saved.size()) + " parameters, the trainer " +
           std::to_string(live.size());
  }
  for (std::size_t i = 0; i < saved.size(); ++i) {
    const bool same = saved[i].name == live[i].name &&
                      saved[i].tensor.sizes() == live[i].tensor.sizes() &&
                      saved[i].tensor.scalar_type() == live[i].tensor.scalar_type();
    if (!same)
      return "parameter " + phaseguard::quoted(live[i].name) +
             " has changed name, shape or type since the snapshot";
  }
  return {};
}

std::string mib(std::size_t bytes) {
  return std::to_string((bytes + (1u << 20) - 1) >> 20) + " MiB";
}

}  // namespace

Result<void> SnapshotRing::take(Step step, const TrainerState& state) {
  try {
    const at::NoGradGuard no_grad;
    const OptimiserState live = state.save_optimiser ? state.save_optimiser() : OptimiserState{};
    const std::size_t bytes = bytes_of(state.parameters) + bytes_of(live.tensors);
    // Of this step or later: superseded by what is taken now. The first one stays.
    while (snapshots_.size() > 1 && snapshots_.back().step >= step) drop(snapshots_.size() - 1);
    if (!snapshots_.empty() && snapshots_.back().step == step) drop(snapshots_.size() - 1);
    const std::size_t fixed = snapshots_.empty() ? 0 : snapshots_.front().bytes;
    if (fixed + bytes > limits_.max_bytes) {
      return fail(Errc::kLimit, "a snapshot of step " + std::to_string(step.value) + " takes " +
                                    mib(bytes) + ", with the first one " + mib(fixed + bytes) +
                                    "; the limit is " + mib(limits_.max_bytes) +
                                    ": raise SnapshotLimits::max_bytes");
    }
    const std::size_t count = std::max<std::size_t>(limits_.max_count, 2);
    while (snapshots_.size() > 1 &&
           (bytes_ + bytes > limits_.max_bytes || snapshots_.size() >= count))
      drop(1);
    Snapshot snapshot{
        step, copies_of(state.parameters), {copies_of(live.tensors), live.scalars}, bytes};
    snapshots_.push_back(std::move(snapshot));
    bytes_ += bytes;
    return {};
  } catch (const std::exception& error) {
    return fail(Errc::kIo,
                "a snapshot of step " + std::to_string(step.value) + " failed: " + error.what());
  }
}

void SnapshotRing::drop(std::size_t index) {
  bytes_ -= snapshots_[index].bytes;
  snapshots_.erase(snapshots_.begin() + static_cast<std::ptrdiff_t>(index));
}

const Snapshot* SnapshotRing::find(Step before_step) const {
  if (snapshots_.empty()) return nullptr;
  if (before_step.value < 0) return &snapshots_.front();
  const Snapshot* found = nullptr;
  for (const Snapshot& snapshot : snapshots_) {
    if (snapshot.step <= before_step) found = &snapshot;
  }
  return found;
}

Result<Step> SnapshotRing::restore(Step before_step, const TrainerState& state) {
  const Snapshot* snapshot = find(before_step);
  if (!snapshot) {
    return fail(Errc::kNotFound, snapshots_.empty()
                                     ? "there is no snapshot"
                                     : "no snapshot of step " + std::to_string(before_step.value) +
                                           " or earlier; the oldest is of step " +
                                           std::to_string(snapshots_.front().step.value));
  }
  if (std::string fault = mismatch(snapshot->parameters, state.parameters); !fault.empty()) {
    return fail(Errc::kConflict, std::move(fault));
  }
  try {
    const at::NoGradGuard no_grad;
    for (std::size_t i = 0; i < snapshot->parameters.size(); ++i) {
      at::Tensor live = state.parameters[i].tensor;
      live.copy_(snapshot->parameters[i].tensor);
    }
    if (state.restore_optimiser) {
      state.restore_optimiser(
          {copies_of(snapshot->optimiser.tensors), snapshot->optimiser.scalars});
    }
    const Step restored = snapshot->step;
    while (snapshots_.size() > 1 && snapshots_.back().step > restored) drop(snapshots_.size() - 1);
    return restored;
  } catch (const std::exception& error) {
    return fail(Errc::kIo, "restoring the snapshot of step " +
                               std::to_string(snapshot->step.value) + " failed: " + error.what());
  }
}

}  // namespace phaseguard::hook
