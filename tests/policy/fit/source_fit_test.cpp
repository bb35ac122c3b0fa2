// What a source is as declared: units, range and cadence of groups and pairs, and what no detector
// can read.
#include <cmath>
#include <limits>

#include "monitor/policy/source.h"
#include "tests/policy/support.h"
#include "tests/support/catch.h"
#include "tests/support/words.h"

namespace phaseguard::policy {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

wire::SignalDecl decl(const std::string& name, const std::string& unit, double min, double max,
                      std::int64_t every) {
  wire::SignalDecl out = signal_decl(name, every);
  out.unit = unit;
  out.min = min;
  out.max = max;
  return out;
}

wire::SignalDecl rows(const std::string& name) {
  wire::SignalDecl out = signal_decl(name);
  out.items = wire::Items::kDistribution;
  out.columns = 4;
  return out;
}

SourceSpec plain(const std::string& signal) {
  SourceSpec source;
  source.signal = signal;
  return source;
}

SourceSpec group(const std::string& signal) {
  SourceSpec source = plain(signal);
  source.combine = Combine::kMax;
  return source;
}

SourceSpec difference(const std::string& signal, const std::string& minus) {
  SourceSpec source = plain(signal);
  source.minus = minus;
  return source;
}

SourceSpec ratio(const std::string& signal, const std::string& over) {
  SourceSpec source = plain(signal);
  source.over = over;
  return source;
}

wire::Hello three() {
  wire::Hello hello;
  hello.signals = {decl("m/a", "nats", -1.0, 2.0, 4), decl("m/b", "nats", 0.0, 5.0, 6),
                   decl("m/c", "bits", -3.0, 1.0, 10), decl("n/a", "nats", 0.0, 1.0, 0)};
  hello.signals[0].variant = hello.signals[1].variant = "full";
  hello.signals[2].variant = "topk";
  return hello;
}

std::string refusal(const wire::Hello& hello, const SourceSpec& source) {
  const Result<SourceFit> fit = fit_source(hello, source);
  REQUIRE_FALSE(fit);
  return fit.error().message;
}

TEST_CASE("a group of unlike members: widest range, no unit, common cadence", "[policy]") {
  wire::Hello hello = three();
  SourceFit fit = *fit_source(hello, group("m/*"));
  CHECK(fit.unit.empty());
  CHECK(fit.variant.empty());
  CHECK(fit.min == -3.0);
  CHECK(fit.max == 5.0);
  CHECK(fit.every_steps == 60);
  hello.signals.erase(hello.signals.begin() + 2);
  fit = *fit_source(hello, group("m/*"));
  CHECK(fit.unit == "nats");
  CHECK(fit.variant == "full");
  CHECK(fit.min == -1.0);
  CHECK(fit.max == 5.0);
  CHECK(fit.every_steps == 12);
  CHECK(fit.items.empty());
}

TEST_CASE("a pair: the range of its difference, none of its ratio, a unit where both agree",
          "[policy]") {
  SourceFit fit = *fit_source(three(), difference("m/a", "m/b"));
  CHECK(fit.min == -6.0);
  CHECK(fit.max == 2.0);
  CHECK(fit.unit == "nats");
  CHECK(fit.variant == "full");
  CHECK(fit.every_steps == 12);
  CHECK(fit_source(three(), difference("m/a", "m/c"))->unit.empty());
  fit = *fit_source(three(), ratio("m/a", "m/b"));
  CHECK(fit.min == -kInf);
  CHECK(fit.max == kInf);
  CHECK(fit.unit == "1");
  CHECK(fit_source(three(), ratio("m/a", "m/c"))->unit.empty());
  CHECK(fit_source(three(), ratio("m/a", "n/a"))->every_steps == 0);
}

TEST_CASE("sources that nobody declared", "[policy][hostile]") {
  CHECK(refusal({}, plain("m/a")).find("declared: none") != std::string::npos);
  CHECK(refusal(three(), difference("m/x", "m/b")).find("\"m/x\"") != std::string::npos);
  CHECK(refusal(three(), ratio("m/b", "m/x")).find("\"m/x\"") != std::string::npos);
  CHECK(refusal(three(), group("x/*")).find("\"x/*\"") != std::string::npos);
}

TEST_CASE("distributions are for window_js on that very signal", "[policy][hostile]") {
  wire::Hello hello = three();
  hello.signals.push_back(rows("d/p"));
  for (const SourceSpec& source :
       {group("d/*"), group("d/p/*"), difference("d/p", "m/a"), difference("m/a", "d/p")}) {
    CHECK(refusal(hello, source).find("\"d/p\" carries distributions") != std::string::npos);
  }
  const SourceFit fit = *fit_source(hello, plain("d/p"));
  CHECK(fit.columns == 4);
  CHECK(fit.rows == 1);  // without canaries: one
  hello.canary_ids = {"a", "b"};
  CHECK(fit_source(hello, plain("d/p"))->rows == 2);
}

TEST_CASE("a pair of vectors runs over nothing", "[policy]") {
  CHECK(fit_source(usual_hello(), difference("canary/js", "canary/margin"))->items.empty());
}

TEST_CASE("a group of one vector's items has the vector's range and runs over nothing",
          "[policy]") {
  const SourceFit fit = *fit_source(usual_hello(), group("canary/js/*"));
  CHECK(fit.items.empty());
  CHECK(fit.unit == "nats");
  CHECK(fit.every_steps == 5);
  CHECK(fit_source(usual_hello(), plain("canary/js"))->items == "canary");
  CHECK(fit_source(usual_hello(), plain("canary/js/b"))->items.empty());
}

TEST_CASE("an item is of a signal over canaries and of an id there is", "[policy]") {
  wire::Hello hello = usual_hello();
  std::int64_t item = 7;
  CHECK(find_declared(hello, "canary/js", item)->name == "canary/js");
  CHECK(item == -1);
  CHECK(find_declared(hello, "canary/js/b", item)->name == "canary/js");
  CHECK(item == 1);
  CHECK(find_declared(hello, "canary/js/c", item) == nullptr);
  CHECK(find_declared(hello, "canary/margin/a", item) == nullptr);
  CHECK(item == -1);
}

TEST_CASE("cadence: its own, the trainer's for canaries, none when absurd", "[policy]") {
  wire::Hello hello;
  hello.cadence_steps = 7;
  CHECK(cadence_of(hello, signal_decl("a/b", 3)) == 3);
  CHECK(cadence_of(hello, signal_decl("a/b", 0)) == 0);
  CHECK(cadence_of(hello, signal_decl("a/b", -3)) == 0);
  CHECK(cadence_of(hello, signal_decl("canary/js", 0)) == 7);
  CHECK(cadence_of(hello, signal_decl("canary/js", 2)) == 2);
  CHECK(cadence_of(hello, signal_decl("a/b", 1000000000)) == 1000000000);
  CHECK(cadence_of(hello, signal_decl("a/b", 1000000001)) == 0);
}

TEST_CASE("common cadence: the least common multiple, none when it is too long", "[policy]") {
  CHECK(common_cadence(4, 6) == 12);
  CHECK(common_cadence(5, 5) == 5);
  CHECK(common_cadence(0, 5) == 0);
  CHECK(common_cadence(5, 0) == 0);
  CHECK(common_cadence(-5, 5) == 0);
  CHECK(common_cadence(500000000, 1000000000) == 1000000000);
  CHECK(common_cadence(500000001, 2) == 0);
}

}  // namespace
}  // namespace phaseguard::policy
