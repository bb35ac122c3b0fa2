// Policies of one or two level detectors on s/0 and s/1 (every 5 steps), for tests of rules.
#pragma once

#include <string>

#include "tests/policy/support.h"

namespace phaseguard::policy {

inline wire::Hello rules_hello() {
  wire::Hello hello = usual_hello();
  hello.knobs[0].per_sample = true;
  hello.knobs[0].sites = {wire::Site::kBatch, wire::Site::kReplay};
  wire::SignalDecl items = signal_decl("s/items", 0);
  items.items = wire::Items::kSample;
  wire::SignalDecl risk = signal_decl("s/risk", 0);
  hello.signals.push_back(signal_decl("s/0"));
  hello.signals.push_back(signal_decl("s/1"));
  hello.signals.push_back(risk);
  hello.signals.push_back(items);
  return hello;
}

// `knob`: more keys of [knob.kl].
inline std::string head(const std::string& knob = "") {
  return "version = 1\nname = \"t\"\n[knob.kl]\nbase = 0.0\nmax = 4.0\n" + knob;
}

inline std::string detector(const std::string& name, const std::string& signal,
                            const std::string& more = "") {
  return "[detector." + name + "]\nsignal = \"" + signal + "\"\ntype = \"level\"\nabove = 0.5\n" +
         more;
}

// One detector d on s/0 and a rule on it with these keys.
inline std::string one_rule(const std::string& keys, const std::string& knob = "") {
  return head(knob) + detector("d", "s/0") + "[rule.r]\nof = [\"d\"]\n" + keys;
}

}  // namespace phaseguard::policy
