// A machine's state as one line of JSON: what compare_test.py compares with the reference model.
// Doubles are the 16 hexadecimal digits of their bits; every NaN is "nan". For the tests of the
// policy engine only.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include "monitor/policy/engine/machine.h"
#include "monitor/wire/codec.h"

namespace phaseguard::policy::trace {

// Builds one line of JSON; strings are a test's own names, without quotes or backslashes but in
// texts for persons, which are left out.
class Json {
 public:
  Json& key(const char* name) {
    comma();
    out += '"';
    out += name;
    out += "\":";
    fresh_ = true;
    return *this;
  }
  Json& open(char bracket) {
    comma();
    out += bracket;
    fresh_ = true;
    return *this;
  }
  Json& close(char bracket) {
    out += bracket;
    fresh_ = false;
    return *this;
  }
  Json& put(const std::string& text) { return raw('"' + text + '"'); }
  Json& put(const char* text) { return put(std::string(text)); }
  Json& put(std::int64_t n) { return raw(std::to_string(n)); }
  Json& put(Step step) { return put(step.value); }
  Json& put(bool flag) { return raw(flag ? "1" : "0"); }
  Json& put(double x) {
    if (x != x) return raw("\"nan\"");
    const auto bits = std::bit_cast<std::uint64_t>(x);
    std::string hex(18, '"');
    for (int i = 0; i < 16; ++i) hex[16 - i] = "0123456789abcdef"[bits >> (4 * i) & 15U];
    return raw(hex);
  }

  std::string out;

 private:
  void comma() {
    if (!fresh_) out += ',';
    fresh_ = true;
  }
  Json& raw(const std::string& text) {
    comma();
    out += text;
    fresh_ = false;
    return *this;
  }
  bool fresh_ = true;
};

inline void put_knobs(Json& json, const std::vector<wire::KnobSetting>& knobs) {
  json.open('[');
  for (const wire::KnobSetting& k : knobs) {
    json.open('[').put(k.value).open('[');
    for (const double item : k.items) json.put(item);
    json.close(']').put(k.cause.text()).put(k.decision).put(k.site.text()).close(']');
  }
  json.close(']');
}

// Of each knob the batch that its value is for, and what any other one gets.
inline void put_batches(Json& json, const std::vector<wire::KnobSetting>& knobs) {
  json.open('[');
  for (const wire::KnobSetting& k : knobs) json.open('[').put(k.batch).put(k.unscored).close(']');
  json.close(']');
}

inline void put_detectors(Json& json, const std::vector<wire::DetectorEvidence>& detectors) {
  json.open('[');
  for (const wire::DetectorEvidence& d : detectors) {
    json.open('[').put(d.step).put(static_cast<std::int64_t>(d.quality)).put(d.value);
    json.put(d.statistic).put(d.threshold).put(d.streak).put(d.needed).put(d.n).put(d.warmup);
    json.put(d.voting).close(']');
  }
  json.close(']');
}

inline void put_rules(Json& json, const std::vector<wire::RuleEvidence>& rules) {
  json.open('[');
  for (const wire::RuleEvidence& r : rules) {
    json.open('[').put(r.state.text()).put(r.votes).put(r.needed).put(r.of).put(r.earliest_step);
    json.put(r.fired_step).put(r.at_floor).close(']');
  }
  json.close(']');
}

inline void put_decision(Json& json, const wire::Decision& d) {
  json.open('{');
  json.key("id").put(d.id).key("because").put(d.because.value).key("v").put(d.state_version);
  put_knobs(json.key("before"), d.before);
  put_knobs(json.key("after"), d.knobs);
  json.key("requests").open('[');
  for (const wire::Request& r : d.requests) {
    json.open('[').put(r.id).put(r.type.text()).put(r.decision).put(r.before_step).close(']');
  }
  json.close(']').key("alerts").open('[');
  for (const wire::Alert& a : d.alerts)
    json.open('[').put(a.severity.text()).put(a.source.text()).close(']');
  json.close(']').key("said").put(!d.summary.empty());
  json.close('}');
}

// The encoded decision, byte for byte.
inline std::string hex_of(const wire::Decision& decision) {
  wire::Message message;
  message.body = decision;
  std::string hex;
  for (const char c : wire::encode(message)) {
    const auto byte = static_cast<unsigned char>(c);
    hex += "0123456789abcdef"[byte >> 4U];
    hex += "0123456789abcdef"[byte & 15U];
  }
  return hex;
}

inline std::string state_line(const Machine& machine, const std::optional<wire::Decision>& decision,
                              const std::string& verdict, bool with_bytes) {
  Json json;
  json.open('{');
  put_knobs(json.key("k"), machine.settings());
  put_batches(json.key("b"), machine.settings_to_send());
  put_detectors(json.key("d"), machine.detector_evidence());
  put_rules(json.key("r"), machine.rule_evidence());
  json.key("v")
      .put(machine.state_version())
      .key("c")
      .put(std::string(wire::text_of(machine.control())));
  json.key("f").put(machine.first_out()).key("verdict").put(verdict);
  const wire::OverrideStatus o = machine.override_status();
  json.key("o").open('[').put(o.active).put(o.knob).put(o.value).put(o.operator_name);
  json.put(o.expires_step).close(']');
  if (decision) put_decision(json.key("decision"), *decision);
  if (decision && with_bytes) json.key("bytes").put(hex_of(*decision));
  json.close('}');
  return json.out;
}

}  // namespace phaseguard::policy::trace
