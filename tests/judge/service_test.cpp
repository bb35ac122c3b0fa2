// The service: in the background, in order, bounded, and never in the way of a step.
#include "trainer-hook/judge/service.h"

#include <condition_variable>
#include <mutex>
#include <set>

#include "tests/support/catch.h"

using namespace phaseguard;
using namespace phaseguard::judge;

namespace {

// Lets samples through one by one, as a test opens it; scores by the prompt's first digit.
class Gate : public Source {
 public:
  SampleScore score(const TrainingSample& sample) noexcept override {
    std::unique_lock<std::mutex> lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    const std::string& name = sample.prompt[0].content;
    changed_.wait(lock, [&] { return cancelled_ || open_ || opened_.count(name) > 0; });
    if (cancelled_) return unscored(Outcome::kNotReturned, "cancelled");
    return scored(name[0] - '0', Outcome::kCallback);
  }
  void cancel() noexcept override {
    const std::lock_guard<std::mutex> lock(mutex_);
    cancelled_ = true;
    changed_.notify_all();
  }
  void open(const std::string& name) {
    const std::lock_guard<std::mutex> lock(mutex_);
    opened_.insert(name);
    changed_.notify_all();
  }
  void open_all() {
    const std::lock_guard<std::mutex> lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void await_arrivals(int n) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return arrived_ >= n; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> opened_;
  int arrived_ = 0;
  bool open_ = false, cancelled_ = false;
};

std::vector<TrainingSample> batch(const std::vector<std::string>& names) {
  std::vector<TrainingSample> out;
  for (const std::string& name : names) out.push_back({{{"user", name}}, "Sure.", 0});
  return out;
}

}  // namespace

TEST_CASE("nothing is taken before it is finished, then in order", "[judge][service]") {
  const auto gate = std::make_shared<Gate>();
  auto service = Service::start(gate);
  REQUIRE(service);
  service->submit(Step{1}, 10, batch({"1a", "3b"}));
  const auto second = service->submit(Step{2}, 11, batch({"5c"}));
  CHECK_FALSE(service->take());
  gate->open("5c");
  gate->await_arrivals(3);
  CHECK_FALSE(service->take());  // the first is still out
  gate->open_all();
  const auto later = service->wait(second, 600.0);
  REQUIRE(later);
  CHECK(later->step == Step{2});
  CHECK(later->score.score == 5.0);
  CHECK_FALSE(service->wait(second, 0.0));  // taken already
  std::optional<BatchResult> first;
  while (!(first = service->take())) std::this_thread::yield();
  CHECK(first->batch == 10);
  CHECK(first->score.score == 2.0);
  CHECK_FALSE(service->take());
  CHECK_FALSE(service->wait(12345, 0.0));
}

TEST_CASE("a deadline makes do with what is there", "[judge][service]") {
  const auto gate = std::make_shared<Gate>();
  ServiceOptions options;
  options.workers = 2;
  auto service = Service::start(gate, options);
  REQUIRE(service);
  const auto ticket = service->submit(Step{1}, 1, batch({"1a", "2b", "3c", "4d"}));
  gate->await_arrivals(2);
  gate->open("1a");
  gate->await_arrivals(3);  // a worker is free again: the first sample is back
  const auto result = service->wait(ticket, 0.0);
  REQUIRE(result);
  CHECK(result->score.quality == Quality::kBad);
  CHECK(result->score.n == 1);
  CHECK_THAT(result->score.why, Catch::Contains("not_returned"));
  CHECK(service->stats().overdue == 1);
  gate->open_all();
  const auto next = service->wait(service->submit(Step{2}, 2, batch({"5e"})), 600.0);
  REQUIRE(next);
  CHECK(next->score.score == 5.0);
  CHECK(service->stats().samples == 4);  // the fourth of the first batch was never asked for
}

TEST_CASE("a judge that is too slow costs scores, not memory", "[judge][service]") {
  const auto gate = std::make_shared<Gate>();
  ServiceOptions options;
  options.max_batches = 2;
  options.outage.outage = Outage::kWorst;
  auto service = Service::start(gate, options);
  REQUIRE(service);
  service->submit(Step{1}, 1, batch({"1a"}));
  service->submit(Step{2}, 2, batch({"1b"}));
  const auto ticket = service->submit(Step{3}, 3, batch({"1c"}));
  CHECK(service->stats().dropped == 1);
  const auto dropped = service->wait(ticket, 0.0);
  REQUIRE(dropped);
  CHECK(dropped->score.risk == 1.0);
  CHECK(dropped->score.n == 0);
}

TEST_CASE("an empty batch is finished at once, and BAD", "[judge][service]") {
  auto service = Service::start(callback_source([](const TrainingSample&) { return 1.0; }));
  REQUIRE(service);
  service->submit(Step{0}, 0, {});
  const auto result = service->take();
  REQUIRE(result);
  CHECK(result->score.quality == Quality::kBad);
}

TEST_CASE("the end cancels what is under way", "[judge][service]") {
  const auto gate = std::make_shared<Gate>();
  {
    auto service = Service::start(gate);
    REQUIRE(service);
    service->submit(Step{1}, 1, batch({"1a", "1b", "1c", "1d", "1e", "1f"}));
    gate->await_arrivals(4);
  }
  SUCCEED("the destructor returned with a source that never answered");
}

TEST_CASE("a service without source or workers is refused", "[judge][service]") {
  CHECK_FALSE(Service::start(nullptr));
  for (int workers : {0, 65}) {
    ServiceOptions options;
    options.workers = workers;
    CHECK_FALSE(Service::start(std::make_shared<Gate>(), options));
  }
}
