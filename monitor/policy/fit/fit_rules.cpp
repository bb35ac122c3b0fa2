#include <algorithm>
#include <cmath>
#include <string>

#include "monitor/base/text.h"
#include "monitor/policy/fit/fit_parts.h"
#include "monitor/policy/source.h"
#include "monitor/run/protection.h"

namespace phaseguard::policy {

namespace {

bool holds(const Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

template <class E>
Words texts_of(const std::vector<wire::Word<E>>& words) {
  Words texts;
  for (const wire::Word<E>& word : words) texts.push_back(word.text());
  return texts;
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
  void check_side(const KnobAction& action, const wire::KnobDecl& knob, const Reach& reach) const;
  void check_input(const KnobAction& action, const wire::KnobDecl& knob) const;
  void check_scale(const KnobAction& action, const std::string& where, const SourceFit& fit) const;
  void check_site(const SiteAction& action, const wire::KnobDecl& knob) const;
};

void RuleFit::check_requests() const {
  const Words can = texts_of(hello.requests);
  for (const wire::RequestType type : rule.requests) {
    const std::string request(wire::text_of(type));
    if (holds(can, request)) continue;
    add(Severity::kError, rule.place,
        " requests \"" + request + "\", which the trainer cannot do (it can: " + or_none(can) +
            ")");
  }
  const WithoutSnapshot instead = rule.rollback.without_snapshot;
  const bool asks = instead == WithoutSnapshot::kPause || instead == WithoutSnapshot::kStop;
  const bool rolls_back = std::find(rule.requests.begin(), rule.requests.end(),
                                    wire::RequestType::kRollback) != rule.requests.end();
  if (rolls_back && asks && !holds(can, name_of(instead))) {
    add(Severity::kError, rule.place,
        std::string(" falls back to \"") + name_of(instead) +
            "\", which the trainer cannot do (it can: " + or_none(can) + ")");
  }
}

void RuleFit::check_reach(const KnobAction& action, const wire::KnobDecl& knob) const {
  if (stars_of(action.controller) && std::isnan(knob.lambda_star)) {
    add(Severity::kError, action.place,
        " set." + knob.name +
            " is in units of lambda*, and the trainer declares no lambda_star of " + knob.name +
            ": measure it (a pre-flight pass of the reference over the data), or write a number");
    return;
  }
  const KnobSpec& own = document.knobs[action.knob];
  const Reach reach = reach_of(action.controller, own.base);
  if (stars_of(action.controller) && !(reach.min >= own.min && reach.max <= own.max)) {
    add(Severity::kError, action.place,
        " set." + knob.name + " = " + number_text(*stars_of(action.controller)) +
            " lambda_star, which is " + number_text(reach.max) +
            " here, is outside min and max of [knob." + knob.name + "], " + number_text(own.min) +
            " to " + number_text(own.max));
    return;
  }
  const bool constant = std::holds_alternative<ConstantController>(action.controller);
  for (const double value : {reach.max, reach.min}) {
    if (value >= knob.min && value <= knob.max) continue;
    add(Severity::kError, action.place,
        " set." + knob.name + (constant ? " = " : " reaching ") + number_text(value) +
            " is outside the trainer's range of " + knob.name + ", " + number_text(knob.min) +
            " to " + number_text(knob.max));
    return;
  }
  check_side(action, knob, reach);
}

// A rule that moves a knob away from its protecting side lowers what it is there to raise. Of a
// knob that protects upwards that has always been a policy's own affair.
void RuleFit::check_side(const KnobAction& action, const wire::KnobDecl& knob,
                         const Reach& reach) const {
  const double base = document.knobs[action.knob].base;
  if (run::protects_of(knob.protects) != wire::Protects::kDown || reach.max <= base) return;
  add(Severity::kError, action.place,
      " set." + knob.name + " reaching " + number_text(reach.max) +
          " lowers it: the trainer declares that " + knob.name +
          " protects \"down\", and its base is " + number_text(base));
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
  if (fit->items == wire::Items::kDistribution) {
    add(Severity::kError, action.place, where + " carries distributions, not a number");
    return;
  }
  if (std::holds_alternative<PerSampleController>(action.controller)) {
    if (knob.form == wire::Form::kConvex) {
      add(Severity::kError, action.place,
          where + " needs an additive penalty: a convex one weighs the whole loss of the step");
    }
    if (fit->items != wire::Items::kSample) {
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
  const Words sites = texts_of(knob.sites);
  if (holds(sites, action.site.text())) return;
  const std::string near = nearest(action.site.text(), sites);
  add(Severity::kError, action.place,
      " moves " + knob.name + " to the site " + quoted(action.site.text(), 60) +
          ", which the trainer did not declare (declared: " + or_none(sites) + ")" +
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
