#include "monitor/policy/asks.h"

#include <algorithm>

namespace phaseguard::policy {

namespace {

template <class E>
std::vector<std::string> words_of() {
  return {wire::Words<E>::kTexts.begin(), wire::Words<E>::kTexts.end()};
}

template <class Decl, std::string Decl::*kField>
AskRow<Decl> text_row(const char* key) {
  return {key,
          {},
          false,
          [](const Decl& decl) { return decl.*kField; },
          [](Decl& decl, const std::string& word) { decl.*kField = word; }};
}

template <class E, wire::Word<E> wire::KnobDecl::*kField>
AskRow<wire::KnobDecl> word_row(const char* key) {
  return {key, words_of<E>(), false,
          [](const wire::KnobDecl& knob) { return (knob.*kField).text(); },
          [](wire::KnobDecl& knob, const std::string& word) {
            knob.*kField = wire::Word<E>::from(word);
          }};
}

AskRow<wire::KnobDecl> per_sample_row() {
  return {
      "per_sample",
      {"true", "false"},
      true,
      [](const wire::KnobDecl& knob) { return std::string(knob.per_sample ? "true" : "false"); },
      [](wire::KnobDecl& knob, const std::string& word) { knob.per_sample = word == "true"; }};
}

template <class Decl>
void assume_all(Decl& decl, const std::vector<Ask>& asks, const std::vector<AskRow<Decl>>& rows) {
  for (const Ask& ask : asks) {
    if (const AskRow<Decl>* row = find_ask(rows, ask.key)) row->say(decl, ask.word);
  }
}

bool begins_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

}  // namespace

const std::vector<AskRow<wire::KnobDecl>>& knob_asks() {
  using wire::KnobDecl;
  static const std::vector<AskRow<KnobDecl>> kRows{
      text_row<KnobDecl, &KnobDecl::unit>("unit"),
      word_row<wire::Site, &KnobDecl::site>("site"),
      word_row<wire::Direction, &KnobDecl::direction>("direction"),
      word_row<wire::Mask, &KnobDecl::mask>("mask"),
      word_row<wire::Normaliser, &KnobDecl::normaliser>("normaliser"),
      word_row<wire::Form, &KnobDecl::form>("form"),
      per_sample_row()};
  return kRows;
}

const std::vector<AskRow<wire::SignalDecl>>& signal_asks() {
  using wire::SignalDecl;
  static const std::vector<AskRow<SignalDecl>> kRows{
      text_row<SignalDecl, &SignalDecl::unit>("unit"),
      text_row<SignalDecl, &SignalDecl::variant>("variant")};
  return kRows;
}

void assume(wire::KnobDecl& knob, const std::vector<Ask>& asks) {
  assume_all(knob, asks, knob_asks());
}

void assume(wire::SignalDecl& signal, const std::vector<Ask>& asks) {
  assume_all(signal, asks, signal_asks());
}

const SignalSpec* find_signal_spec(const Document& document, std::string_view name) {
  for (const SignalSpec& spec : document.signals) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

std::vector<std::string> signals_read(const Document& document) {
  std::vector<std::string> out;
  const auto add = [&](const SourceSpec& source) {
    for (const std::string& name : {source.signal, source.minus, source.over}) {
      if (name.empty() || std::find(out.begin(), out.end(), name) != out.end()) continue;
      out.push_back(name);
    }
  };
  for (const DetectorSpec& detector : document.detectors) add(detector.source);
  for (const RuleSpec& rule : document.rules) {
    for (const KnobAction& action : rule.sets) {
      if (const SourceSpec* source = source_of(action.controller)) add(*source);
    }
  }
  return out;
}

bool is_read_as(std::string_view name, std::string_view read) {
  if (read == name) return true;
  if (begins_with(read, std::string(name) + "/")) return true;  // its items, or one of them
  const bool is_group = read.size() > 2 && read.substr(read.size() - 2) == "/*";
  return is_group && begins_with(name, read.substr(0, read.size() - 1));
}

}  // namespace phaseguard::policy
