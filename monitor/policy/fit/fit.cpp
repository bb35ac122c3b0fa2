// Policy against declaration: check_fit.
#include <algorithm>
#include <cmath>
#include <string>

#include "monitor/base/text.h"
#include "monitor/policy/document.h"
#include "monitor/policy/fit/fit_parts.h"
#include "monitor/run/protection.h"

namespace phaseguard::policy {

namespace {

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
  void check_knob(std::size_t index);
};

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
  const wire::Protects protects = run::protects_of(declared->protects);
  if (spec.protects && *spec.protects != protects) {
    add(Severity::kError, spec.place,
        where + " protects = \"" + std::string(wire::text_of(*spec.protects)) +
            "\", and the trainer declares that " + spec.name + " protects \"" +
            std::string(wire::text_of(protects)) + "\"; one of the two is wrong");
  }
}

}  // namespace

std::vector<Diagnostic> check_fit(const Document& document, const wire::Hello& hello) {
  Fit fit{document, hello, {}};
  for (std::size_t i = 0; i < document.knobs.size(); ++i) fit.check_knob(i);
  for (const DetectorSpec& spec : document.detectors) check_detector_fit(spec, hello, fit.out);
  for (const RuleSpec& rule : document.rules) check_rule_fit(document, rule, hello, fit.out);
  std::stable_sort(fit.out.begin(), fit.out.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return a.line != b.line ? a.line < b.line : a.column < b.column;
  });
  return std::move(fit.out);
}

Result<void> fits(const Document& document, const wire::Hello& hello) {
  std::string misfits;
  for (const Diagnostic& diagnostic : check_fit(document, hello)) {
    if (diagnostic.severity != Severity::kError) continue;
    misfits += (misfits.empty() ? "" : "; ") + diagnostic.message;
  }
  if (misfits.empty()) return {};
  return fail(Errc::kRefused,
              "policy \"" + document.name + "\" does not fit this trainer: " + misfits);
}

}  // namespace phaseguard::policy
