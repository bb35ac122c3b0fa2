#include "trainer-hook/judge/service.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

namespace phaseguard::judge {

namespace {

constexpr int kMostWorkers = 64;
constexpr double kLongestWaitS = 86400.0;

struct Batch {
  std::int64_t ticket = 0;
  Step step;
  std::int64_t id = 0;
  std::vector<TrainingSample> samples;
  std::vector<SampleScore> scores;  // as long as samples
  std::size_t next = 0;             // first sample nobody has asked for
  std::size_t back = 0;             // samples whose answer is in
  bool closed = false;              // its deadline passed: late answers are not written
  [[nodiscard]] bool finished() const { return closed || back == samples.size(); }
};

}  // namespace

// `mutex_` guards everything but source_; it is never held across a call of the source.
class Service::Impl {
 public:
  Impl(std::shared_ptr<Source> source, ServiceOptions options)
      : source_(std::move(source)), options_(options), aggregator_(options.outage) {
    for (int i = 0; i < options_.workers; ++i) threads_.emplace_back([this] { work(); });
  }

  ~Impl() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    source_->cancel();
    work_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::int64_t submit(Step step, std::int64_t id, std::vector<TrainingSample> samples) {
    auto batch = std::make_shared<Batch>();
    batch->step = step;
    batch->id = id;
    batch->samples = std::move(samples);
    batch->scores.assign(batch->samples.size(),
                         unscored(Outcome::kNotReturned, "not back when the batch was needed"));
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      batch->ticket = ++tickets_;
      ++stats_.batches;
      const auto waiting = std::count_if(batches_.begin(), batches_.end(),
                                         [](const auto& one) { return !one->finished(); });
      if (static_cast<std::size_t>(waiting) >= options_.max_batches) {
        ++stats_.dropped;
        batch->closed = true;
      }
      batches_.push_back(batch);
    }
    work_.notify_all();
    return batch->ticket;
  }

  std::optional<BatchResult> take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (batches_.empty() || !batches_.front()->finished()) return std::nullopt;
    return finish(0);
  }

  std::optional<BatchResult> wait(std::int64_t ticket, double max_wait_s) {
    const double bounded =
        std::isnan(max_wait_s) ? 0.0 : std::clamp(max_wait_s, 0.0, kLongestWaitS);
    const auto until = std::chrono::steady_clock::now() +
                       std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                           std::chrono::duration<double>(bounded));
    std::unique_lock<std::mutex> lock(mutex_);
    const auto it = std::find_if(batches_.begin(), batches_.end(),
                                 [&](const auto& one) { return one->ticket == ticket; });
    if (it == batches_.end()) return std::nullopt;
    const std::shared_ptr<Batch> batch = *it;
    if (!done_.wait_until(lock, until, [&] { return batch->finished(); })) {
      batch->closed = true;
      ++stats_.overdue;
    }
    return finish(static_cast<std::size_t>(std::find(batches_.begin(), batches_.end(), batch) -
                                           batches_.begin()));
  }

  [[nodiscard]] ServiceStats stats() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return stats_;
  }

 private:
  BatchResult finish(std::size_t at) {
    const std::shared_ptr<Batch> batch = batches_[at];
    batches_.erase(batches_.begin() + static_cast<std::ptrdiff_t>(at));
    return {batch->step, batch->id, aggregator_.add(batch->step, batch->scores)};
  }

  // The oldest batch with a sample to ask for.
  [[nodiscard]] std::shared_ptr<Batch> next_batch() const {
    for (const auto& batch : batches_) {
      if (!batch->closed && batch->next < batch->samples.size()) return batch;
    }
    return nullptr;
  }

  void work() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      std::shared_ptr<Batch> batch;
      work_.wait(lock, [&] { return stopping_ || (batch = next_batch()) != nullptr; });
      if (stopping_) return;
      const std::size_t index = batch->next++;
      ++stats_.samples;
      lock.unlock();
      SampleScore score = source_->score(batch->samples[index]);
      lock.lock();
      if (!score.scored()) ++stats_.unscored;
      if (!batch->closed) batch->scores[index] = std::move(score);
      if (++batch->back == batch->samples.size()) done_.notify_all();
    }
  }

  std::shared_ptr<Source> source_;
  ServiceOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable work_, done_;
  std::deque<std::shared_ptr<Batch>> batches_;  // not yet taken, in order
  Aggregator aggregator_;
  ServiceStats stats_;
  std::int64_t tickets_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

Result<Service> Service::start(std::shared_ptr<Source> source, ServiceOptions options) {
  if (source == nullptr || options.workers < 1 || options.workers > kMostWorkers ||
      options.max_batches == 0) {
    return fail(
        Errc::kInvalidArgument,
        "judge service: expected a source, 1 to 64 workers and room for at least one batch");
  }
  try {
    return Service(std::make_unique<Impl>(std::move(source), options));
  } catch (const std::exception& error) {
    return fail(Errc::kIo,
                std::string("judge service: its threads did not start: ") + error.what());
  }
}

Service::Service(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Service::~Service() = default;
Service::Service(Service&&) noexcept = default;
Service& Service::operator=(Service&&) noexcept = default;

std::int64_t Service::submit(Step step, std::int64_t batch,
                             std::vector<TrainingSample> samples) noexcept {
  return impl_->submit(step, batch, std::move(samples));
}
std::optional<BatchResult> Service::take() noexcept { return impl_->take(); }
std::optional<BatchResult> Service::wait(std::int64_t ticket, double max_wait_s) noexcept {
  return impl_->wait(ticket, max_wait_s);
}
ServiceStats Service::stats() const noexcept { return impl_->stats(); }

}  // namespace phaseguard::judge
