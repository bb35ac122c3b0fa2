// A judge behind an OpenAI-compatible HTTP endpoint: one chat completion per sample, with timeout,
// retries and a cache on disk.
//
// Threads: score() may be called from several at once (the service's workers bound how many); each
// call blocks until the sample is scored, given up, or cancel() was called. One thread of its own
// ends requests that are past their time, however slowly they trickle. The key is sent as a bearer
// token to this endpoint alone (redirects are not followed) and never appears in a message.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "trainer-hook/judge/address.h"
#include "trainer-hook/judge/cache.h"
#include "trainer-hook/judge/exchange.h"
#include "trainer-hook/judge/source.h"

namespace phaseguard::judge {

struct EndpointOptions {
  Address address;
  ApiKey key;
  Asking asking;                   // model, temperature, length of the reply
  double timeout_s = 60.0;         // of one request, from connecting to the last byte
  double connect_timeout_s = 5.0;  // of it, until connected
  int retries = 4;                 // requests after the first
  double backoff_s = 0.5;          // before the first retry, then doubled
  double backoff_max_s = 30.0;     // bound of that, and of what Retry-After may ask for
  std::uint64_t seed = 0;          // of the jitter: each wait is 50 to 100 % of its bound
  std::size_t max_body_bytes = std::size_t{1} << 20;
  std::filesystem::path cache;  // empty: none
};

struct EndpointStats {
  std::int64_t requests = 0;
  std::int64_t retries = 0;  // of them
  std::int64_t cache_hits = 0;
  std::int64_t cache_errors = 0;
};

// Seconds to wait before request `attempt` (1: the first retry) of the sample with this hash:
// min(backoff_max_s, backoff_s 2^(attempt - 1)) times a factor of 0.5 to 1 that follows from seed,
// sample and attempt alone.
[[nodiscard]] double backoff_wait(const EndpointOptions& options, const Digest& sample,
                                  int attempt);

class EndpointSource : public Source {
 public:
  // Errors: no model; temperature outside 0..0.1; a time, count or size out of range; a cache that
  // cannot be opened. Sends nothing yet.
  [[nodiscard]] static Result<std::unique_ptr<EndpointSource>> open(EndpointOptions options);
  ~EndpointSource() override;

  [[nodiscard]] SampleScore score(const TrainingSample& sample) noexcept override;
  void cancel() noexcept override;
  [[nodiscard]] EndpointStats stats() const noexcept;

 private:
  class Connection;
  using Clock = std::chrono::steady_clock;
  explicit EndpointSource(EndpointOptions options);

  SampleScore ask(const TrainingSample& sample);
  Reply exchange(const std::string& body);
  bool pause(double seconds);  // false: cancelled
  void watch();                // the thread that ends what is past its time

  EndpointOptions options_;
  std::unique_ptr<Cache> cache_;
  std::atomic<std::int64_t> requests_{0}, retries_{0};

  mutable std::mutex mutex_;
  std::condition_variable woken_;
  bool cancelled_ = false;
  Clock::time_point not_before_;                       // a 429 asked all of us to wait
  std::vector<std::unique_ptr<Connection>> idle_;      // kept alive
  std::multimap<Clock::time_point, Connection*> due_;  // requests under way, by their end
  std::thread watcher_;
};

}  // namespace phaseguard::judge
