// An event that changes nothing costs no allocation: on() is on the path of every replayed sample.
#include "tests/wire/allocation.h"

#include "tests/policy/rules_support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

wire::Message calm(std::int64_t step) {
  wire::Message message;
  message.header.attempt = 1;
  message.header.step = Step{step};
  message.header.t = static_cast<double>(step);
  wire::Report report;
  for (const char* signal : {"s/0", "s/1", "s/risk"}) {
    wire::Sample sample;
    sample.signal = signal;
    sample.value = 0.25;
    report.samples.push_back(std::move(sample));
  }
  message.body = std::move(report);
  return message;
}

TEST_CASE("an event that changes nothing allocates nothing", "[policy]") {
  Run run(head() + detector("d", "s/0") + detector("e", "s/1") +
              "[rule.a]\nwhen = \"any\"\nof = [\"d\", \"e\"]\nfor = \"10 s\"\nset.kl = 1.0\n"
              "[rule.b]\nof = [\"rule.a\"]\nlatch = true\nset.kl = 2.0\nrequest = \"rollback\"\n"
              "[rule.c]\nwhen = \"always\"\nset.kl = { controller = \"risk_linear\", signal = "
              "\"s/risk\", max = 2.0 }\n",
          rules_hello());
  std::vector<wire::Message> events;
  for (std::int64_t step = 5; step <= 500; step += 5) events.push_back(calm(step));
  for (std::size_t i = 0; i < 10; ++i) (void)run.machine.on(events[i]);  // buffers reach their size
  const wire::AllocationWatch watch;
  bool any = false;
  for (std::size_t i = 10; i < events.size(); ++i) any = run.machine.on(events[i]) || any;
  const std::size_t total = watch.total();
  CHECK_FALSE(any);
  CHECK(total == 0);
}

}  // namespace
}  // namespace phaseguard::policy
