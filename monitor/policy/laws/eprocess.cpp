// eprocess: the wealth of a bet against a mean that is at most null_mean.
#include <algorithm>
#include <cmath>

#include "monitor/base/text.h"
#include "monitor/policy/laws/law_row.h"

namespace phaseguard::policy {

namespace {

// Bounds that keep M a number. The lower one loses nothing that an alpha could ask for.
constexpr double kLeastWealth = 1e-200;
constexpr double kMostWealth = 1e200;

constexpr std::array kForms{"ville", "esr", "ecusum"};  // in the order of EForm

std::optional<Misfit> finish(DetectorSpec& spec) {
  const auto& law = own<EprocessLaw>(spec);
  if (law.bet >= 0.0 && law.bet <= 1.0 / law.null_mean) return std::nullopt;
  return Misfit{"bet",
                "from 0 to 1 / null_mean = " + number_text(1.0 / law.null_mean) +
                    " (a larger bet could lose more than there is)",
                law.bet};
}

double start_of(EForm form) { return form == EForm::kEsr ? 0.0 : 1.0; }

double grown(const EprocessLaw& law, double m, double x) {
  const double gain = 1.0 + law.bet * (x - law.null_mean);
  if (std::isnan(m)) m = start_of(law.form);
  if (law.form == EForm::kEsr) m += 1.0;
  if (law.form == EForm::kEcusum) m = std::max(m, 1.0);
  return std::min(std::max(m * gain, kLeastWealth), kMostWealth);
}

Compared take(const DetectorSpec& spec, LawState& state, const Point& now) {
  const auto& law = own<EprocessLaw>(spec);
  state.y = grown(law, state.y, now.x);
  return {state.y, state.y >= 1.0 / law.alpha};
}

std::int64_t least(const DetectorSpec& spec, double max) {
  return points_until(spec, std::min(max, 1.0), start_of(own<EprocessLaw>(spec).form),
                      [](double before, double now) { return now > before; });
}

std::string watched(const DetectorSpec& spec, const std::string& signal) {
  const auto& law = own<EprocessLaw>(spec);
  return "the wealth of a bet of " + number_text(law.bet) + " that the mean of " + signal +
         " exceeds " + number_text(law.null_mean) + " (form " +
         kForms[static_cast<std::size_t>(law.form)] + ") has reached " +
         number_text(1.0 / law.alpha);
}

std::string null_text(const DetectorSpec& spec) {
  const auto& law = own<EprocessLaw>(spec);
  const std::string given =
      "As long as each value's mean, given the past, is at most " + number_text(law.null_mean);
  if (law.form == EForm::kVille) {
    return given + ", the chance of a false alarm ever in a run is at most " +
           number_text(law.alpha) + ", dependence or not.";
  }
  return given + ", false alarms are at least " + number_text(1.0 / law.alpha) +
         " measurements apart on average.";
}

// What the null hypothesis needs to mean something (docs/POLICY.md).
void check_fit(const DetectorSpec& spec, const SourceFit& fit, std::vector<Finding>& out) {
  const std::string source = to_text(spec.source);
  if (fit.min < 0.0 || fit.max > 1.0) {
    out.push_back({Severity::kWarning, ": an eprocess reads values from 0 to 1, and " + source +
                                           " is declared from " + number_text(fit.min) + " to " +
                                           number_text(fit.max) +
                                           ": what is outside counts as bad"});
  }
  if (spec.source.signal.rfind("canary/js", 0) == 0) {
    out.push_back({Severity::kWarning,
                   ": the null hypothesis \"no drift\" is false in every fine-tune, so alpha "
                   "promises nothing on " +
                       source + "; calibrate null_mean on harmless runs of the same recipe"});
  }
}

}  // namespace

const LawRow& EprocessLaw::row() {
  static constexpr std::array kKeys{
      key<&EprocessLaw::form>("form", {.words = kForms, .required = false}),
      key<&EprocessLaw::null_mean>(
          "null_mean",
          {.min = 0.0,
           .max = 1.0,
           .open = true,
           .expected = "a mean above 0 and below 1: the signal is a risk from 0 to 1"}),
      key<&EprocessLaw::bet>("bet"),
      key<&EprocessLaw::alpha>("alpha",
                               {.min = 0.0,
                                .max = 1.0,
                                .open = true,
                                .expected = "an error rate above 0 and below 1, such as 0.05"})};
  static constexpr LawRow kRow{
      .name = "eprocess",
      .has_streak = false,
      .keys = kKeys,
      .finish = finish,
      .take = take,
      .threshold = [](auto& spec, auto&) { return 1.0 / own<EprocessLaw>(spec).alpha; },
      .least_points = least,
      .is_sound = any_state,
      .scale = Scale::kOwn,
      .unit = [](auto&, auto&) { return std::string("1"); },
      .watched = watched,
      .null_text = null_text,
      .relation = ">=",
      .admits = [](auto&, auto&, auto& now) { return now.x >= 0.0 && now.x <= 1.0; },
      .check_fit = check_fit};
  return kRow;
}

}  // namespace phaseguard::policy
