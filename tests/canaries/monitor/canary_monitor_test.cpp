// The canary signals of a trainer of one's own, from callbacks to samples.
#include "canaries/monitor/canary_monitor.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/sin.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "monitor/base/types.h"
#include "monitor/wire/declaration.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"

using namespace phaseguard;
using namespace phaseguard::canaries;

namespace {

constexpr std::int64_t kRows = 3, kVocabulary = 40, kWidth = 6;

CanarySet some_set() {
  CanarySet set;
  set.name = "three";
  for (const char* id : {"a", "b", "c"}) {
    set.canaries.push_back({id, {{"user", std::string("What of ") + id + "?"}}, {}});
  }
  return set;
}

at::Tensor numbers(std::int64_t rows, std::int64_t cols, double pace) {
  return at::sin(at::arange(rows * cols, at::kFloat) * pace).view({rows, cols}) * 3.0;
}

// A model that has moved by `moved` from theta0.
CanaryModel model_of(double moved) {
  CanaryModel out;
  out.logits = [=](const CanarySet&) { return numbers(kRows, kVocabulary, 0.7 + 0.01 * moved); };
  out.continuations = [=](const CanarySet&) {
    return Continuations{{-5.0 + moved, -6.0, -7.0}, {-2.0, -3.0, -4.0 - 2.0 * moved}};
  };
  out.hidden = [=](const CanarySet&) { return numbers(kRows, kWidth, 1.3) + moved; };
  return out;
}

probe::Features features(double pace, std::size_t rows) {
  const at::Tensor made = numbers(static_cast<std::int64_t>(rows), kWidth, pace).contiguous();
  const Span<const float> values(made.data_ptr<float>(), static_cast<std::size_t>(made.numel()));
  const auto out = probe::make_features(values, rows, kWidth);
  REQUIRE(out);
  return *out;
}

MonitorOptions everything() {
  probe::Site site;
  site.model_id = "theta0";
  site.layer = "block1";
  site.position = "last_prompt";
  site.scored = "theta";
  site.width = kWidth;
  std::vector<std::uint8_t> labels(32);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = i % 3 == 0;
  const probe::Features x = features(0.9, 32), held = features(1.1, 32), other = features(0.4, 32);
  MonitorOptions options;
  options.distribution_tokens = 4;
  options.cadence.max_share = 1.0;  // nothing is left out for what it costs
  auto fitted = probe::ActivationProbe::fit(x, labels, held, labels, site);
  auto direction = probe::TraitDirection::fit(x, other, "blunt", site);
  REQUIRE(fitted);
  REQUIRE(direction);
  auto directions = probe::DirectionSet::make({*direction});
  REQUIRE(directions);
  options.probe = std::move(*fitted);
  options.directions = std::move(*directions);
  return options;
}

CanaryMonitor monitor_of(const CanaryModel& theta0, const MonitorOptions& options) {
  auto made = CanaryMonitor::create(some_set(), theta0, options);
  INFO((made ? std::string() : made.error().message));
  REQUIRE(made);
  return std::move(*made);
}

std::string refused(const CanaryModel& theta0, const MonitorOptions& options) {
  const auto made = CanaryMonitor::create(some_set(), theta0, options);
  REQUIRE_FALSE(made);
  return made.error().message;
}

bool has(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

std::vector<std::string> names_of(const std::vector<wire::Sample>& samples) {
  std::vector<std::string> out;
  for (const wire::Sample& one : samples) out.push_back(one.signal);
  return out;
}

std::vector<std::string> declared_by(const CanaryMonitor& monitor) {
  wire::Hello hello;
  monitor.declare(hello);
  CHECK(wire::contradiction_in(hello).empty());
  std::vector<std::string> out;
  for (const wire::SignalDecl& one : hello.signals) out.push_back(one.name);
  return out;
}

const wire::Sample& of(const std::vector<wire::Sample>& samples, const std::string& signal) {
  const auto found = std::find_if(samples.begin(), samples.end(),
                                  [&](const auto& one) { return one.signal == signal; });
  REQUIRE(found != samples.end());
  return *found;
}

ReferenceId some_id() { return {"org/model@1", "weights", "tokenizer", "", "prompts", ""}; }

}  // namespace

TEST_CASE("what is given is declared and sent, in one order, and good", "[canaries]") {
  CanaryMonitor monitor = monitor_of(model_of(0.0), everything());
  const std::vector<std::string> all{"canary/js",     "canary/js_max", "canary/dist",
                                     "canary/margin", "probe/risk",    "drift/blunt"};
  CHECK(declared_by(monitor) == all);
  const auto samples = monitor.at(Step{0}, model_of(0.5));
  CHECK(monitor.trouble().empty());
  CHECK(names_of(samples) == all);
  wire::Hello hello;
  monitor.declare(hello);
  CHECK(hello.cadence_steps == 5);
  CHECK(hello.canary_digest == hex(digest(some_set())));
  CHECK(hello.canary_ids == some_set().ids());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    INFO(samples[i].signal);
    CHECK(wire::assess(hello.signals[i], samples[i].value) == Quality::kGood);
    CHECK_FALSE(samples[i].missing);
    CHECK(samples[i].items.size() == std::vector<std::size_t>{3, 0, 3 * 5, 3, 3, 0}[i]);
  }
  CHECK(hello.signals[0].variant == "full");
  CHECK(hello.signals[2].columns == 5);
}

