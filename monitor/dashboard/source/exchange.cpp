#include <chrono>

#include "monitor/dashboard/source/source.h"

namespace phaseguard::dashboard {
namespace {

constexpr std::int64_t kLongestNs = 6'000'000;  // a frame has 16 ms

}  // namespace

Now now() {
  using std::chrono::duration;
  using std::chrono::duration_cast;
  using std::chrono::nanoseconds;
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  const auto mono = std::chrono::steady_clock::now().time_since_epoch();
  return {duration<double>(wall).count(), Nanos{duration_cast<nanoseconds>(mono).count()}};
}

bool exchange(Source& source, Model& model, const std::function<void(const Batch&)>& also) {
  const std::int64_t until = now().mono.value + kLongestNs;
  bool more = true;
  while (more && now().mono.value < until) {
    const auto batches = source.take();
    for (const Batch& batch : batches) {
      model.apply(batch, now());
      if (also) also(batch);
      if (batch.borrows) source.lend(model.lend(*batch.borrows));
    }
    more = !batches.empty();
  }
  model.tick(now());
  auto commands = model.take_outbox();
  if (!commands.empty()) source.send(std::move(commands));
  return more;
}

}  // namespace phaseguard::dashboard
