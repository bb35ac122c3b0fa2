// `phaseguard watch` where no terminal is: the feed as text, a line for each thing that matters.
#pragma once

#include <vector>

#include "monitor/base/types.h"
#include "monitor/contexts/contexts.h"
#include "monitor/ctl/live/live_client.h"

namespace phaseguard::ctl {

struct LinesOptions {
  RunId run;  // as contexts::run_named() says; empty: all
  double timeout_s = 10.0;
  double for_s = 0.0;  // 0: until SIGINT or SIGTERM
  bool as_json = false;
};

// The exit code.
[[nodiscard]] int watch_lines(const std::vector<contexts::Daemon>& daemons,
                              const LinesOptions& options);

}  // namespace phaseguard::ctl