TEST_CASE("the samples hold what the functions of the rooms give", "[canaries]") {
  const MonitorOptions options = everything();
  const auto samples = monitor_of(model_of(0.0), options).at(Step{0}, model_of(0.5));
  const auto logits = [](double moved) { return model_of(moved).logits({}); };
  const at::Tensor now = logits(0.5), then = logits(0.0);
  const Span<const float> p(now.data_ptr<float>(), static_cast<std::size_t>(now.numel()));
  const Span<const float> q(then.data_ptr<float>(), static_cast<std::size_t>(then.numel()));
  const auto js = summarise(*js_divergence_rows(p, q, kRows));
  CHECK(of(samples, "canary/js").value == js->mean);
  CHECK(of(samples, "canary/js_max").value == js->max);
  CHECK(of(samples, "canary/js").items[1] == js->per_canary[1].value);
  const auto columns = TokenColumns::create(q, kRows, 4);
  CHECK(of(samples, "canary/dist").items == columns->distribution(p)->rows);
  CHECK(of(samples, "canary/margin").items == std::vector<double>{0.5, 0.0, 1.0});
  CHECK(of(samples, "canary/margin").value == Approx(0.5));
  // Every state moved by 0.5 in each of its 6 numbers.
  const auto& unit = options.directions->directions().front().direction().unit;
  double along = 0.0;
  for (const double one : unit) along += 0.5 * one;
  const auto unmoved =
      options.directions->drift(features(1.3, kRows), features(1.3, kRows)).value().front().drift;
  CHECK(of(samples, "drift/blunt").value == Approx(along / unmoved.sd_reference).epsilon(1e-6));
  CHECK(of(samples, "probe/risk").items.size() == kRows);
}

TEST_CASE("theta0 itself has not moved, exactly", "[canaries]") {
  CanaryMonitor monitor = monitor_of(model_of(0.0), everything());
  const auto samples = monitor.at(Step{0}, model_of(0.0));
  for (const char* signal : {"canary/js", "canary/js_max", "canary/margin", "drift/blunt"}) {
    CHECK(of(samples, signal).value == 0.0);
  }
}

TEST_CASE("what is not given is neither declared nor sent", "[canaries]") {
  CanaryModel logits_alone;
  logits_alone.logits = model_of(0.0).logits;
  MonitorOptions options;
  CanaryMonitor monitor = monitor_of(logits_alone, options);
  const std::vector<std::string> three{"canary/js", "canary/js_max", "canary/dist"};
  CHECK(declared_by(monitor) == three);
  CHECK(names_of(monitor.at(Step{0}, model_of(0.1))) == three);
  options.distribution_tokens = 0;
  CanaryMonitor two = monitor_of(logits_alone, options);
  CHECK(declared_by(two) == std::vector<std::string>{"canary/js", "canary/js_max"});
  CHECK(names_of(two.at(Step{0}, model_of(0.1))) == declared_by(two));
}

TEST_CASE("the cadence says when, and what is left out for its cost is sent as missing",
          "[canaries]") {
  MonitorOptions options = everything();
  options.cadence.every_steps = 2;
  options.cadence.total_steps = 9;
  options.cadence.max_share = 1e-12;  // any measurement costs too much
  CanaryMonitor monitor = monitor_of(model_of(0.0), options);
  const CanaryModel model = model_of(0.2);
  CHECK(monitor.at(Step{1}, model).empty());
  CHECK_FALSE(of(monitor.at(Step{0}, model), "canary/js").missing);
  CHECK_FALSE(of(monitor.at(Step{2}, model), "canary/js").missing);
  CHECK(monitor.cadence().stretch() == 2);
  const auto skipped = monitor.at(Step{6}, model);
  CHECK(names_of(skipped) == declared_by(monitor));
  CHECK(std::all_of(skipped.begin(), skipped.end(),
                    [](const auto& one) { return one.missing && std::isnan(one.value); }));
  CHECK_FALSE(of(monitor.at(Step{9}, model), "canary/js").missing);  // the last step
}

