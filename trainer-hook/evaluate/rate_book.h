// The answers that count for one rate, by where they come from. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "monitor/base/result.h"
#include "monitor/stats/wilson.h"
#include "trainer-hook/evaluate/answers.h"

namespace phaseguard::evaluate {

class RateBook {
 public:
  void add(const Origin& origin, bool hit);
  [[nodiscard]] bool empty() const { return entries_.empty(); }

  // None: no answer. Errors: confidence outside (0, 1).
  [[nodiscard]] Result<std::optional<stats::Rate>> rate(double confidence) const;

 private:
  struct Entry {
    Origin origin;
    bool hit = false;
  };
  std::vector<Entry> entries_;
  std::set<std::string> worlds_, seeds_;
  bool prompts_named_ = false;
};

}  // namespace phaseguard::evaluate
