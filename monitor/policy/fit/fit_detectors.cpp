#include <algorithm>
#include <string>

#include "monitor/base/text.h"
#include "monitor/policy/fit/fit_parts.h"
#include "monitor/policy/laws/laws.h"
#include "monitor/policy/laws/window_js.h"
#include "monitor/policy/source.h"

namespace phaseguard::policy {

namespace {

struct DetectorFit {
  const DetectorSpec& spec;
  const SourceFit& fit;
  std::vector<Diagnostic>& out;
  std::string where;  // "[detector.llr]"
  std::string source;

  void add(Severity severity, const std::string& message) const {
    out.push_back({severity, spec.place.line, spec.place.column, where + message});
  }
  void check_variant() const;
  void check_shape() const;
  void check_reach() const;
  void check_null() const;
  void check_cadence() const;
};

void DetectorFit::check_variant() const {
  if (spec.variant.empty() || spec.variant == fit.variant) return;
  add(Severity::kError, " has a threshold for the variant " + quoted(spec.variant, 60) + " of " +
                            source + "; the trainer measures " + quoted(fit.variant, 60) +
                            ": calibrate the threshold anew for it");
}

// window_js and distributions go together; level and the others want numbers.
void DetectorFit::check_shape() const {
  const bool distributions = fit.items == wire::Items::kDistribution;
  const bool wants = std::holds_alternative<WindowJsLaw>(spec.law);
  if (wants && !distributions) {
    add(Severity::kError, ": window_js compares distributions; " + source +
                              " is not declared with items = \"distribution\" and columns");
  } else if (!wants && distributions) {
    add(Severity::kError, ": " + source + " carries distributions, which only window_js can read");
  } else if (wants && fit.columns < 1) {
    add(Severity::kError,
        ": " + source +
            " is declared with items = \"distribution\" and columns = 0; expected "
            "the number of probabilities of one row");
  } else if (wants && fit.columns > kMaxRowNumbers / fit.rows) {
    add(Severity::kError, ": expected at most " + std::to_string(kMaxRowNumbers) +
                              " probabilities in one measurement of " + source + ", found " +
                              std::to_string(fit.rows) + " rows of " + std::to_string(fit.columns) +
                              "; send fewer columns (top-k and tail)");
  }
}

void DetectorFit::check_reach() const {
  const bool value =
      std::holds_alternative<LevelLaw>(spec.law) || std::holds_alternative<EwmaLaw>(spec.law);
  if (value && spec.above >= fit.max) {
    add(Severity::kWarning, " never holds: " + source + " is declared up to " +
                                number_text(fit.max) + " and the threshold is " +
                                number_text(spec.above));
  } else if (least_points(spec, fit.max) < 0) {
    add(Severity::kWarning, " never holds: " + source + " is declared up to " +
                                number_text(fit.max) +
                                ", and even such values bring it nowhere near its limit");
  }
  if (value && spec.clear && *spec.clear < fit.min) {
    add(Severity::kWarning, " never clears: " + source + " is declared from " +
                                number_text(fit.min) + " and clear is " + number_text(*spec.clear));
  }
}

// What a null hypothesis needs to mean something (docs/POLICY.md).
void DetectorFit::check_null() const {
  const auto* law = std::get_if<EprocessLaw>(&spec.law);
  if (law == nullptr) return;
  if (fit.min < 0.0 || fit.max > 1.0) {
    add(Severity::kWarning, ": an eprocess reads values from 0 to 1, and " + source +
                                " is declared from " + number_text(fit.min) + " to " +
                                number_text(fit.max) + ": what is outside counts as bad");
  }
  if (spec.source.signal.rfind("canary/js", 0) == 0) {
    add(Severity::kWarning,
        ": the null hypothesis \"no drift\" is false in every fine-tune, so alpha promises nothing "
        "on " +
            source + "; calibrate null_mean on harmless runs of the same recipe");
  }
}

void DetectorFit::check_cadence() const {
  if (fit.every_steps > 0) return;
  const auto* stale = std::get_if<StaleLaw>(&spec.law);
  if (stale == nullptr) {
    add(Severity::kWarning,
        ": the trainer declares no cadence for " + source +
            ", so the earliest firing step is not known and missing values are not noticed");
  } else if (stale->after.unit == SpanUnit::kIntervals) {
    add(Severity::kError, ": after = \"" + to_text(stale->after) +
                              "\" needs a cadence, and the trainer declares none for " + source +
                              "; say it in steps or seconds");
  }
}

}  // namespace

void check_detector_fit(const DetectorSpec& spec, const wire::Hello& hello,
                        std::vector<Diagnostic>& out) {
  const Result<SourceFit> fit = fit_source(hello, spec.source);
  if (!fit) {
    out.push_back({Severity::kError, spec.place.line, spec.place.column, fit.error().message});
    return;
  }
  const DetectorFit parts{spec, *fit, out, "[detector." + spec.name + "]", to_text(spec.source)};
  parts.check_variant();
  parts.check_shape();
  parts.check_reach();
  parts.check_null();
  parts.check_cadence();
}

std::string unit_of(const DetectorSpec& spec, const wire::Hello& hello) {
  if (const auto* stale = std::get_if<StaleLaw>(&spec.law)) {
    if (stale->after.unit == SpanUnit::kSeconds) return "s";
    return stale->after.unit == SpanUnit::kSteps ? "steps" : "intervals";
  }
  if (std::holds_alternative<WindowJsLaw>(spec.law)) return "nats";
  if (std::holds_alternative<ZscoreLaw>(spec.law)) return "sd";
  if (std::holds_alternative<EprocessLaw>(spec.law)) return "1";
  const Result<SourceFit> fit = fit_source(hello, spec.source);
  if (!fit || fit->unit.empty()) return "";
  if (!std::holds_alternative<RateLaw>(spec.law)) return fit->unit;
  return fit->unit == "1" ? "1/step" : fit->unit + "/step";
}

}  // namespace phaseguard::policy
