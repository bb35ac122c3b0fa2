#include <algorithm>
#include <cmath>
#include <string>

#include "monitor/base/text.h"
#include "monitor/policy/fit/fit_parts.h"
#include "monitor/policy/source.h"

namespace phaseguard::policy {

namespace {

using Words = std::vector<std::string>;

std::string or_none(const Words& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text.empty() ? "none" : text;
}

bool holds(const Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

struct RuleFit {
  const Document& document;
  const RuleSpec& rule;
  const wire::Hello& hello;
  std::vector<Diagnostic>& out;

  void add(Severity severity, Place place, const std::string& message) const {
    out.push_back({severity, place.line, place.column, "[rule." + rule.name + "]" + message});
  }
  [[nodiscard]] const wire::KnobDecl* declared(std::size_t knob) const {
    const std::string& name = document.knobs[knob].name;
    for (const wire::KnobDecl& decl : hello.knobs) {
      if (decl.name == name) return &decl;
    }
    return nullptr;
  }
  void check_requests() const;
  void check_reach(const KnobAction& action, const wire::KnobDecl& knob) const;
  void check_input(const KnobAction& action, const wire::KnobDecl& knob) const;
  void check_scale(const KnobAction& action, const std::string& where, const SourceFit& fit) const;
  void check_site(const SiteAction& action, const wire::KnobDecl& knob) const;
};

void RuleFit::check_requests() const {
  for (const std::string& request : rule.requests) {
    if (holds(hello.requests, request)) continue;
    add(Severity::kError, rule.place,
        " requests \"" + request +
            "\", which the trainer cannot do (it can: " + or_none(hello.requests) + ")");
  }
  const WithoutSnapshot instead = rule.rollback.without_snapshot;
  const bool asks = instead == WithoutSnapshot::kPause || instead == WithoutSnapshot::kStop;
  if (holds(rule.requests, "rollback") && asks && !holds(hello.requests, name_of(instead))) {
    add(Severity::kError, rule.place,
        std::string(" falls back to \"") + name_of(instead) +
            "\", which the trainer cannot do (it can: " + or_none(hello.requests) + ")");
  }
}

void RuleFit::check_reach(const KnobAction& action, const wire::KnobDecl& knob) const {
  const Reach reach = reach_of(action.controller, document.knobs[action.knob].base);
  const bool constant = std::holds_alternative<ConstantController>(action.controller);
  for (const double value : {reach.max, reach.min}) {
    if (value >= knob.min && value <= knob.max) continue;
    add(Severity::kError, action.place,
        " set." + knob.name + (constant ? " = " : " reaching ") + number_text(value) +
            " is outside the trainer's range of " + knob.name + ", " + number_text(knob.min) +
            " to " + number_text(knob.max));
    return;
  }
}

// Laws of a risk read one scale; a signal of another would be BAD for ever.
void RuleFit::check_scale(const KnobAction& action, const std::string& where,
                          const SourceFit& fit) const {
  Reach scale{0.0, 1.0};
  if (const auto* clamp = std::get_if<RiskClampController>(&action.controller)) {
    if (clamp->scale == RiskScale::kScore) scale = {1.0, 5.0};
  } else if (const auto* items = std::get_if<PerSampleController>(&action.controller)) {
    if (items->above) return;
  } else if (!std::holds_alternative<RiskLinearController>(action.controller)) {
    return;
  }
  const bool below = std::isfinite(fit.min) && fit.min < scale.min;
  const bool above = std::isfinite(fit.max) && fit.max > scale.max;
  if (!below && !above) return;
  add(Severity::kWarning, action.place,
      where + " reads values from " + number_text(scale.min) + " to " + number_text(scale.max) +
          ", and the trainer declares " + number_text(fit.min) + " to " + number_text(fit.max) +
          ": what is outside counts as bad, and the knob is held");
}

void RuleFit::check_input(const KnobAction& action, const wire::KnobDecl& knob) const {
  const SourceSpec* source = source_of(action.controller);
  if (source == nullptr) return;
  const std::string where =
      " set." + knob.name + ": " + name_of(action.controller) + " of " + to_text(*source);
  const Result<SourceFit> fit = fit_source(hello, *source);
  if (!fit) {
    add(Severity::kError, action.place, where + ": " + fit.error().message);
    return;
  }
  if (fit->items == "distribution") {
    add(Severity::kError, action.place, where + " carries distributions, not a number");
    return;
  }
  if (std::holds_alternative<PerSampleController>(action.controller)) {
    if (fit->items != "sample") {
      add(Severity::kError, action.place,
          where + " needs a signal declared with items = \"sample\"");
    }
    if (!knob.per_sample) {
      add(Severity::kError, action.place,
          where + " needs a knob that takes one value per sample, and the trainer declares " +
              knob.name + " without per_sample");
    }
  }
  check_scale(action, where, *fit);
}

void RuleFit::check_site(const SiteAction& action, const wire::KnobDecl& knob) const {
  if (holds(knob.sites, action.site)) return;
  const std::string near = nearest(action.site, knob.sites);
  add(Severity::kError, action.place,
      " moves " + knob.name + " to the site " + quoted(action.site, 60) +
          ", which the trainer did not declare (declared: " + or_none(knob.sites) + ")" +
          (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
}

}  // namespace

void check_rule_fit(const Document& document, const RuleSpec& rule, const wire::Hello& hello,
                    std::vector<Diagnostic>& out) {
  const RuleFit fit{document, rule, hello, out};
  fit.check_requests();
  for (const KnobAction& action : rule.sets) {
    const wire::KnobDecl* knob = fit.declared(action.knob);
    if (knob == nullptr) continue;
    fit.check_reach(action, *knob);
    fit.check_input(action, *knob);
  }
  for (const SiteAction& action : rule.sites) {
    const wire::KnobDecl* knob = fit.declared(action.knob);
    if (knob != nullptr) fit.check_site(action, *knob);
  }
}

}  // namespace phaseguard::policy