TEST_CASE("a part that cannot be measured is no number, is named, and takes no other with it",
          "[canaries]") {
  CanaryMonitor monitor = monitor_of(model_of(0.0), everything());
  CanaryModel model = model_of(0.3);
  model.continuations = [](const CanarySet&) -> Continuations {
    throw std::runtime_error("no such prompt");
  };
  model.hidden = [](const CanarySet&) { return numbers(kRows, kWidth + 1, 1.0); };
  auto samples = monitor.at(Step{0}, model);
  CHECK(names_of(samples) == declared_by(monitor));
  CHECK(
      has(monitor.trouble(), "continuations of the canaries: the callback threw: no such prompt"));
  CHECK(has(monitor.trouble(), "states at the canaries: "));
  for (const char* signal : {"canary/margin", "probe/risk", "drift/blunt"}) {
    CHECK(std::isnan(of(samples, signal).value));
  }
  CHECK(of(samples, "canary/js").value > 0.0);

  model = model_of(0.3);
  model.logits = [](const CanarySet&) { return numbers(kRows + 1, kVocabulary, 1.0); };
  samples = monitor.at(Step{5}, model);
  CHECK(has(monitor.trouble(), "expected floating logits [3, V], found [4, 40]"));
  CHECK(std::isnan(of(samples, "canary/js").value));
  CHECK(std::isnan(of(samples, "canary/dist").value));
  CHECK(of(samples, "canary/margin").value == Approx(0.3));

  model.logits = [](const CanarySet&) { return at::full({kRows, kVocabulary}, NAN); };
  model.hidden = nullptr;
  samples = monitor.at(Step{10}, model);
  CHECK(std::isnan(of(samples, "canary/js").value));
  CHECK(has(monitor.trouble(), "states at the canaries: the model has no callback for it"));
  (void)monitor.at(Step{15}, model_of(0.3));
  CHECK(monitor.trouble().empty());
}

TEST_CASE("a callback that throws what is no exception ends nothing", "[canaries]") {
  CanaryMonitor monitor = monitor_of(model_of(0.0), everything());
  CanaryModel model = model_of(0.3);
  model.logits = [](const CanarySet&) -> at::Tensor { throw 1; };
  CHECK(monitor.at(Step{0}, model).empty());
}

TEST_CASE("a run that goes on measures by the cache of the one before", "[canaries]") {
  const test::Folder folder;
  for (const std::size_t k : {std::size_t{0}, std::size_t{20}}) {
    MonitorOptions options;
    options.cache = folder / ("theta0-" + std::to_string(k) + ".safetensors");
    options.reference = some_id();
    options.cache_k = k;
    CanaryModel theta0;
    theta0.logits = model_of(0.0).logits;
    const auto first = monitor_of(theta0, options).at(Step{0}, model_of(0.4));
    CanaryMonitor resumed = monitor_of({}, options);  // no callback: theta0 is gone
    const auto again = resumed.at(Step{0}, model_of(0.4));
    CHECK(names_of(again) == names_of(first));
    for (std::size_t i = 0; i < first.size(); ++i) {
      CHECK(again[i].value == first[i].value);
      CHECK(again[i].items == first[i].items);
    }
    CHECK(std::isnan(again[0].lower) == (k == 0));
    CHECK(resumed.parts().js == (k == 0 ? JsVariant::kFull : JsVariant::kRefTopkTail));
  }
}

TEST_CASE("a reference that is not the cache's is refused, as is a set in another order",
          "[canaries]") {
  const test::Folder folder;
  MonitorOptions options;
  options.cache = folder / "theta0.safetensors";
  options.reference = some_id();
  CanaryModel theta0;
  theta0.logits = model_of(0.0).logits;
  (void)monitor_of(theta0, options);
  (void)monitor_of(theta0, options);
  CHECK(has(refused(model_of(1.0), options), "expected the model that the cache was made of"));
  CanarySet turned = some_set();
  std::swap(turned.canaries[0], turned.canaries[2]);
  const auto other = CanaryMonitor::create(turned, {}, options);
  REQUIRE_FALSE(other);
  CHECK(has(other.error().message, "in another order than the set"));
  options.reference.weights = "others";
  CHECK(has(refused({}, options), "weights: expected \"others\", found \"weights\""));
}

TEST_CASE("a monitor that cannot be: the message says what was expected", "[canaries]") {
  CHECK(has(refused({}, {}), "expected a callback or a cache, found neither"));
  MonitorOptions options;
  options.cache = "/nonexistent/theta0.safetensors";
  CHECK(has(refused({}, options), "/nonexistent/theta0.safetensors or a callback that makes it"));
  CHECK(
      has(refused(model_of(0.0), options), "expected \"model\" to say what the numbers belong to"));
  options = {};
  options.distribution_tokens = 41;
  CHECK(has(refused(model_of(0.0), options), "distribution_tokens: "));
  options = {};
  options.cadence.every_steps = 0;
  CHECK(has(refused(model_of(0.0), options), "every_steps of at least 1, found 0"));
  CanaryModel no_states = model_of(0.0);
  no_states.hidden = nullptr;
  CHECK(has(refused(no_states, everything()), "a probe or directions are given, found none"));
  no_states.hidden = [](const CanarySet&) { return numbers(kRows, kWidth - 1, 1.0); };
  CHECK(has(refused(no_states, everything()), "theta0's states: "));
  CanaryModel one_pair = model_of(0.0);
  one_pair.continuations = [](const CanarySet&) { return Continuations{{-1.0}, {-1.0}}; };
  CHECK(has(refused(one_pair, {}), "expected a pair for each of 3 canaries, found 1"));
}
