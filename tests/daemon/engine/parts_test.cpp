// Micro-batches of one update: what is decided, counted and told.
#include <algorithm>

#include "monitor/policy/engine/playback.h"
#include "tests/daemon/engine/engine_rig.h"

using namespace phaseguard;
using namespace phaseguard::daemon;

namespace {

wire::Hello declaring(wire::Join join) {
  wire::Hello hello = declaration();
  hello.signals = {test::judge_signal(1)};
  hello.signals[0].join = join;
  return hello;
}

Effects part(Rig& rig, std::int64_t step, std::int64_t k, std::int64_t n, double value,
             bool asks = false) {
  wire::Report report;
  report.origin = wire::Report::Origin::kBatch;
  report.batch = 100 * step + k;
  report.part = {k, n};
  report.wants_control = asks;
  report.samples.push_back({"judge/score", value, false, {}, wire::kNaN, wire::kNaN});
  return rig.deliver(Channel::kTelemetry, 1, rig.frame(std::move(report), step));
}

// Eight micro-batches, one of them harmful.
void one_of_eight(Rig& rig, std::int64_t step) {
  for (std::int64_t k = 1; k <= 8; ++k) part(rig, step, k, 8, k == 5 ? 0.95 : 0.05);
}

std::int64_t count(Rig& rig, wire::ReportFate fate) {
  const wire::Status status = rig.status();
  for (const wire::FateCount& known : status.signals[0].fates) {
    if (known.fate == fate) return known.values;
  }
  return 0;
}

bool has_alert(Rig& rig, const std::string& text) {
  const auto alerts = rig.status().alerts;
  return std::any_of(alerts.begin(), alerts.end(), [&](const wire::Alert& alert) {
    return alert.text.find(text) != std::string::npos;
  });
}

}  // namespace

TEST_CASE("a mean dilutes one harmful micro-batch of eight, max does not", "[daemon][parts]") {
  const auto [join, expected] = GENERATE(table<wire::Join, double>(
      {{wire::Join::kMean, 0.0}, {wire::Join::kMax, 2.0}, {wire::Join::kSum, 2.0}}));
  Rig rig;
  rig.hello(1, declaring(join));
  for (std::int64_t step = 0; step < 4; ++step) one_of_eight(rig, step);
  // A sum of 1.3 lies beyond the declared range: BAD, so that it does not fire.
  CHECK(rig.status().knobs[0].decided == (join == wire::Join::kSum ? 0.0 : expected));
  CHECK(count(rig, wire::ReportFate::kJoined) == 32);
  CHECK(rig.status().signals[0].step == Step{3});
}

TEST_CASE("seven harmful micro-batches of eight trip a mean, at the last part of the second step",
          "[daemon][parts]") {
  Rig rig;
  rig.hello(1, declaring(wire::Join::kMean));
  for (std::int64_t step = 1; step < 3; ++step) {
    for (std::int64_t k = 1; k <= 8; ++k) {
      const Effects effects = part(rig, step, k, 8, k == 1 ? 0.05 : 0.95, true);
      const auto* control = first<wire::Control>(effects.send);
      REQUIRE(control != nullptr);
      CHECK(control->answers_batch == 100 * step + k);
      CHECK(control->knobs[0].value == (step == 2 && k == 8 ? 2.0 : 0.0));
    }
  }
  CHECK_FALSE(has_alert(rig, "several times"));
}

TEST_CASE("what is not complete is joined before the goodbye, counted and told of",
          "[daemon][parts]") {
  Rig rig;
  rig.hello(1, declaring(wire::Join::kMean));
  for (std::int64_t step = 0; step < 4; ++step) {
    for (std::int64_t k = 1; k <= 6; ++k) part(rig, step, k, 8, 0.9);
  }
  CHECK(rig.status().knobs[0].decided == 2.0);
  CHECK(rig.status().signals[0].incomplete == 3);
  CHECK(has_alert(rig, "parts of judge/score did not come"));
  rig.deliver(Channel::kTelemetry, 1,
              rig.frame(wire::Goodbye{wire::GoodbyeReason::kFinished, ""}, 4));
  CHECK(rig.status().signals[0].incomplete == 4);
  CHECK(rig.status().signals[0].step == Step{3});
}

TEST_CASE("a part that comes twice counts once; a canary's second value is told of at once",
          "[daemon][parts]") {
  Rig rig;
  wire::Hello hello = declaring(wire::Join::kMean);
  hello.signals.push_back(test::judge_signal());
  hello.signals[1].name = "canary/js";
  rig.hello(1, hello);
  part(rig, 0, 1, 2, 0.9);
  part(rig, 0, 1, 2, 0.1);
  part(rig, 0, 2, 2, 0.1);
  CHECK(count(rig, wire::ReportFate::kRepeated) == 1);
  CHECK_FALSE(has_alert(rig, "several times"));
  for (int i = 0; i < 2; ++i) {
    wire::Report report;
    report.origin = wire::Report::Origin::kCanary;
    report.samples.push_back({"canary/js", 0.1, false, {}, wire::kNaN, wire::kNaN});
    rig.deliver(Channel::kTelemetry, 1, rig.frame(std::move(report), 0));
  }
  CHECK(has_alert(rig, "canary/js comes several times a step"));
}

TEST_CASE("a record with parts decides again as it did", "[daemon][parts]") {
  Rig rig;
  rig.hello(1, declaring(wire::Join::kMax));
  for (std::int64_t step = 0; step < 6; ++step) {
    for (std::int64_t k = 1; k <= (step == 3 ? 2 : 4); ++k)
      part(rig, step, k, 4, step > 1 && k == 2 ? 0.9 : 0.1);
  }
  policy::Playback playback;
  std::vector<std::string> again;
  std::vector<std::string> recorded;
  for (const wire::Message& message : rig.record) {
    auto decided = playback.follow(message);
    REQUIRE(decided);
    if (*decided) again.push_back((*decided)->summary);
    if (const auto* decision = std::get_if<wire::Decision>(&message.body))
      recorded.push_back(decision->summary);
  }
  CHECK(again == recorded);
  CHECK_FALSE(recorded.empty());

  // And a copy that takes over while parts are pending goes on as the first.
  part(rig, 6, 1, 4, 0.1);
  for (std::size_t i = rig.record.size() - 1; i < rig.record.size(); ++i)
    REQUIRE(playback.follow(rig.record[i]));
  policy::Playback copy = playback;
  REQUIRE(copy.restore(playback.machine()->snapshot()));
  CHECK(copy.machine()->snapshot() == playback.machine()->snapshot());
}
