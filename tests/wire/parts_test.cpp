// Parts of one step joined into its values.
#include "monitor/wire/parts.h"

#include <cmath>

#include "monitor/wire/codec.h"
#include "tests/support/catch.h"
#include "tests/support/declared.h"

using namespace phaseguard;
using wire::Join;
using wire::Parts;
using wire::Report;
using wire::Taking;

namespace {

wire::Hello declaring(Join join) {
  wire::Hello hello;
  hello.signals = {test::judge_signal(1)};
  hello.signals[0].join = join;
  hello.laws = {wire::Law::kJoins};
  return hello;
}

Report part(std::int64_t k, std::int64_t n, double value, double weight = wire::kNaN,
            std::vector<double> items = {}) {
  Report report;
  report.origin = Report::Origin::kBatch;
  report.part = {k, n};
  report.weight = weight;
  report.samples.push_back({"judge/score", value, false, std::move(items), wire::kNaN, wire::kNaN});
  return report;
}

// What parts of step 1 amount to: the last report's sample.
wire::Sample joined(Join join, const std::vector<Report>& reports) {
  Parts parts;
  parts.declare(declaring(join));
  std::vector<wire::Joined> out;
  for (const Report& report : reports) out = parts.take(report, Step{1});
  REQUIRE(out.size() == 1);
  REQUIRE(out[0].report.samples.size() == 1);
  return out[0].report.samples[0];
}

}  // namespace

TEST_CASE("the mean is weighted, and needs all parts", "[wire][parts]") {
  Parts parts;
  parts.declare(declaring(Join::kMean));
  CHECK(parts.take(part(1, 2, 0.2, 3.0), Step{1})[0].report.samples.empty());
  const auto out = parts.take(part(2, 2, 0.6, 1.0), Step{1});
  REQUIRE(out.size() == 1);
  REQUIRE(out[0].report.samples.size() == 1);
  CHECK(out[0].report.samples[0].value == (3.0 * 0.2 + 1.0 * 0.6) / 4.0);
  CHECK(out[0].report.part.empty());
}

TEST_CASE("max, sum and last", "[wire][parts]") {
  const std::vector<Report> three{part(3, 3, 0.1), part(1, 3, 0.9), part(2, 3, 0.3)};
  CHECK(joined(Join::kMax, three).value == 0.9);
  CHECK(joined(Join::kSum, three).value == 0.9 + 0.3 + 0.1);
  CHECK(joined(Join::kLast, three).value == 0.1);
}

TEST_CASE("items stand in the order of the parts", "[wire][parts]") {
  const wire::Sample sample =
      joined(Join::kMean, {part(2, 2, 0.5, 1.0, {0.4, 0.6}), part(1, 2, 0.3, 1.0, {0.3})});
  CHECK(sample.items == std::vector<double>{0.3, 0.4, 0.6});
}

TEST_CASE("half of the weight must be good", "[wire][parts]") {
  CHECK(joined(Join::kMean, {part(1, 2, std::nan(""), 1.0), part(2, 2, 0.4, 1.0)}).value == 0.4);
  CHECK(
      std::isnan(joined(Join::kMean, {part(1, 2, std::nan(""), 1.1), part(2, 2, 0.4, 1.0)}).value));
  CHECK(std::isnan(joined(Join::kMax, {part(1, 2, 7.0, 3.0), part(2, 2, 0.4, 1.0)}).value));
}

TEST_CASE("what is not complete is joined at the next step, before that step's own values",
          "[wire][parts]") {
  Parts parts;
  parts.declare(declaring(Join::kMean));
  (void)parts.take(part(1, 8, 0.9), Step{1});
  (void)parts.take(part(2, 8, 0.7), Step{1});
  auto out = parts.take(part(1, 8, 0.1), Step{2});
  REQUIRE(out.size() == 2);
  CHECK(out[0].step == Step{1});
  CHECK_FALSE(out[0].is_complete);
  CHECK(std::isnan(out[0].report.samples[0].value));  // 2 of 8 are less than half
  CHECK(out[1].step == Step{2});
  CHECK(out[1].report.samples.empty());
  for (std::int64_t k = 2; k < 6; ++k) (void)parts.take(part(k, 8, 0.1), Step{2});
  out = parts.take(part(1, 8, 0.5), Step{3});
  CHECK(out[0].report.samples[0].value == Approx(0.1));  // 5 of 8
}

