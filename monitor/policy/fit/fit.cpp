// Policy against declaration: check_fit.
#include <algorithm>
#include <cmath>
#include <string>

#include "monitor/base/check.h"
#include "monitor/base/text.h"
#include "monitor/policy/asks.h"
#include "monitor/policy/document.h"
#include "monitor/policy/fit/fit_parts.h"
#include "monitor/policy/source.h"
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
  template <class Decl>
  void check_asks(const std::string& where, const std::vector<Ask>& asks,
                  const std::vector<AskRow<Decl>>& rows, const Decl& declared);
  void check_knob(std::size_t index);
  void check_signal(const SignalSpec& spec);
};

// What the trainer does not say cannot be known, so that it does not fit either.
template <class Decl>
void Fit::check_asks(const std::string& where, const std::vector<Ask>& asks,
                     const std::vector<AskRow<Decl>>& rows, const Decl& declared) {
  for (const Ask& ask : asks) {
    const AskRow<Decl>* row = find_ask(rows, ask.key);
    PHASEGUARD_CHECK(row != nullptr);
    const std::string said = row->said(declared);
    if (said == ask.word) continue;
    const auto shown = [&](const std::string& word) {
      return row->is_flag ? word : quoted(word, 60);
    };
    add(Severity::kError, ask.place,
        where + ": the policy asks for " + ask.key + " " + shown(ask.word) + ", the trainer " +
            (said.empty() ? "does not say; declare it, or take the key out of the policy"
                          : "declares " + shown(said) +
                                "; what was found under one does not hold under the other"));
  }
}

void Fit::check_signal(const SignalSpec& spec) {
  std::int64_t item = -1;
  if (const wire::SignalDecl* declared = find_declared(hello, spec.name, item)) {
    check_asks("[signal." + quoted(spec.name, 128) + "]", spec.asks, signal_asks(), *declared);
    return;
  }
  const Words read = signals_read(document);
  // Else what reads it reports it.
  if (std::find(read.begin(), read.end(), spec.name) != read.end()) return;
  undeclared(spec.place, "signal", spec.name, names_of(hello.signals));
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
  check_asks(where, spec.asks, knob_asks(), *declared);
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

std::vector<Diagnostic> check_fit(const Document& as_written, const wire::Hello& hello) {
  const Document document = resolved(as_written, hello);
  Fit fit{document, hello, {}};
  for (std::size_t i = 0; i < document.knobs.size(); ++i) fit.check_knob(i);
  for (const SignalSpec& spec : document.signals) fit.check_signal(spec);
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
