// Scores batches in the background, so that a training step waits for a judge only when its caller
// says so. Owned by the trainer's thread, which makes every call here; `workers` threads of its own
// ask the source.
//
// Order: submit() each batch; then either take() what is finished, when convenient, and report it
// under the step it belongs to, or wait() for one batch with a deadline before deciding on it.
// Nothing throws. submit and take never block. The destructor cancels what is under way and joins.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "trainer-hook/judge/score.h"
#include "trainer-hook/judge/source.h"
#include "trainer-hook/samples/samples.h"

namespace phaseguard::judge {

struct ServiceOptions {
  int workers = 4;               // samples asked for at once, 1..64
  std::size_t max_batches = 16;  // submitted and not yet finished; further ones are not taken
  OutagePolicy outage;
};

struct BatchResult {
  Step step;
  std::int64_t batch = 0;  // the caller's id
  BatchScore score;
};

struct ServiceStats {
  std::int64_t batches = 0;   // submitted
  std::int64_t dropped = 0;   // not taken: max_batches were waiting
  std::int64_t overdue = 0;   // finished by a deadline of wait() before all samples were back
  std::int64_t samples = 0;   // asked of the source
  std::int64_t unscored = 0;  // of them, without a score
};

class Service {
 public:
  // Error: workers outside 1..64, max_batches 0, no source.
  [[nodiscard]] static Result<Service> start(std::shared_ptr<Source> source,
                                             ServiceOptions options = {});
  ~Service();
  Service(Service&&) noexcept;
  Service& operator=(Service&&) noexcept;
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // A ticket > 0. A batch that does not fit is not asked for: it finishes at once, every sample
  // unscored, and the outage policy says what that makes of it.
  std::int64_t submit(Step step, std::int64_t batch, std::vector<TrainingSample> samples) noexcept;

  // The oldest batch not yet taken, once it is finished. Batches come in the order of submit().
  [[nodiscard]] std::optional<BatchResult> take() noexcept;

  // Waits until the batch is finished, at most max_wait_s, and takes it. Samples that are not back
  // by then count as unscored, and those not yet asked for are not asked. None: an unknown ticket,
  // or one taken already.
  [[nodiscard]] std::optional<BatchResult> wait(std::int64_t ticket, double max_wait_s) noexcept;

  [[nodiscard]] ServiceStats stats() const noexcept;

 private:
  class Impl;
  explicit Service(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace phaseguard::judge
