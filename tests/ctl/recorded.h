// Real run files: a policy decides over a scripted trainer's events, as the daemon does,
// and the store records both.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "monitor/policy/engine/playback.h"
#include "tests/run/story.h"
#include "tests/store/place.h"
#include "tests/support/declared.h"
#include "tests/support/policy.h"

namespace phaseguard::test {

// A judge score a step, by the trainer and the daemon.
class Recorder {
 public:
  Recorder(const std::string& run, const std::string& toml)
      : run_(*RunId::parse(run)), document_(document_of(toml)) {
    wire::Hello declared = hello();
    declared.signals[1].every_steps = 1;
    auto begun = policy::Playback::create(document_, put(0, declared, 1));
    REQUIRE(begun.has_value());
    playback_ = std::move(*begun);
    put(0, policy::describe(document_, declared), 0);
    take(0, wire::LinkChange{wire::LinkEvent::kClaimed, "", 1}, 0);
  }

  void take(std::int64_t step, wire::Body body, std::int64_t attempt = 1) {
    const wire::Message event = put(step, std::move(body), attempt);
    if (auto decision = playback_.on(event)) put(step, std::move(*decision), 0);
  }

  void judge(std::int64_t step, double score) {
    take(step, report(wire::Report::Origin::kBatch, {sample("judge/score", score)}));
  }

  void write(const std::filesystem::path& file) {
    auto writer = open_writer(file, run_);
    record(writer, messages);
  }

  std::vector<wire::Message> messages;

 private:
  wire::Message put(std::int64_t step, wire::Body body, std::int64_t attempt) {
    wire::Message m;
    m.header.run = run_;
    m.header.seq = Seq{static_cast<std::int64_t>(messages.size()) + 1};
    m.header.step = Step{step};
    m.header.t = 1.75e9 + static_cast<double>(messages.size());
    m.header.attempt = attempt;
    m.header.source_seq = attempt > 0 ? m.header.seq : Seq{};
    m.body = std::move(body);
    messages.push_back(m);
    return m;
  }

  RunId run_;
  policy::Document document_;
  policy::Playback playback_;
};

// Fires at step 4, is rolled back, goes on quietly, ends.
inline Recorder malicious() {
  Recorder run("bad-1", kPolicy);
  const double scores[] = {0.0, 0.1, 0.2, 0.9, 0.8, wire::kNaN};
  for (std::int64_t step = 0; step < 6; ++step) run.judge(step, scores[step]);
  run.take(5, applied(2.0, 0, 1));
  wire::Applied back = applied(2.0, 1, 1);
  back.requests = {{1, wire::Outcome::kDone, "restored snapshot of step 0", Step{0}}};
  run.take(0, back);
  for (std::int64_t step = 0; step < 6; ++step) run.judge(step, 0.05);
  run.take(6, wire::Goodbye{wire::GoodbyeReason::kFinished, ""});
  return run;
}

inline Recorder harmless() {
  Recorder run("good-1", kPolicy);
  for (std::int64_t step = 0; step < 6; ++step) run.judge(step, 0.1);
  run.take(6, wire::Goodbye{wire::GoodbyeReason::kFinished, ""});
  return run;
}

}  // namespace phaseguard::test
