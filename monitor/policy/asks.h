// The keys by which a policy asks what a knob or a signal means, a row each: the parser, check_fit
// and those who make up a declaration that fits (explain, the pre-flight) go by the rows. Pure; any
// thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monitor/policy/ask.h"
#include "monitor/policy/document.h"
#include "monitor/wire/messages.h"

namespace phaseguard::policy {

template <class Decl>
struct AskRow {
  const char* key;
  std::vector<std::string> words;    // the legal ones; empty: any text
  bool is_flag;                      // true or false in the file, and never "not said"
  std::string (*said)(const Decl&);  // as declared; "": the trainer does not say
  void (*say)(Decl&, const std::string& word);
};

// unit, site, direction, mask, normaliser, form, per_sample.
[[nodiscard]] const std::vector<AskRow<wire::KnobDecl>>& knob_asks();
// unit, variant.
[[nodiscard]] const std::vector<AskRow<wire::SignalDecl>>& signal_asks();

// The row of this key; null: nothing can be asked by it.
template <class Decl>
[[nodiscard]] const AskRow<Decl>* find_ask(const std::vector<AskRow<Decl>>& rows,
                                           std::string_view key) {
  for (const AskRow<Decl>& row : rows) {
    if (row.key == key) return &row;
  }
  return nullptr;
}

// Declares what is asked for.
void assume(wire::KnobDecl& knob, const std::vector<Ask>& asks);
void assume(wire::SignalDecl& signal, const std::vector<Ask>& asks);

// What the file asks of this signal; null: nothing.
[[nodiscard]] const SignalSpec* find_signal_spec(const Document& document, std::string_view name);

// The signals that detectors and controllers name, each once, in the order of the file: a signal, a
// canary's item, a group "canary/js/*".
[[nodiscard]] std::vector<std::string> signals_read(const Document& document);

// Is what is named `read` the declared signal `name`, its items, or a group that has it as a
// member?
[[nodiscard]] bool is_read_as(std::string_view name, std::string_view read);

}  // namespace phaseguard::policy
