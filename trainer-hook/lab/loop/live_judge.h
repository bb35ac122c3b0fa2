// The judge live in training: each measured batch goes to a judge in the background (an endpoint or
// a table of scores), and what comes back is reported as judge/score under the step it belongs to,
// with the declared outage policy. Trainer's thread; no step waits unless wait_s says so.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "trainer-hook/hook/hook.h"
#include "trainer-hook/judge/command_options.h"
#include "trainer-hook/judge/service.h"
#include "trainer-hook/lab/loop/tuner.h"

namespace phaseguard::lab {

// As the command line names it.
struct JudgeWords {
  judge::EndpointWords endpoint;
  std::string scores;  // file of `phaseguard judge score`; empty: the endpoint, or no judge
  std::string outage = "bad";
  std::int64_t hold_steps = 50;
  int workers = 4;
  double wait_s = 0.0;  // longest wait for a batch's own score before its update; 0: never

  [[nodiscard]] bool named() const { return !scores.empty() || !endpoint.url.empty(); }
};

// A sample of the lab in words, as `phaseguard-lab data` writes it and as its hash is taken.
[[nodiscard]] TrainingSample training_sample(const Example& example);

class LiveJudge {
 public:
  // Errors: both or half of a judge; as EndpointSource::open, TableSource::load, Service::start.
  [[nodiscard]] static Result<LiveJudge> start(const JudgeWords& words);

  // Hands over the batch about to be trained on. With a wait: its signals, for decide(); else none.
  [[nodiscard]] std::vector<wire::Sample> ask(Step step, std::int64_t segment,
                                              const TuneBatch& batch);
  // Reports what has come back meanwhile. What was asked in a segment since rolled back is dropped.
  void report(hook::Hook& hook, std::int64_t segment);

  // "live judge: 40 batches of 640 samples, 12 unscored; 39 reported, 1 BAD, 0 held, 0 of a segment
  // rolled back"
  [[nodiscard]] std::string text() const;
  [[nodiscard]] double last_risk() const { return last_risk_; }  // 0..1; NaN: none yet, or BAD

 private:
  LiveJudge(judge::Service service, double wait_s)
      : service_(std::move(service)), wait_s_(wait_s) {}
  std::vector<wire::Sample> count(const judge::BatchResult& result);

  judge::Service service_;
  double wait_s_;
  std::vector<std::int64_t> segments_;  // by batch id - 1: the segment it was asked in
  std::int64_t reported_ = 0, bad_ = 0, held_ = 0, undone_ = 0;
  double last_risk_ = wire::kNaN;
};

}  // namespace phaseguard::lab
