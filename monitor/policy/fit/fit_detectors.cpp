#include <algorithm>
#include <cmath>
#include <string>

#include "monitor/base/text.h"
#include "monitor/policy/fit/fit_parts.h"
#include "monitor/policy/laws/law_row.h"
#include "monitor/policy/laws/window_js.h"
#include "monitor/policy/source.h"

namespace phaseguard::policy {

namespace {

struct DetectorFit {
  const DetectorSpec& spec;
  const LawRow& row;
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
  void check_law() const;
  void check_cadence() const;
  void check_noise(const wire::Hello& hello) const;
};

void DetectorFit::check_noise(const wire::Hello& hello) const {
  if (!spec.noise_sds && !spec.limit_sds) return;
  if (spec.source.is_derived()) {
    add(Severity::kError, " has a line of \"noise\", and " + source +
                              " is derived: only a declared signal has a noise of its own");
    return;
  }
  std::int64_t item = -1;
  const wire::SignalDecl* declared = find_declared(hello, spec.source.signal, item);
  const bool said = declared != nullptr && item < 0 && !std::isnan(declared->noise_mean);
  if (said && spec.limit_sds && !(declared->noise_sd > 0.0)) {
    add(Severity::kError, " has a limit in sd of the noise of " + source +
                              ", and the trainer declares an sd of 0: write it as a number");
  }
  if (said) return;
  add(Severity::kError, " has a line of \"noise\", and the trainer does not declare that of " +
                            source +
                            " (noise_mean, noise_sd): measure it on samples known to be clean, or "
                            "write the line as a number");
}

void DetectorFit::check_variant() const {
  if (spec.variant.empty() || spec.variant == fit.variant) return;
  add(Severity::kError, " has a threshold for the variant " + quoted(spec.variant, 60) + " of " +
                            source + "; the trainer measures " + quoted(fit.variant, 60) +
                            ": calibrate the threshold anew for it");
}

// window_js and distributions go together; level and the others want numbers.
void DetectorFit::check_shape() const {
  const bool distributions = fit.items == wire::Items::kDistribution;
  const bool wants = row.reads_rows;
  if (wants && !distributions) {
    add(Severity::kError, ": " + std::string(row.name) + " compares distributions; " + source +
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
  const bool value = row.scale == Scale::kSignal;
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

void DetectorFit::check_law() const {
  if (row.check_fit == nullptr) return;
  std::vector<Finding> found;
  row.check_fit(spec, fit, found);
  for (const Finding& finding : found) add(finding.severity, finding.message);
}

void DetectorFit::check_cadence() const {
  if (fit.every_steps > 0 || row.clock != nullptr) return;
  add(Severity::kWarning,
      ": the trainer declares no cadence for " + source +
          ", so the earliest firing step is not known and missing values are not noticed");
}

}  // namespace

void check_detector_fit(const DetectorSpec& spec, const wire::Hello& hello,
                        std::vector<Diagnostic>& out) {
  const Result<SourceFit> fit = fit_source(hello, spec.source);
  if (!fit) {
    out.push_back({Severity::kError, spec.place.line, spec.place.column, fit.error().message});
    return;
  }
  const DetectorFit parts{
      spec, row_of(spec), *fit, out, "[detector." + spec.name + "]", to_text(spec.source)};
  parts.check_variant();
  parts.check_shape();
  parts.check_noise(hello);
  parts.check_reach();
  parts.check_law();
  parts.check_cadence();
}

}  // namespace phaseguard::policy
