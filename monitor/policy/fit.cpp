// Policy against declaration: check_fit, and the form of describe that knows the units.
#include <algorithm>
#include <cmath>
#include <string>

#include "monitor/base/text.h"
#include "monitor/policy/document.h"
#include "monitor/policy/tracker.h"

namespace phaseguard::policy {

namespace {

using Words = std::vector<std::string>;

std::string or_none(const Words& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text.empty() ? "none" : text;
}

template <class Decl>
Words names_of(const std::vector<Decl>& declared) {
  Words names;
  for (const Decl& decl : declared) names.push_back(decl.name);
  return names;
}

struct Fit {
  const Document& document;
  const wire::Hello& hello;
  std::vector<Diagnostic> out;

  void add(Severity severity, Place place, std::string message) {
    out.push_back({severity, place.line, place.column, std::move(message)});
  }
  void undeclared(Place place, const std::string& what, const std::string& name,
                  const Words& declared) {
    const std::string near = nearest(name, declared);
    add(Severity::kError, place,
        "the policy uses the " + what + " " + quoted(name, 128) +
            ", which the trainer did not declare (declared: " + or_none(declared) + ")" +
            (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
  }
  void check_detector(const DetectorSpec& spec);
  void check_knob(std::size_t index);
  void check_rule(const RuleSpec& rule);
};

void Fit::check_detector(const DetectorSpec& spec) {
  std::int64_t item = -1;
  const wire::SignalDecl* declared = find_declared(hello, spec.signal, item);
  const std::string where = "[detector." + spec.name + "]";
  if (declared == nullptr) {
    undeclared(spec.place, "signal", spec.signal, names_of(hello.signals));
    return;
  }
  if (!spec.variant.empty() && spec.variant != declared->variant) {
    add(Severity::kError, spec.place,
        where + " has a threshold for the variant " + quoted(spec.variant, 60) + " of " +
            spec.signal + "; the trainer measures " + quoted(declared->variant, 60) +
            ": calibrate the threshold anew for it");
  }
  if (spec.above >= declared->max) {
    add(Severity::kWarning, spec.place,
        where + " never holds: " + spec.signal + " is declared up to " +
            number_text(declared->max) + " and the threshold is " + number_text(spec.above));
  }
  const bool by_cadence = declared->every_steps == 0 && hello.cadence_steps > 0 &&
                          declared->name.rfind("canary/", 0) == 0;
  if (declared->every_steps <= 0 && !by_cadence) {
    add(Severity::kWarning, spec.place,
        where + ": the trainer declares no cadence for " + spec.signal +
            ", so the earliest firing step is not known and missing values are not noticed");
  }
}

void Fit::check_knob(std::size_t index) {
  const KnobSpec& spec = document.knobs[index];
  const auto declared = std::find_if(hello.knobs.begin(), hello.knobs.end(),
                                     [&](const wire::KnobDecl& k) { return k.name == spec.name; });
  if (declared == hello.knobs.end()) {
    undeclared(spec.place, "knob", spec.name, names_of(hello.knobs));
    return;
  }
  const auto check = [&](Place place, const std::string& what, double value) {
    if (value >= declared->min && value <= declared->max) return;
    add(Severity::kError, place,
        what + " = " + number_text(value) + " is outside the trainer's range of " + spec.name +
            ", " + number_text(declared->min) + " to " + number_text(declared->max));
  };
  const std::string where = "[knob." + spec.name + "]";
  check(spec.place, where + " base", spec.base);
  if (spec.substitute) check(spec.place, where + " substitute", *spec.substitute);
  for (const RuleSpec& rule : document.rules) {
    for (const KnobAction& action : rule.sets) {
      if (action.knob != index) continue;
      check(rule.place, "[rule." + rule.name + "] set." + spec.name,
            std::get<ConstantController>(action.controller).value);
    }
  }
}

void Fit::check_rule(const RuleSpec& rule) {
  for (const std::string& request : rule.requests) {
    const auto& can = hello.requests;
    if (std::find(can.begin(), can.end(), request) != can.end()) continue;
    add(Severity::kError, rule.place,
        "[rule." + rule.name + "] requests \"" + request +
            "\", which the trainer cannot do (it can: " + or_none(can) + ")");
  }
}

}  // namespace

std::vector<Diagnostic> check_fit(const Document& document, const wire::Hello& hello) {
  Fit fit{document, hello, {}};
  for (std::size_t i = 0; i < document.knobs.size(); ++i) fit.check_knob(i);
  for (const DetectorSpec& spec : document.detectors) fit.check_detector(spec);
  for (const RuleSpec& rule : document.rules) fit.check_rule(rule);
  std::stable_sort(fit.out.begin(), fit.out.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return a.line != b.line ? a.line < b.line : a.column < b.column;
  });
  return std::move(fit.out);
}

wire::PolicyLoaded describe(const Document& document, const wire::Hello& hello) {
  wire::PolicyLoaded loaded = describe(document);
  for (wire::DetectorInfo& info : loaded.detectors) {
    std::int64_t item = -1;
    const wire::SignalDecl* declared = find_declared(hello, info.signal, item);
    if (declared != nullptr) info.unit = declared->unit;
  }
  return loaded;
}

}  // namespace phaseguard::policy
