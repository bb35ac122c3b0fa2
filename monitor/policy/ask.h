// What a policy asks of the meaning of a knob or a signal: `direction = "model_ref"` in [knob.kl],
// `unit = "nats"` in [signal."canary/js"]. A value or a threshold that was found under one meaning
// does not hold under another. Part of document.h; plain data; asks.h has the keys.
#pragma once

#include <string>
#include <vector>

#include "monitor/policy/place.h"

namespace phaseguard::policy {

// The trainer must declare this very word under this key. What is not asked for may be anything.
struct Ask {
  std::string key;
  std::string word;  // of a flag: "true" or "false"
  Place place;
};

// [signal."NAME"]: of one declared signal that a detector or a controller reads.
struct SignalSpec {
  std::string name;
  std::vector<Ask> asks;  // at least one, in the order of signal_asks()
  Place place;
};

}  // namespace phaseguard::policy
