// [knob.NAME] and [detector.NAME].
#include <algorithm>
#include <string>

#include "monitor/base/text.h"
#include "monitor/policy/detector.h"
#include "monitor/policy/parse_parts.h"

namespace phaseguard::policy {

namespace {

constexpr std::int64_t kMaxCount = 1000000;

void check_range(const TableReader& reader, const KnobSpec& knob, const std::string& key,
                 double value) {
  if (value >= knob.min && value <= knob.max) return;
  reader.error(reader.place_of_key(key),
               "\"" + key + "\" in " + reader.where() +
                   ": expected a value from min = " + number_text(knob.min) +
                   " to max = " + number_text(knob.max) + ", found " + number_text(value));
}

// Nothing when a required value is not there: the rest would be reported against made-up limits.
std::optional<KnobSpec> parse_knob(const std::string& name, const TableReader& reader) {
  reader.check_keys({"base", "min", "max", "slew_per_step", "substitute"});
  const auto base = reader.number("base", true);
  const auto max = reader.number("max", true);
  const auto min = reader.number("min", false);
  const auto slew = reader.number("slew_per_step", false);
  const auto substitute = reader.number("substitute", false);
  if (slew && *slew <= 0.0) {
    reader.error(reader.place_of_key("slew_per_step"),
                 "\"slew_per_step\" in " + reader.where() +
                     ": expected a number above 0 (leave it out for moves at once), found " +
                     number_text(*slew));
  }
  const bool min_failed = !min && reader.find("min") != nullptr;
  if (!base || !max || min_failed) return std::nullopt;
  KnobSpec knob{name, *base, min.value_or(0.0), *max, slew, substitute, reader.place()};
  if (knob.min > knob.max) {
    reader.error(reader.place_of_key("max"),
                 reader.where() + ": expected min <= max, found min = " + number_text(knob.min) +
                     " and max = " + number_text(knob.max));
    return std::nullopt;
  }
  check_range(reader, knob, "base", knob.base);
  if (substitute) check_range(reader, knob, "substitute", *substitute);
  return knob;
}

void check_signal_name(const TableReader& reader, const std::string& signal) {
  const bool clean = signal.size() <= 128 && std::none_of(signal.begin(), signal.end(), [](char c) {
                       return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
                     });
  const std::size_t slash = signal.find('/');
  const bool grouped = slash != std::string::npos && slash > 0 && signal.back() != '/';
  if (clean && grouped) return;
  reader.error(reader.place_of_key("signal"), "\"signal\" in " + reader.where() +
                                                  ": expected a name group/name such as "
                                                  "\"canary/js\", found " +
                                                  quoted(signal, 80));
}

const Words kKeys{"signal", "variant", "type", "above", "consecutive", "warmup", "bad", "halflife"};
const Words kLaterKeys{"below",  "clear", "clear_consecutive",
                       "window", "mean",  "slack",
                       "limit",  "delta", "null",
                       "bet",    "alpha", "form"};
const Words kLaterTypes{"rate",      "zscore",    "cusum",    "page_hinkley",
                        "mad_shift", "window_js", "eprocess", "stale"};

// The law of `type`, and its own keys. Nothing: an error was reported.
std::optional<DetectorLaw> parse_law(const TableReader& reader, const std::string& type) {
  if (type == "level") {
    if (reader.find("halflife") != nullptr) {
      reader.error(reader.place_of_key("halflife"),
                   "\"halflife\" in " + reader.where() +
                       " belongs to type = \"ewma\"; a level is not smoothed");
    }
    return DetectorLaw{LevelLaw{}};
  }
  const auto halflife = reader.number("halflife", true);
  if (!halflife) return std::nullopt;
  if (*halflife < 0.01 || *halflife > 1e9) {
    reader.error(reader.place_of_key("halflife"),
                 "\"halflife\" in " + reader.where() +
                     ": expected a number of measurements from 0.01 to 1e9, found " +
                     number_text(*halflife));
    return std::nullopt;
  }
  return DetectorLaw{EwmaLaw{*halflife, ewma_alpha(*halflife)}};
}

void warn_of_range(const TableReader& reader, const DetectorSpec& spec) {
  if (spec.signal.rfind("canary/js", 0) == 0 && spec.above >= kLn2) {
    reader.warning(reader.place_of_key("above"),
                   "a Jensen-Shannon divergence is at most ln 2 = 0.693 nats, so above = " +
                       number_text(spec.above) + " never holds; is the threshold in bits?");
  }
}

std::optional<DetectorSpec> parse_detector(const std::string& name, const TableReader& reader,
                                           BadSignal bad_signal) {
  const auto type = reader.choice("type", true, {"level", "ewma"}, kLaterTypes);
  if (!type) return std::nullopt;  // which keys are right depends on it
  reader.check_keys(kKeys, kLaterKeys);
  const auto signal = reader.text("signal", true);
  const auto above = reader.number("above", true);
  const auto law = parse_law(reader, *type);
  const auto consecutive = reader.count("consecutive", {1, kMaxCount});
  const auto warmup = reader.count("warmup", {0, kMaxCount});
  const auto bad = reader.choice("bad", false, {"alarm", "vote"});
  const auto variant = reader.text("variant", false);
  if (signal) check_signal_name(reader, *signal);
  if (!signal || !above || !law) return std::nullopt;
  DetectorSpec spec;
  spec.name = name;
  spec.signal = *signal;
  spec.variant = variant.value_or("");
  spec.law = *law;
  spec.above = *above;
  spec.consecutive = consecutive.value_or(1);
  spec.warmup = warmup.value_or(0);
  spec.bad = bad ? (*bad == "vote" ? BadSignal::kVote : BadSignal::kAlarm) : bad_signal;
  spec.place = reader.place();
  warn_of_range(reader, spec);
  return spec;
}

}  // namespace

void parse_knobs(const toml::table& root, Document& document, NamesInFile& names,
                 std::vector<Diagnostic>& out) {
  for (const auto& [name, reader] : named_tables(root, "knob", out)) {
    names.knobs.push_back(name);
    if (auto knob = parse_knob(name, reader)) document.knobs.push_back(std::move(*knob));
  }
}

void parse_detectors(const toml::table& root, Document& document, NamesInFile& names,
                     std::vector<Diagnostic>& out) {
  for (const auto& [name, reader] : named_tables(root, "detector", out)) {
    names.detectors.push_back(name);
    auto detector = parse_detector(name, reader, document.bad_signal);
    if (detector) document.detectors.push_back(std::move(*detector));
  }
}

}  // namespace phaseguard::policy
