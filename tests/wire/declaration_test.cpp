// Declarations that contradict themselves.
#include "monitor/wire/declaration.h"

#include <cmath>
#include <functional>
#include <limits>

#include "tests/run/story.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

using namespace phaseguard;

TEST_CASE("a declaration that can be meant is let in", "[run][declaration]") {
  CHECK(wire::contradiction_in(test::hello()).empty());
  CHECK(wire::contradiction_in(wire::Hello{}).empty());
  wire::Hello open = test::hello();
  open.signals[0].min = -std::numeric_limits<double>::infinity();
  open.signals[0].max = std::numeric_limits<double>::infinity();
  CHECK(wire::contradiction_in(open).empty());
}

TEST_CASE("a contradiction is named with its field, what was expected and what was found",
          "[run][declaration]") {
  struct Case {
    std::function<void(wire::Hello&)> change;
    std::string text;
  };
  const Case one = GENERATE(
      Case{[](wire::Hello& h) { h.knobs[0].min = 5.0; },
           "knob \"kl\": expected min at most max, found min 5 and max 4"},
      Case{[](wire::Hello& h) { h.knobs[0].max = HUGE_VAL; },
           "knob \"kl\": expected a finite range"},
      Case{[](wire::Hello& h) { h.knobs[0].min = std::nan(""); },
           "knob \"kl\": expected a finite range"},
      Case{[](wire::Hello& h) { h.knobs[0].initial = 4.5; },
           "knob \"kl\": expected an initial value of 0 to 4, found 4.5"},
      Case{[](wire::Hello& h) { h.knobs[0].initial = std::nan(""); },
           "knob \"kl\": expected an initial value of 0 to 4"},
      Case{[](wire::Hello& h) { h.knobs.push_back(h.knobs[0]); },
           "knob \"kl\": expected once, found twice"},
      Case{[](wire::Hello& h) { h.knobs[0].name.clear(); }, "knob: expected a name"},
      Case{[](wire::Hello& h) { h.signals[1].min = 1.0, h.signals[1].max = 0.0; },
           "signal \"judge/score\": expected min at most max, found min 1 and max 0"},
      Case{[](wire::Hello& h) { h.signals[1].max = std::nan(""); },
           "signal \"judge/score\": expected numbers as min and max, found NaN"},
      Case{[](wire::Hello& h) { h.signals.push_back(h.signals[1]); },
           "signal \"judge/score\": expected once, found twice"},
      Case{[](wire::Hello& h) {
             h.signals[1].every_steps = std::numeric_limits<std::int64_t>::max();
           },
           "signal \"judge/score\": every_steps: expected 0 to 1000000000000000"},
      Case{[](wire::Hello& h) { h.total_steps = std::numeric_limits<std::int64_t>::max(); },
           "total_steps: expected 0 to 1000000000000000"},
      Case{[](wire::Hello& h) { h.cadence_steps = -1; }, "cadence_steps: expected 0 to"},
      Case{[](wire::Hello& h) { h.start_step = Step{-1}; }, "start_step: expected 0 to"});
  wire::Hello hello = test::hello();
  one.change(hello);
  INFO(one.text);
  CHECK(wire::contradiction_in(hello).find(one.text) == 0);
}

TEST_CASE("a value within 4 ulp of float32 of a bound counts, by the law of its record",
          "[run][declaration]") {
  wire::Hello hello;
  wire::SignalDecl js;
  js.min = 0.0;
  js.max = 0.6931471805599453;
  const auto quality = [&](double value) {
    return wire::assess(wire::with_edges(hello, js), value);
  };
  const double ln2 = static_cast<double>(static_cast<float>(js.max));
  REQUIRE(ln2 > js.max);
  CHECK(quality(ln2) == Quality::kBad);  // an older record
  hello.laws = {wire::Law::kEdges};
  CHECK(quality(ln2) == Quality::kGood);
  CHECK(quality(js.max + 3.9 * 0x1p-24) == Quality::kGood);
  CHECK(quality(js.max + 4.1 * 0x1p-24) == Quality::kBad);
  CHECK(quality(-1e-30) == Quality::kBad);  // 0 has no neighbours
  js.max = 9.0;
  CHECK(quality(0.9 / (1.0 - 0.9)) == Quality::kGood);
  js.max = std::numeric_limits<double>::infinity();
  CHECK(quality(HUGE_VAL) == Quality::kBad);
}
