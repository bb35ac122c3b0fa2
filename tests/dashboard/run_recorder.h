// How the runs of the dashboard's tests are put together. Included by their sources alone.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "monitor/wire/messages.h"
#include "tests/dashboard/synthetic_run.h"

namespace phaseguard::test {

// A fixed wiggle in -1..1.
inline double wiggle(std::int64_t i, int salt) {
  return std::sin(static_cast<double>(i) * 1.7 + salt * 2.3) * 0.6 +
         std::sin(static_cast<double>(i) * 0.37 + salt) * 0.4;
}

class Recorder {
 public:
  explicit Recorder(const std::string& name) : run_(*RunId::parse(name)) {}

  void add(Step step, wire::Body body) {
    wire::Message m;
    m.header.run = run_;
    m.header.seq = Seq{static_cast<std::int64_t>(messages.size()) + 1};
    m.header.step = step;
    m.header.t = t;
    m.header.attempt = 1;
    m.body = std::move(body);
    messages.push_back(std::move(m));
  }

  [[nodiscard]] Seq last() const { return Seq{static_cast<std::int64_t>(messages.size())}; }

  double t = 1.76e9 + 27663.0;
  std::vector<wire::Message> messages;

 private:
  RunId run_;
};

inline wire::Sample value_of(const char* name, double value) {
  wire::Sample sample;
  sample.signal = name;
  sample.value = value;
  return sample;
}

// RunOptions::own_trainer.
[[nodiscard]] std::vector<wire::Message> own_trainers_run(const RunOptions& options);

}  // namespace phaseguard::test