TEST_CASE("a part that is sent again counts once, the last one sent", "[wire][parts]") {
  Parts parts;
  parts.declare(declaring(Join::kMean));
  std::vector<Taking> taken;
  (void)parts.take(part(1, 2, 0.9), Step{1}, &taken);
  (void)parts.take(part(1, 2, 0.1), Step{1}, &taken);
  const auto out = parts.take(part(2, 2, 0.3), Step{1}, &taken);
  CHECK(out[0].report.samples[0].value == Approx(0.2));
  (void)parts.take(part(2, 2, 0.9), Step{1}, &taken);  // it is joined already
  (void)parts.take(part(1, 2, 0.9), Step{0}, &taken);
  CHECK(taken == std::vector<Taking>{Taking::kPart, Taking::kRepeated, Taking::kPart,
                                     Taking::kRepeated, Taking::kTooLate});
}

TEST_CASE("what a signal does not say follows from its name", "[wire][parts]") {
  const auto of = [](const char* name) {
    wire::SignalDecl signal;
    signal.name = name;
    return wire::join_of(signal, Report::Origin::kBatch);
  };
  CHECK(of("judge/score") == Join::kMean);
  CHECK(of("train/loss") == Join::kMean);
  CHECK(of("canary/js") == Join::kLast);
  CHECK(of("probe/risk") == Join::kLast);
  CHECK(of("drift/blunt") == Join::kLast);
  wire::SignalDecl mine;
  mine.name = "mine/score";
  CHECK(wire::join_of(mine, Report::Origin::kCanary) == Join::kLast);
  CHECK(wire::join_of(mine, Report::Origin::kStep) == Join::kMean);
}

TEST_CASE("without the law every report is whole", "[wire][parts]") {
  Parts parts;
  wire::Hello old = declaring(Join::kMean);
  old.laws.clear();
  parts.declare(old);
  CHECK(parts.is_idle(part(1, 2, 0.2)));
}

TEST_CASE("a part that cannot be one is refused in words", "[wire][parts]") {
  CHECK(wire::part_fault(part(1, 1, 0.0)).empty());
  CHECK(wire::part_fault(part(3, 0, 0.0)).empty());
  CHECK(wire::part_fault(part(3, 2, 0.0)).find("found [3, 2]") != std::string::npos);
  CHECK(wire::part_fault(part(1024, 1024, 0.0)).empty());
  CHECK_FALSE(wire::part_fault(part(1, 1025, 0.0)).empty());
  CHECK(wire::part_fault(part(0, 2, 0.0)).find("found [0, 2]") != std::string::npos);
  CHECK(wire::part_fault(part(1, 2, 0.0, 0.0)).find("weight: expected a finite number above 0") ==
        0);
  Report three = part(1, 2, 0.0);
  three.part.push_back(3);
  CHECK(wire::part_fault(three).find("found an array of 3") != std::string::npos);

  wire::Message message;
  message.header.run = *RunId::parse("run-1");
  message.body = part(3, 2, 0.5);
  const auto refused = wire::decode(wire::encode(message));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("part: expected [k, n]") != std::string::npos);
  message.body = part(1, 2, 0.5, 2.0);
  const auto taken = wire::decode(wire::encode(message));
  REQUIRE(taken);
  CHECK(std::get<Report>(taken->body).part == std::vector<std::int64_t>{1, 2});
  CHECK(std::get<Report>(taken->body).weight == 2.0);
}
